"""The reviewer: rules after the model, which only make a decision safer."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, ToolMessage

from candlegraph.agents.asking.transcript import BY_NAME, proposal_of
from candlegraph.agents.reviewer import review
from candlegraph.graph.context import Context
from candlegraph.graph.schema.signal import Proposal
from candlegraph.graph.settings.risk import Checks, RiskManagement
from candlegraph.graph.settings.settings import Settings
from candlegraph.graph.state import CandleState
from candlegraph.tools.market.facts import facts_of
from candlegraph.tools.risk.claims import levels_beside
from candlegraph.tools.risk.stops import StopBasis, stop_atr, stop_basis

LONG, SHORT = "signal_entry_long", "signal_entry_short"
FRAMES = Settings().context_config.timeframes


def proposed(args, name, **changes):
    """Return the proposal of a right call with some arguments changed."""
    return Proposal.model_validate(BY_NAME[name].invoke(a_call(name, args(name, **changes))).artifact)


def a_call(name, arguments):
    return {"name": name, "args": arguments, "id": "1", "type": "tool_call"}


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


def near(snapshot, **levels):
    """Return what a stop is derived from, with levels as many ATR away as said."""
    atr = snapshot.timeframes[1].indicators.atr
    facts = facts_of(snapshot, FRAMES, ())
    known = {"support": None, "resistance": None} | {key: snapshot.price + x * atr for key, x in levels.items()}
    return facts.model_copy(update=known), atr


@pytest.mark.parametrize(
    "name, levels, away",
    [
        (LONG, {}, -2),
        (SHORT, {}, 2),
        (LONG, {"support": -1}, -1.25),
        (SHORT, {"resistance": 1}, 1.25),
        (LONG, {"support": -3, "resistance": 1}, -2),
        (SHORT, {"support": -1, "resistance": 3}, 2),
    ],
)
def test_a_stop_that_was_not_given_lies_behind_the_next_level_at_most_two_atr_away(
    make_snapshot, args, name, levels, away
):
    snapshot = make_snapshot()
    facts, atr = near(snapshot, **levels)
    views = tuple(view.model_copy(update={"levels": ()}) for view in snapshot.timeframes)
    state = CandleState(snapshot=snapshot.model_copy(update={"timeframes": views}), facts=facts)
    signal = review(proposed(args, name, stop_loss=None), state, Settings())
    assert signal.stop == pytest.approx(snapshot.price + away * atr)
    assert "stop_atr_multiple" in [clamp.key for clamp in signal.clamps]


@pytest.mark.parametrize("name, kind, sign", [(LONG, "support", 1), (SHORT, "resistance", -1)])
def test_a_stop_that_was_not_given_lies_beyond_the_level_that_was_named_and_the_clamp_says_so(
    make_snapshot, args, name, kind, sign
):
    snapshot = make_snapshot()
    named = levels_beside(kind, snapshot)[2]
    state = CandleState(snapshot=snapshot, facts=facts_of(snapshot, FRAMES, ()))
    signal = review(proposed(args, name, stop_loss=None, **{f"key_{kind}": named}), state, Settings())
    assert signal.stop == pytest.approx(named - sign * 0.25 * stop_atr(snapshot))
    [why] = [clamp.reason for clamp in signal.clamps if clamp.key == "stop_atr_multiple"]
    assert why == f"no stop given; behind the level that was named, {named:.6g}"


def test_the_atr_of_a_stop_is_the_second_timeframes_else_the_main_ones(make_snapshot):
    snapshot = make_snapshot()
    alone = snapshot.model_copy(update={"timeframes": snapshot.timeframes[:1]})
    assert stop_atr(snapshot) == snapshot.timeframes[1].indicators.atr
    assert stop_atr(alone) == snapshot.main.indicators.atr
    assert stop_basis(snapshot, None) == StopBasis(atr=stop_atr(snapshot))


def test_a_reduction_passes_unlimited(decide, calling, right):
    state, _ = decide(calling(right("adjust_position", adjustment_pct=-99)), side="long")
    assert (state.signal.action, state.signal.adjustment_pct, state.signal.clamps) == ("adjust", -99, ())


def test_an_addition_is_lowered_to_what_the_whole_position_may_be(decide, calling, right):
    state, _ = decide(
        calling(right("adjust_position", adjustment_pct=100)), side="long", risk_management={"max_position_pct": 6}
    )
    assert (state.signal.action, state.signal.adjustment_pct) == ("adjust", pytest.approx(20))  # 500 held of 600
    assert [clamp.key for clamp in state.signal.clamps] == ["max_position_pct"]


@pytest.mark.parametrize(
    "position, rules, key, why",
    [
        ({"profit_pct": -3}, {}, "allow_add_to_loser", "the position is losing"),
        ({"stop": None}, {}, "stop_atr_multiple", "the position has no stop"),
        ({}, {"min_confidence": 61}, "min_confidence", "confidence 60 is below 61"),
        ({}, {"max_position_pct": 5}, "max_position_pct", "what is left to add is below"),
    ],
)
def test_a_refused_addition_becomes_a_hold_that_says_which_key_refused_it_and_why(
    decide, calling, right, position, rules, key, why
):
    call = calling(right("adjust_position", adjustment_pct=50))
    state, _ = decide(call, side="long", position=position, risk_management=rules)
    signal = state.signal
    assert (signal.action, signal.source, signal.adjustment_pct) == ("hold", "veto", None)
    assert signal.reason.startswith(f"addition refused: {key}: {why}")
    assert signal.clamps[-1].key == key


def test_an_entry_less_confident_than_the_limit_is_refused(decide, calling, right):
    state, _ = decide(calling(right(LONG, confidence_score=60)), risk_management={"min_confidence": 60.5})
    assert state.signal.reason == "enter_long refused: min_confidence: confidence 60 is below 60.5"


BLOCKED = [
    (LONG, None, {}, {"cooldown": "block"}, "wait", "enter_long", "cooldown"),
    ("adjust_position", "long", {"profit_pct": 1, "mfe_pct": 9}, {"profit_erosion": "block"}, "hold", "adjust",
     "profit_erosion"),
    ("signal_hold", "long", {"profit_pct": 1, "mfe_pct": 9}, {"profit_erosion": "block"}, "exit", "hold",
     "profit_erosion"),
]  # fmt: skip


@pytest.mark.parametrize("name, side, position, checks, safer, action, rule", BLOCKED)
def test_a_blocked_decision_becomes_the_next_safer_one_and_names_the_rule(
    make_snapshot, args, name, side, position, checks, safer, action, rule
):
    snapshot = make_snapshot(side, **position).model_copy(update={"candles_since_loss": 1})
    state = CandleState(snapshot=snapshot, facts=facts_of(snapshot, FRAMES, ()))
    proposal = proposed(args, name, **({"adjustment_pct": 50} if action == "adjust" else {}))
    settings = Settings(risk_management=RiskManagement(checks=Checks.model_validate(checks)))
    signal = review(proposal, state, settings)
    assert (signal.action, signal.source, signal.confidence) == (safer, "veto", proposal.confidence)
    assert signal.reason.startswith(f"{action} refused: risk_management.checks.{rule}: ")
    plan = (signal.leverage, signal.stake, signal.stop, signal.take_profit, signal.adjustment_pct)
    assert plan == (None, None, None, None, None)
    held = (None, None) if side is None else (side, snapshot.position.trade_id)
    assert (signal.side, signal.trade_id) == held


def test_a_warned_decision_stands_and_carries_the_warning(make_snapshot, args):
    snapshot = make_snapshot("long", profit_pct=1, mfe_pct=9)
    state = CandleState(snapshot=snapshot, facts=facts_of(snapshot, FRAMES, ()))
    signal = review(proposed(args, "signal_hold"), state, Settings())
    assert (signal.action, signal.source) == ("hold", "model")
    assert signal.warnings == ("profit_erosion: 89% of the best profit 9.00 % was given back",)


def test_a_block_beside_a_warning_keeps_both(make_snapshot, args):
    snapshot = make_snapshot("long", profit_pct=1, mfe_pct=9, age_candles=48)
    state = CandleState(snapshot=snapshot, facts=facts_of(snapshot, FRAMES, ()))
    rules = RiskManagement(checks=Checks(no_progress="block"))
    signal = review(proposed(args, "signal_hold"), state, Settings(risk_management=rules))
    assert (signal.action, [one.split(":")[0] for one in signal.warnings]) == ("exit", ["profit_erosion"])


def test_false_claims_stay_noted_where_the_rule_is_off(make_snapshot, args):
    snapshot = make_snapshot()
    state = CandleState(snapshot=snapshot, facts=facts_of(snapshot, FRAMES, ()))
    lying = proposed(args, LONG, key_support=(snapshot.price + state.facts.resistance) / 2)
    for verdict, action, warned in (("off", "enter_long", 0), ("warn", "enter_long", 1), ("block", "wait", 0)):
        rules = RiskManagement(checks=Checks(claims=verdict, near_level="off", reward_to_risk="off"))
        signal = review(lying, state, Settings(risk_management=rules))
        assert (signal.action, len(signal.claim_mismatches)) == (action, 1)
        assert sum(one.startswith("claims: key_support") for one in signal.warnings) == warned


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
