"""The table of proposals: each goes one way only, once, whoever else writes."""

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import get_args

import pytest

from candlegraph.memory.books.approvals import ApprovalRequest, Proposals, ProposalStatus
from candlegraph.memory.storage.database import close_engine

AS_OF = datetime(2025, 3, 1, 12, tzinfo=UTC)
ALLOWED = {
    ("pending", "approved"),
    ("pending", "rejected"),
    ("pending", "expired"),
    ("approved", "used"),
    ("approved", "expired"),
}
WAYS: dict[ProposalStatus, tuple[ProposalStatus, ...]] = {
    "pending": (),
    "approved": ("approved",),
    "rejected": ("rejected",),
    "expired": ("expired",),
    "used": ("approved", "used"),
}


def request(**changes):
    known = {
        "namespace": "dry_run",
        "pair": "BTC/USDT:USDT",
        "candle": AS_OF - timedelta(minutes=30),
        "as_of": AS_OF,
        "expires_at": AS_OF + timedelta(minutes=10),
        "action": "enter_long",
        "side": "long",
        "leverage": 3,
        "stake": 100,
        "stop": 97,
        "take_profit": None,
        "price": 100,
        "risk": 9.3,
        "confidence": 70,
        "reason": "pull-back",
    }
    return ApprovalRequest(**known | changes)


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "rag" / "candlegraph.sqlite"
    yield path
    close_engine(path)


@pytest.fixture
def table(path):
    return Proposals(path)


def status_of(table, one):
    return table.by_id([one.id])[one.id].status


def brought_to(table, status, one):
    table.ask(one, AS_OF)
    for step in WAYS[status]:
        assert table.move(one.id, step, AS_OF)


@pytest.mark.parametrize("after", ["approved", "rejected", "expired", "used"])
@pytest.mark.parametrize("before", get_args(ProposalStatus))
def test_a_status_changes_only_along_its_way(before, after, table):
    one = request()
    brought_to(table, before, one)
    assert table.move(one.id, after, AS_OF) == ((before, after) in ALLOWED)
    assert status_of(table, one) == (after if (before, after) in ALLOWED else before)


@pytest.mark.parametrize("before", get_args(ProposalStatus))
def test_only_an_expired_question_is_opened_again(before, table):
    one = request()
    brought_to(table, before, one)
    table.ask(one, AS_OF)
    assert status_of(table, one) == ("pending" if before == "expired" else before)


def test_a_request_comes_back_as_it_was_with_a_person_s_words(table):
    one = request()
    table.ask(one, AS_OF)
    table.move(one.id, "rejected", AS_OF, "no" * 300)
    stored = table.by_id([one.id])[one.id]
    assert stored.request == one
    assert stored.note == "no" * 100


def test_a_prefix_finds_and_namespaces_stay_apart(table):
    ours, other = request(), request(namespace="live")
    table.ask(ours, AS_OF)
    table.ask(other, AS_OF + timedelta(seconds=1))
    assert [one.request for one in table.find(ours.id[:6], None)] == [ours]
    assert table.find(ours.id[:6], "live") == []
    assert table.find("%", None) == table.find("______", None) == []
    assert [one.request for one in table.pending(None)] == [other, ours]
    assert [one.request for one in table.pending("dry_run")] == [ours]


def test_a_restart_expires_what_is_open_in_its_namespace_only(table):
    prices = {"pending": 1.0, "approved": 2.0, "rejected": 3.0, "used": 4.0}
    made = {status: request(price=price) for status, price in prices.items()}
    for status, one in made.items():
        brought_to(table, status, one)
    foreign = request(namespace="live")
    table.ask(foreign, AS_OF)
    assert table.void("dry_run", AS_OF, "restart") == 2
    found = {status: status_of(table, one) for status, one in made.items()}
    assert found == {"pending": "expired", "approved": "expired", "rejected": "rejected", "used": "used"}
    assert status_of(table, foreign) == "pending"


def race(path, moves):
    """Make all moves at the same moment, each on its own connection; return which succeeded."""
    won, barrier = [], threading.Barrier(len(moves))

    def run(request_id, status):
        barrier.wait()
        if Proposals(path).move(request_id, status, AS_OF):
            won.append(status)

    threads = [threading.Thread(target=run, args=move) for move in moves]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return won


@pytest.mark.parametrize("number", range(10))
def test_of_two_answers_at_the_same_moment_one_counts(number, table, path):
    one = request(price=100 + number)
    table.ask(one, AS_OF)
    (winner,) = race(Path(path), [(one.id, "approved"), (one.id, "rejected")])
    assert status_of(table, one) == winner


def test_an_approval_is_used_once_by_many_at_the_same_moment(table, path):
    one = request()
    brought_to(table, "approved", one)
    assert race(Path(path), [(one.id, "used")] * 8) == ["used"]
