"""The reviewer: rules after the model, which only make a decision safer."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, ToolMessage

from candlegraph.agents.reviewer import proposal_of, review
from candlegraph.graph.context import Context
from candlegraph.graph.settings import RiskManagement, Settings
from candlegraph.graph.signal import Proposal
from candlegraph.graph.state import CandleState
from candlegraph.tools.market.analysis import facts_of

LONG, SHORT = "signal_entry_long", "signal_entry_short"


def without(snapshot, timeframe, name):
    """Return `snapshot` with one indicator of one timeframe unavailable."""
    views = tuple(
        v.model_copy(update={"indicators": v.indicators.model_copy(update={name: None})})
        if v.timeframe == timeframe
        else v
        for v in snapshot.timeframes
    )
    return snapshot.model_copy(update={"timeframes": views})


@pytest.mark.parametrize("name", [LONG, SHORT])
@pytest.mark.parametrize("timeframe, indicator", [("30m", "rsi"), ("4h", "ema_50"), ("1d", "macd_signal")])
def test_no_entry_while_a_required_indicator_is_missing(
    run, make_context, make_snapshot, scripted, calling, right, name, timeframe, indicator
):
    snapshot = without(make_snapshot(), timeframe, indicator)
    state = run(make_context(scripted(calling(right(name)))), snapshot)
    assert (state.signal.action, state.signal.source, state.signal.confidence) == ("wait", "veto", 60)
    assert f"no entry while {timeframe}.{indicator.removesuffix('_signal')} is unavailable" in state.signal.reason


def test_no_entry_while_a_whole_timeframe_is_missing(run, make_context, make_snapshot, scripted, calling, right):
    snapshot = make_snapshot()
    short = snapshot.model_copy(update={"timeframes": snapshot.timeframes[:3]})
    state = run(make_context(scripted(calling(right(LONG)))), short)
    assert state.signal.reason == "no entry while 1d is unavailable"


def test_an_indicator_that_is_not_required_may_be_missing(run, make_context, make_snapshot, scripted, calling, right):
    context = make_context(scripted(calling(right(LONG))), context_config={"required_indicators": ["ema_20", "atr"]})
    assert run(context, without(make_snapshot(), "4h", "rsi")).signal.action == "enter_long"


@pytest.mark.parametrize("name, side, action", [("signal_exit", "long", "exit"), ("signal_hold", "short", "hold")])
def test_leaving_and_holding_go_on_while_an_indicator_is_missing(
    run, make_context, make_snapshot, scripted, calling, right, name, side, action
):
    state = run(make_context(scripted(calling(right(name)))), without(make_snapshot(side), "30m", "rsi"))
    assert (state.signal.action, state.signal.source) == (action, "model")


def test_a_greedy_entry_comes_back_within_every_limit_and_says_what_was_lowered(decide, calling, right):
    rules = {"max_leverage": 4, "max_position_pct": 2}
    state, _ = decide(calling(right(LONG, leverage=90, stake_amount=5000)), risk_management=rules)
    signal = state.signal
    assert (signal.action, signal.leverage, signal.stake) == ("enter_long", 4, 200)
    assert {"max_leverage", "max_position_pct"} <= {clamp.key for clamp in signal.clamps}


def test_a_refused_entry_becomes_a_wait_with_the_key_that_refused_it(decide, calling, right, make_snapshot):
    state, _ = decide(calling(right(LONG, stop_loss=make_snapshot().price * 0.05)))
    signal = state.signal
    assert (signal.action, signal.source) == ("wait", "veto")
    assert signal.reason.startswith("enter_long refused: liquidation_buffer")
    assert signal.clamps[-1].key == "liquidation_buffer"


def test_a_stake_nobody_asked_for_stays_open(decide, calling, right):
    state, _ = decide(calling(right(LONG, stake_amount=None)))
    assert (state.signal.action, state.signal.stake) == ("enter_long", None)


@pytest.mark.parametrize("name, sign", [(LONG, -1), (SHORT, 1)])
def test_a_stop_that_was_not_given_lies_two_atr_of_the_second_timeframe_away(decide, calling, right, name, sign):
    state, _ = decide(calling(right(name, stop_loss=None)))
    snapshot = state.snapshot
    expected = snapshot.price + sign * 2 * snapshot.timeframes[1].indicators.atr
    assert state.signal.stop == pytest.approx(expected)
    assert "stop_atr_multiple" in [clamp.key for clamp in state.signal.clamps]


def test_a_reduction_passes_unlimited(decide, calling, right):
    state, _ = decide(calling(right("adjust_position", adjustment_pct=-99)), side="long")
    assert (state.signal.action, state.signal.adjustment_pct, state.signal.clamps) == ("adjust", -99, ())


def test_an_addition_is_lowered_to_what_the_whole_position_may_be(decide, calling, right):
    state, _ = decide(
        calling(right("adjust_position", adjustment_pct=100)), side="long", risk_management={"max_position_pct": 6}
    )
    assert (state.signal.action, state.signal.adjustment_pct) == ("adjust", pytest.approx(20))  # 500 held of 600
    assert [clamp.key for clamp in state.signal.clamps] == ["max_position_pct"]


def test_an_addition_to_a_loser_becomes_a_hold(decide, calling, right):
    state, _ = decide(calling(right("adjust_position", adjustment_pct=50)), side="long", position={"profit_pct": -3})
    signal = state.signal
    assert (signal.action, signal.source, signal.adjustment_pct) == ("hold", "veto", None)
    assert "losing" in signal.reason


def test_only_an_executed_terminal_call_is_a_proposal(args):
    refused = ToolMessage("no", tool_call_id="1", name="signal_wait", status="error")
    memory = ToolMessage("{}", tool_call_id="2", name="query_rag_stats", artifact={"effect": "x"})
    assert proposal_of([AIMessage("signal_wait"), refused, memory]) is None


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_the_reviewer_never_raises_and_never_makes_a_decision_bigger(make_snapshot, data):
    side = data.draw(st.sampled_from([None, "long", "short"]))
    snapshot = make_snapshot(side, profit_pct=data.draw(st.floats(-90, 90))) if side else make_snapshot()
    if side and data.draw(st.booleans()):
        snapshot = snapshot.model_copy(update={"position": snapshot.position.model_copy(update={"stop": None})})
    config = Context().settings.context_config
    state = CandleState(snapshot=snapshot, facts=facts_of(snapshot, config.timeframes, config.required_indicators))
    actions = ["exit", "adjust", "hold"] if side else ["enter_long", "enter_short", "wait"]
    price = st.floats(1e-6, 1e6)
    proposal = Proposal(
        action=data.draw(st.sampled_from(actions)),
        confidence=data.draw(st.floats(1, 100)),
        reason="x",
        leverage=data.draw(st.floats(1, 100)),
        stake=data.draw(st.none() | st.floats(1e-6, 1e9)),
        stop=data.draw(st.none() | price | st.floats(0.9, 1.1).map(lambda share: share * snapshot.price)),
        adjustment_pct=data.draw(st.floats(-99, -0.1) | st.floats(0.1, 100)),
        key_support=data.draw(price),
        key_resistance=data.draw(price),
        rsi_value=data.draw(st.floats(0, 100)),
    )
    rules = RiskManagement(max_leverage=data.draw(st.floats(1, 100)), max_open_trades=data.draw(st.integers(1, 5)))
    signal = review(proposal, state, Settings(risk_management=rules))
    safe = {"enter_long": "wait", "enter_short": "wait", "adjust": "hold"}
    assert signal.action in (proposal.action, safe.get(proposal.action))
    assert (signal.source == "veto") == (signal.action != proposal.action)
    if signal.leverage is not None:
        assert signal.leverage <= min(proposal.leverage, rules.max_leverage)
    if proposal.stake is not None and signal.stake is not None:
        assert signal.stake <= proposal.stake
    if signal.adjustment_pct is not None:
        assert signal.adjustment_pct <= proposal.adjustment_pct + 1e-9
