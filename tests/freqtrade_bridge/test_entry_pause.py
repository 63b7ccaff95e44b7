"""Entries pause after failed candles in a row, until a candle succeeds."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from candlegraph.freqtrade_bridge.decisions.admission import EntryPause, paused
from candlegraph.graph.schema.signal import TradeSignal

FIRST = datetime(2025, 3, 1, tzinfo=UTC)


def candle(number):
    return FIRST + number * timedelta(minutes=30)


def after(limit, *candles):
    """Return the pause after candles of (decided, failed), and what it said on the way."""
    pause, said = EntryPause(limit), []
    for number, (decided, failed) in enumerate(candles):
        said.append(pause.note(candle(number), decided=decided, failed=failed))
    return pause, said


def test_it_begins_with_the_last_of_the_failed_candles_and_says_so_once():
    pause, said = after(3, (2, 2), (2, 2), (2, 2), (2, 2))
    assert pause.is_on
    assert said[0] is said[1] is said[3] is None
    assert said[2].startswith("the models failed on 3 candles in a row: entries pause")


def test_a_candle_that_succeeds_ends_it_and_the_count_begins_anew():
    pause, said = after(2, (1, 1), (1, 1), (1, 0), (1, 1))
    assert not pause.is_on
    assert said[2] == "the models answer again: entries go on with the next candle"


@pytest.mark.parametrize("decided, failed, is_on", [(1, 0, False), (1, 1, True), (4, 1, False), (4, 2, True)])
def test_a_candle_failed_when_at_least_half_of_its_decisions_did(decided, failed, is_on):
    assert after(1, (decided, failed))[0].is_on is is_on


def test_decisions_of_one_candle_that_come_in_several_loops_are_one_candle():
    pause = EntryPause(2)
    for _ in range(5):
        pause.note(candle(0), decided=1, failed=1)
    assert not pause.is_on
    pause.note(candle(1), decided=1, failed=1)
    assert pause.is_on


@given(st.lists(st.booleans(), max_size=30), st.integers(1, 5))
def test_it_is_on_exactly_while_the_last_candles_all_failed(failures, limit):
    pause, _ = after(limit, *((1, int(failed)) for failed in failures))
    assert pause.is_on == (len(failures) >= limit and all(failures[-limit:]))


SIGNALS = {
    "enter_long": "wait",
    "enter_short": "wait",
    "exit": "exit",
    "hold": "hold",
    "wait": "wait",
}


@pytest.mark.parametrize("action, left", SIGNALS.items())
def test_only_what_opens_risk_is_refused(action, left, make_snapshot):
    snapshot = make_snapshot("long" if action in ("exit", "hold") else None)
    signal = TradeSignal(action=action, confidence=70, reason="r", source="model", decision_id="d")
    found = paused(signal, snapshot)
    assert (found.action, found.decision_id) == (left, "d")
    assert (found.source == "veto") == action.startswith("enter")
    assert ("llm_config.pause_entries_after" in found.reason) == action.startswith("enter")


@pytest.mark.parametrize("pct, action", [(40.0, "hold"), (-40.0, "adjust")])
def test_an_addition_is_refused_and_a_reduction_is_not(pct, action, make_snapshot):
    signal = TradeSignal(action="adjust", adjustment_pct=pct, confidence=70, reason="r", source="model")
    assert paused(signal, make_snapshot("long")).action == action
