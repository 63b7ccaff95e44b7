"""Which orders explain what happened to a position, and who sent them."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from candlegraph.freqtrade_bridge.audit.adoption import cause_of, enough
from candlegraph.freqtrade_bridge.audit.following import explained
from candlegraph.freqtrade_bridge.audit.seen import SeenOrder

NOW = datetime(2025, 11, 20, 12, tzinfo=UTC)


def order(number, filled, client_id="x-cvBPrNm9a"):
    at = NOW + timedelta(minutes=number)
    return SeenOrder(
        id=str(number), side="sell", filled=filled, price=100.0, client_id=client_id, reduces=True, at=at, row={}
    )


orders = st.lists(st.integers(1, 9), max_size=5).map(lambda sizes: [order(n, 0.1 * s) for n, s in enumerate(sizes)])


@given(orders, st.integers(1, 30).map(lambda steps: 0.1 * steps))
def test_the_oldest_orders_that_suffice_explain_what_is_missing_and_too_few_explain_nothing(known, missing):
    found, total = explained(missing, known), sum(one.filled for one in known)
    if found is None:
        assert total < missing - 1e-9
    else:
        assert list(found) == known[: len(found)]
        assert sum(one.filled for one in found) >= missing - 1e-9
        assert sum(one.filled for one in found[:-1]) < missing - 1e-9


def test_the_newest_orders_that_suffice_made_a_position():
    known = [order(0, 1.0), order(1, 2.0), order(2, 0.5)]
    assert enough(2.5, known) == (known[1], known[2])
    assert enough(0.5, known) == (known[2],)
    assert enough(4.0, known) is None


@pytest.mark.parametrize(
    ("client_id", "sender"),
    [
        ("x-cvBPrNm9f3a", "bot"),
        ("cg-0123", "bot"),
        ("web_abc", "person"),
        ("ios_abc", "person"),
        ("", "person"),
        ("autoclose-1", "exchange"),
        ("adl_autoclose", "exchange"),
    ],
)
def test_an_orders_client_number_tells_who_sent_it(client_id, sender):
    assert order(0, 1.0, client_id).sender == sender


def test_a_position_is_a_lost_entry_only_where_the_bot_sent_all_of_it():
    assert cause_of([order(0, 1.0)]) == "answer_lost"
    assert cause_of([order(0, 1.0), order(1, 1.0, "web_1")]) == "by_hand"
    assert cause_of(None) == cause_of([]) == "by_hand"
