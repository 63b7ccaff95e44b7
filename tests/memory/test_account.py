"""Peak, day and halt of an account: measured by arithmetic, kept in the database."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from candlegraph.graph.schema.market import Account
from candlegraph.memory.books.account import AccountBook, AccountMark, marked, measured

NOON = datetime(2025, 3, 1, 12, tzinfo=UTC)


def seen(equity):
    return Account(equity=equity, free=equity, open_positions=0)


def after(*equities, hours=1):
    mark = None
    for number, equity in enumerate(equities):
        mark = marked(mark, equity, NOON + timedelta(hours=number * hours))
    return mark


@pytest.mark.parametrize(
    "equities, hours, drawdown, day",
    [
        ((1000.0,), 1, 0, 0),
        ((1000.0, 900.0), 1, 10, -10),
        ((1000.0, 1200.0, 900.0), 1, 25, -10),
        ((1000.0, 1200.0, 900.0), 7, 25, 0),
        ((1000.0, 1200.0, 900.0), 4, 25, -10),
        ((1000.0, 900.0, 990.0), 24, 1, 0),
        ((1000.0, 0.0), 1, 100, -100),
    ],
)
def test_drawdown_is_from_the_peak_and_the_day_from_its_first_equity(equities, hours, drawdown, day):
    account = measured(after(*equities, hours=hours), seen(equities[-1]))
    assert account.drawdown_pct == pytest.approx(drawdown)
    assert account.day_profit_pct == pytest.approx(day)


@given(st.lists(st.floats(0, 1e9), min_size=1, max_size=30))
def test_the_peak_is_the_highest_equity_and_the_drawdown_stays_in_range(equities):
    mark = after(*equities)
    assert mark.peak == max(equities)
    assert 0 <= measured(mark, seen(equities[-1])).drawdown_pct <= 100


def test_a_mark_survives_a_restart_until_it_is_reset(tmp_path):
    path = tmp_path / "memory.sqlite"
    mark = AccountMark(peak=10, day="2025-03-01", day_equity=9, halted_at=NOON, reason="because")
    AccountBook(path).keep("live", mark)
    AccountBook(path).keep("dry_run", mark.model_copy(update={"peak": 5}))
    assert AccountBook(path).mark("live") == mark
    assert AccountBook(path).namespaces() == ("dry_run", "live")
    assert AccountBook(path).reset("live") == mark
    assert AccountBook(path).mark("live") is None
    assert AccountBook(path).mark("dry_run").peak == 5
