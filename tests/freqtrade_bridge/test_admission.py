"""Where a decision fails, what the rules on a position demand goes on as before."""

import pytest

from candlegraph.freqtrade_bridge.decisions.admission import signal_of
from candlegraph.freqtrade_bridge.decisions.runner import Runner, RunOutcome
from candlegraph.graph.schema.errors import ModelError

PAIR = "BTC/USDT:USDT"
ERODED = {"profit_pct": 1.0, "mfe_pct": 20.0}
BLOCKING = {"risk_management": {"checks": {"profit_erosion": "block"}}}


@pytest.mark.parametrize(
    "side, blocks, action",
    [("long", BLOCKING, "exit"), ("short", BLOCKING, "exit"), ("long", {}, "hold"), (None, BLOCKING, "wait")],
)
def test_a_failed_decision_closes_a_position_that_a_rule_closes(make_context, make_snapshot, side, blocks, action):
    outcome = RunOutcome(error=ModelError("no model answered"))
    signal = signal_of(make_context(**blocks), make_snapshot(side, **(ERODED if side else {})), outcome)
    assert signal.action == action
    assert signal.source == ("veto" if action == "exit" else "fallback")
    assert ("profit_erosion" if action == "exit" else "no model answered") in signal.reason


def test_a_bad_answer_does_not_keep_a_rule_from_closing_a_position(make_context, make_snapshot, scripted, calling):
    context = make_context(scripted(calling(text="I hold.")), **BLOCKING)
    outcome = Runner(context).decide({PAIR: make_snapshot("long", **ERODED)}, None)[PAIR]
    assert (outcome.state.signal.action, outcome.state.signal.source) == ("exit", "veto")
