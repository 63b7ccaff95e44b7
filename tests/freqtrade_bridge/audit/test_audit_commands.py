"""`candlegraph audit`, `adopt`, `flatten`: a person sees what waits, and decides; the bot carries it out."""

import json
from datetime import UTC, datetime

import pytest

from candlegraph.freqtrade_bridge.commands.main import main
from candlegraph.graph.settings.places import DATABASE
from candlegraph.memory.books.audit import AuditBook, AuditRow, Hold

PAIR = "BTC/USDT:USDT"
AT = datetime(2025, 11, 20, 12, tzinfo=UTC)


@pytest.fixture
def book(tmp_path):
    book = AuditBook(tmp_path / DATABASE)
    book.keep(Hold(namespace="live", pair=PAIR, since=AT, side="long", amount=0.03, entry=100.0, cause="by_hand"))
    row = {"namespace": "live", "at": AT, "pair": PAIR, "kind": "position_unknown", "found": "a long of 0.03"}
    book.append(AuditRow(**row, done="it has a stop", todo=f"`candlegraph adopt {PAIR}`"))
    return book


def test_audit_shows_what_waits_and_what_was_found(book, tmp_path, capsys):
    assert main(["audit", "--userdir", str(tmp_path)]) == 0
    shown = capsys.readouterr().out
    assert "Positions that wait for you" in shown and "candlegraph flatten" in shown
    assert "a long of 0.03; it has a stop" in shown
    assert main(["audit", "--json", "--userdir", str(tmp_path)]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert (found["holds"][0]["pair"], found["findings"][0]["kind"]) == (PAIR, "position_unknown")


@pytest.mark.parametrize("wish", ["adopt", "flatten"])
def test_a_decision_is_kept_for_the_bots_next_loop(book, tmp_path, wish, capsys):
    assert main([wish, PAIR, "--userdir", str(tmp_path)]) == 0
    assert [one.wanted for one in book.holds("live")] == [wish]
    assert "next loop" in " ".join(capsys.readouterr().out.split())


def test_a_pair_that_waits_for_nothing_cannot_be_decided(book, tmp_path, capsys):
    assert main(["adopt", "ETH/USDT:USDT", "--userdir", str(tmp_path)]) == 1
    assert f"no position of it waits in 'live'; there are: {PAIR}" in " ".join(capsys.readouterr().err.split())


def test_a_released_pair_waits_no_more_and_another_namespace_is_untouched(book):
    book.keep(Hold(namespace="other", pair=PAIR, since=AT, side="long", amount=1.0, entry=1.0, cause="answer_lost"))
    book.release("live", PAIR)
    assert not book.holds("live") and [one.namespace for one in book.holds()] == ["other"]
