"""The decision loop through the compiled graph: every way a model can go wrong, and what comes of it."""

import math

import pytest
from langchain_core.messages import ToolMessage

LONG, WAIT, HOLD, EXIT = "signal_entry_long", "signal_wait", "signal_hold", "signal_exit"
RECORD, STATS, CLEANUP = "record_decision_to_rag", "query_rag_stats", "cleanup_rag_history"


def replies(state):
    return [message for message in state.messages if isinstance(message, ToolMessage)]


def sent_back(state):
    """Return the text of every message that told the model what was wrong."""
    return [m.content for m in state.messages if m.additional_kwargs.get("repair")]


@pytest.mark.parametrize(
    "name, side, action",
    [
        (LONG, None, "enter_long"),
        ("signal_entry_short", None, "enter_short"),
        (WAIT, None, "wait"),
        (HOLD, "long", "hold"),
        (EXIT, "short", "exit"),
        ("adjust_position", "long", "adjust"),
    ],
)
def test_a_right_call_becomes_the_signal_with_one_model_call(decide, calling, right, name, side, action):
    state, model = decide(calling(right(name)), side=side)
    signal = state.signal
    assert (signal.action, signal.source, signal.claim_mismatches) == (action, "model", ())
    assert signal.confidence == 60
    assert signal.trade_id == (3 if side else None)
    assert signal.side == (side or {"enter_long": "long", "enter_short": "short"}.get(action))
    assert len(model.seen) == 1
    assert sent_back(state) == []


def test_an_entry_keeps_what_was_asked_for_within_the_limits(decide, calling, right):
    state, _ = decide(calling(right(LONG, take_profit=200)))
    signal = state.signal
    assert (signal.leverage, signal.stake, signal.take_profit) == (3, 400, 200)
    assert signal.stop == pytest.approx(state.snapshot.price * 0.98)
    assert signal.clamps == ()


def test_thoughts_beside_a_call_are_kept_and_do_no_harm(decide, calling, right):
    state, _ = decide(calling(right(WAIT), text="<think>signal_entry_long(leverage=100)</think>"))
    assert state.signal.action == "wait"
    assert state.messages[2].additional_kwargs["reasoning_content"] == "signal_entry_long(leverage=100)"


def test_a_memory_call_is_answered_and_the_model_goes_on(decide, calling, right):
    state, model = decide(calling(right(STATS)), calling(right(WAIT)))
    assert (state.signal.action, state.signal.source) == ("wait", "model")
    assert '"total_experiences": 0' in replies(state)[0].content
    assert len(model.seen) == 2
    assert sent_back(state) == []


def test_a_memory_call_with_a_terminal_call_runs_and_ends_the_decision(decide, calling, right):
    state, model = decide(calling(right(STATS), right(WAIT)))
    assert [(reply.name, reply.status) for reply in replies(state)] == [(STATS, "success"), (WAIT, "success")]
    assert state.signal.source == "model"
    assert len(model.seen) == 1


FLAT_FAULTS = {
    "out of range": ((LONG, {"leverage": 101}), "leverage: Input should be less than or equal to 100, was 101"),
    "confidence on another scale": ((LONG, {"confidence_score": 0.8}), "confidence_score"),
    "not a number": ((LONG, {"rsi_value": math.nan}), "rsi_value: Input should be a finite number"),
    "infinite": ((LONG, {"stop_loss": math.inf}), "stop_loss: Input should be a finite number"),
    "surplus argument": ((WAIT, {"mood": "good"}), "mood: Extra inputs are not permitted"),
    "levels upside down": ((LONG, {"key_support": 99, "key_resistance": 98}), "must be above key_support"),
    "another pair": ((WAIT, {"pair": "DOGE/USDT:USDT"}), "pair must be 'BTC/USDT:USDT', was 'DOGE/USDT:USDT'"),
    "not allowed in this state": ((HOLD, {}), "signal_hold is not allowed now. Valid now: cleanup_rag_history"),
    "no winner to record": ((RECORD, {}), "record_decision_to_rag is not allowed now"),
}


@pytest.mark.parametrize("fault", FLAT_FAULTS)
def test_a_faulty_call_is_explained_and_can_be_put_right(decide, calling, right, fault):
    (name, changes), message = FLAT_FAULTS[fault]
    state, model = decide(calling(right(name, **changes)), calling(right(WAIT, confidence_score=77)))
    assert message in sent_back(state)[0]
    assert [reply.status for reply in replies(state)] == ["error", "success"]
    assert (state.signal.action, state.signal.confidence, state.signal.source) == ("wait", 77, "model")
    assert message in model.seen[1][-1].content


def test_a_missing_argument_is_named(decide, calling, args, right):
    incomplete = {key: value for key, value in args(LONG).items() if key != "key_support"}
    state, _ = decide(calling((LONG, incomplete)), calling(right(LONG)))
    assert "key_support: Field required" in sent_back(state)[0]
    assert state.signal.action == "enter_long"


def test_malformed_json_is_answered_by_its_call(decide, calling, right):
    state, _ = decide(calling((LONG, '{"leverage": 3, "conf')), calling(right(WAIT)))
    assert sent_back(state) == [f"The arguments of {LONG} are not valid JSON. Call it again with one JSON object."]
    assert state.signal.source == "model"


def test_malformed_json_beside_a_right_call_executes_neither(decide, calling, right):
    state, _ = decide(calling(right(LONG), (STATS, "{")), calling(right(WAIT)))
    first, second = replies(state)[:2]
    assert (first.status, second.status) == ("error", "error")
    assert "not executed" in first.content and "not valid JSON" in second.content
    assert state.signal.action == "wait"


def test_an_unknown_function_is_answered_with_those_that_exist(decide, calling, right):
    state, _ = decide(calling(("buy_now", {"amount": 1})), calling(right(WAIT)))
    assert sent_back(state)[0].startswith("Unknown function buy_now. Valid now: ")
    assert LONG in sent_back(state)[0] and EXIT not in sent_back(state)[0]


@pytest.mark.parametrize("second", [WAIT, LONG])
def test_of_two_terminal_calls_none_is_executed(decide, calling, right, second):
    state, _ = decide(calling(right(LONG), right(second)), calling(right(WAIT)))
    assert [reply.status for reply in replies(state)] == ["error", "error", "success"]
    assert "Choose one" in sent_back(state)[0]
    assert state.signal.action == "wait"


def test_a_memory_call_beside_a_faulty_terminal_call_is_not_executed(decide, calling, right):
    state, _ = decide(calling(right(CLEANUP), right(LONG, leverage=0)), calling(right(WAIT)))
    assert [(reply.name, reply.status) for reply in replies(state)] == [
        (CLEANUP, "error"),
        (LONG, "error"),
        (WAIT, "success"),
    ]


def test_text_alone_is_sent_back_with_the_functions_that_end_a_decision(decide, calling, right):
    state, model = decide(calling(text="I would buy."), calling(right(WAIT)))
    assert sent_back(state) == [
        "You answered with text. Call exactly one of: signal_entry_long, signal_entry_short, signal_wait."
    ]
    assert model.seen[1][-1].type == "human"
    assert state.signal.source == "model"


@pytest.mark.parametrize("side, action", [(None, "wait"), ("long", "hold"), ("short", "hold")])
@pytest.mark.parametrize("max_repairs", [0, 2, 10])
def test_text_for_ever_falls_back_to_the_safe_signal(decide, calling, side, action, max_repairs):
    state, model = decide(calling(text="hm"), side=side, decision={"max_repairs": max_repairs})
    signal = state.signal
    assert (signal.action, signal.source, signal.confidence, signal.side) == (action, "fallback", 0, side)
    assert "You answered with text" in signal.reason
    assert len(model.seen) == 1 + max_repairs
    assert len(sent_back(state)) == max_repairs


@pytest.mark.parametrize("side, name", [(None, LONG), ("long", "adjust_position")])
def test_a_fault_for_ever_falls_back_and_says_which(decide, calling, right, side, name):
    state, model = decide(calling(right(name, confidence_score=0)), side=side)
    assert state.signal.source == "fallback"
    assert "confidence_score" in state.signal.reason
    assert len(model.seen) == 3


@pytest.mark.parametrize("name", [LONG, "signal_entry_short", WAIT])
def test_entering_and_waiting_are_not_allowed_in_a_position(decide, calling, right, name):
    state, _ = decide(calling(right(name)), calling(right(HOLD)), side="long")
    assert sent_back(state)[0].startswith(f"{name} is not allowed now")
    assert state.signal.action == "hold"


def test_numbers_written_as_text_are_read_as_numbers(decide, calling, args):
    written = {key: str(value) for key, value in args(LONG).items()}
    state, _ = decide(calling((LONG, written)), decision={"reject_false_claims": True, "max_repairs": 0})
    assert (state.signal.action, state.signal.leverage, state.signal.stake) == ("enter_long", 3, 400)


def test_a_call_without_an_id_is_given_one(decide, calling, right):
    nameless = calling(right(LONG, leverage=0))
    nameless.tool_calls[0]["id"] = None
    state, _ = decide(nameless, calling(right(WAIT)))
    assert replies(state)[0].tool_call_id == "call_0"
    assert state.signal.source == "model"


def test_the_third_memory_call_is_refused_and_no_memory_function_offered(decide, calling, right):
    state, model = decide(calling(right(STATS)), calling(right(STATS)), calling(right(STATS)), calling(right(WAIT)))
    assert [STATS in offered for offered in model.offered] == [True, True, False, False]
    assert [reply.status for reply in replies(state)] == ["success", "success", "error", "success"]
    assert "At most 2 memory calls" in sent_back(state)[0]
    assert state.signal.source == "model"


def test_three_memory_calls_in_one_message_are_more_than_the_budget(decide, calling, right):
    state, _ = decide(calling(*[right(STATS)] * 3), calling(right(WAIT)))
    assert [reply.status for reply in replies(state)] == ["error"] * 3 + ["success"]
    assert "At most 2 memory calls" in replies(state)[2].content


def test_memory_calls_for_ever_fall_back(decide, calling, right):
    state, model = decide(calling(right(STATS)), decision={"max_memory_calls": 10, "max_repairs": 10})
    assert state.signal.source == "fallback"
    assert len(model.seen) == 10 + 10 + 1


def test_no_memory_call_may_be_allowed_at_all(decide, calling, right):
    state, model = decide(calling(right(STATS)), calling(right(WAIT)), decision={"max_memory_calls": 0})
    assert not {RECORD, STATS, CLEANUP} & set(model.offered[0])
    assert "memory calls" in sent_back(state)[0]


@pytest.mark.parametrize(
    "side, profit, offered",
    [
        (None, 0, {LONG, "signal_entry_short", WAIT, STATS, CLEANUP}),
        ("long", 4.99, {EXIT, "adjust_position", HOLD, STATS, CLEANUP}),
        ("short", -20, {EXIT, "adjust_position", HOLD, STATS, CLEANUP}),
        ("long", 5, {EXIT, "adjust_position", HOLD, STATS, CLEANUP, RECORD}),
        ("short", 9, {EXIT, "adjust_position", HOLD, STATS, CLEANUP, RECORD}),
    ],
)
def test_only_functions_that_make_sense_now_are_offered(decide, calling, right, side, profit, offered):
    position = {"profit_pct": profit} if side else None
    _, model = decide(calling(right(HOLD if side else WAIT)), side=side, position=position)
    assert len(model.offered[0]) == len(offered)
    assert set(model.offered[0]) == offered


def test_the_profit_from_which_decisions_are_recorded_is_configured(decide, calling, right):
    _, model = decide(
        calling(right(HOLD)), side="long", position={"profit_pct": 3}, experience_config={"record_min_profit_pct": 3}
    )
    assert RECORD in model.offered[0]


def test_recording_queues_its_effect_and_stores_nothing(decide, calling, right, make_context):
    state, _ = decide(calling(right(RECORD), right(HOLD)), side="long", position={"profit_pct": 6})
    assert replies(state)[0].artifact["effect"] == "record"
    assert make_context().memory.stats("studio")["total_experiences"] == 0


FALSE_RSI, FALSE_SUPPORT, FALSE_RESISTANCE = (
    {"rsi_value": 5},
    {"key_support": 1e5, "key_resistance": 2e5},
    {"key_support": 0.5, "key_resistance": 1},
)
FAR = {"key_support": 1}
CLAIMS = [
    (FALSE_RSI, "rsi_value 5 is more than 5 off the true"),
    (FALSE_SUPPORT, "key_support 100000 is above the price"),
    (FALSE_RESISTANCE, "key_resistance 1 is below the price"),
    (FAR, "ATR from the nearest support, at most 0.5; the supports in the facts are "),
]


@pytest.mark.parametrize("claim, message", CLAIMS)
def test_a_false_claim_is_noted(decide, calling, right, claim, message):
    state, model = decide(calling(right(LONG, **claim)))
    assert state.signal.action == "enter_long"
    assert [message in one for one in state.signal.claim_mismatches].count(True) == 1
    assert len(model.seen) == 1


@pytest.mark.parametrize("claim, message", CLAIMS)
@pytest.mark.parametrize("write", [float, str])
def test_a_false_claim_costs_a_repair_where_it_is_rejected(decide, calling, right, claim, message, write):
    written = {key: write(value) for key, value in claim.items()}
    decision = {"reject_false_claims": True}
    state, _ = decide(calling(right(LONG, **written)), calling(right(LONG)), decision=decision)
    assert "These claims contradict the data" in sent_back(state)[0] and message in sent_back(state)[0]
    assert (state.signal.action, state.signal.claim_mismatches) == ("enter_long", ())


@pytest.mark.parametrize("name, change", [(EXIT, {"rsi_value": 1}), ("adjust_position", {"key_support": 1})])
def test_a_false_claim_never_keeps_a_position_open(decide, calling, right, name, change):
    state, model = decide(calling(right(name, **change)), side="long", decision={"reject_false_claims": True})
    assert (len(model.seen), state.signal.is_safer, len(state.signal.claim_mismatches)) == (1, True, 1)


@pytest.mark.parametrize("off, noted", [(4.9, False), (-4.9, False), (5.1, True), (-5.1, True)])
def test_an_rsi_within_five_points_is_no_false_claim(decide, calling, right, make_snapshot, off, noted):
    rsi = make_snapshot().main.indicators.rsi + off
    state, _ = decide(calling(right(WAIT, rsi_value=rsi)))
    assert bool(state.signal.claim_mismatches) == noted
