"""One candle through the compiled graph, decided by a scripted model."""

import asyncio
from datetime import timedelta

import pytest
from langchain_core.messages import ToolMessage
from lived import facts_at

from candlegraph.agents.models.policy import entry_side
from candlegraph.graph.builder import graph
from candlegraph.graph.state import CandleInput, CandleState
from candlegraph.tools.risk.claims import levels_beside

PAIR = "BTC/USDT:USDT"


@pytest.fixture(scope="session")
def args(make_snapshot):
    """Return right arguments of every function, true to the snapshot, with some changed: `args(name, leverage=3)`."""
    snapshot = make_snapshot()
    price, rsi = snapshot.price, snapshot.main.indicators.rsi
    stay = {"pair": PAIR, "confidence_score": 60, "rsi_value": round(rsi, 1), "reason": "the facts say so"}
    levels = {f"key_{kind}": levels_beside(kind, snapshot)[0] for kind in ("support", "resistance")}
    entry = stay | levels | {"leverage": 3, "trend_strength": "moderate", "stake_amount": 400}
    known = {
        "signal_entry_long": entry | {"stop_loss": price * 0.98},
        "signal_entry_short": entry | {"stop_loss": price * 1.02},
        "signal_wait": stay,
        "signal_hold": stay,
        "signal_exit": stay | {"trade_score": 70},
        "adjust_position": levels
        | {"pair": PAIR, "adjustment_pct": -50, "confidence_score": 60, "reason": "secure half"},
        "record_decision_to_rag": {
            "pair": PAIR,
            "decision_type": "hold",
            "reason": "trend",
            "confidence": 0.7,
            "current_profit_pct": 6,
        },
        "query_rag_stats": {},
        "cleanup_rag_history": {"strategy": "compress", "reason": "tidy"},
    }
    return lambda name, **changes: known[name] | changes


@pytest.fixture(scope="session")
def right(args):
    """Return one right call: `right(name, changes...)`."""
    return lambda name, **changes: (name, args(name, **changes))


@pytest.fixture(scope="session")
def entering(make_snapshot, as_of):
    """Return a flat snapshot at which the rule enters."""
    for hours in range(24 * 60):
        snapshot = make_snapshot(as_of=as_of - timedelta(hours=hours))
        if entry_side(facts_at(snapshot)):
            return snapshot
    raise AssertionError("the market of the tests offers no entry")


@pytest.fixture
def run():
    """Return what the graph makes of a snapshot in a context, as a state."""

    def go(context, snapshot):
        values = asyncio.run(graph.ainvoke(CandleInput(snapshot=snapshot), context=context))
        return CandleState.model_validate(values)

    return go


@pytest.fixture
def decide(run, make_context, make_snapshot, scripted):
    """Return the state after a scripted decision: `decide(answer, answer, side="long", decision={...})`."""

    def go(*answers, side=None, decision=None, position=None, **blocks):
        model = scripted(*answers)
        if decision:
            blocks["llm_config"] = {"decision": decision}
        state = run(make_context(model, **blocks), make_snapshot(side, **position or {}))
        assert_every_call_is_answered(state)
        return state, model

    return go


def assert_every_call_is_answered(state):
    """Fail unless every call id of every answer has one reply, before the next answer."""
    open_ids = []
    for message in state.messages:
        if message.type == "ai":
            assert not open_ids
            open_ids = [call["id"] for call in (*message.tool_calls, *message.invalid_tool_calls)]
        elif isinstance(message, ToolMessage):
            open_ids.remove(message.tool_call_id)
    assert not open_ids or (state.signal and state.signal.source == "fallback")
