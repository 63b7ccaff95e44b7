"""The kinds of faulty answers and what the model is told: each kind once an answer, quotes kept short."""

import json
import math

import pytest
from langchain_core.messages import AIMessage, HumanMessage

from candlegraph.agents.asking.faults import LONGEST_RECALLED, recalled
from candlegraph.agents.asking.transcript import fault_counts

LONG, SHORT, WAIT, HOLD = "signal_entry_long", "signal_entry_short", "signal_wait", "signal_hold"
STATS = "query_rag_stats"
PARTIAL = '{"pair": "BTC'


def kinds_of(state):
    return fault_counts(state)


KINDS = {
    "text_only": [],
    "empty": [],
    "malformed_json": [(WAIT, PARTIAL)],
    "unknown_function": [("Signal_Wait", {})],
    "not_allowed": [(HOLD, {})],
    "wrong_pair": [(WAIT, {"pair": "eth/usdt:usdt"})],
    "not_a_number": [(WAIT, {"rsi_value": math.nan})],
    "out_of_range": [(WAIT, {"rsi_value": 100.1})],
    "wrong_arguments": [(WAIT, {"surprise": {"deep": [1]}})],
    "too_long": [(WAIT, {"reason": "x" * 2001})],
    "several_signals": [(WAIT, {}), (LONG, {})],
    "both_sides": [(LONG, {}), (SHORT, {})],
    "surplus_memory_call": [(STATS, {})] * 3,
}


@pytest.fixture
def answer_of(calling, args):
    """Return an answer with right arguments but for the given changes; text stays text."""

    def make(kind, calls):
        known = {LONG, SHORT, WAIT, HOLD, STATS}
        made = [(n, c if isinstance(c, str) else args(n, **c) if n in known else c) for n, c in calls]
        return calling(*made, text="hm" if kind == "text_only" else "")

    return make


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("times", [1, 3])
def test_each_faulty_answer_is_counted_once_also_the_one_that_is_not_repaired(
    decide, calling, right, answer_of, kind, times
):
    faulty = answer_of(kind, KINDS[kind])
    state, _ = decide(*[faulty] * times, calling(right(WAIT)))
    assert kinds_of(state) == {kind: times}
    assert state.signal.source == ("model" if times == 1 else "fallback")


def test_a_false_claim_is_counted_where_it_is_rejected(decide, calling, right):
    state, _ = decide(calling(right(WAIT, rsi_value=1)), decision={"reject_false_claims": True, "max_repairs": 0})
    assert fault_counts(state) == {"false_claim": 1}


def test_two_kinds_in_one_answer_are_both_counted_and_one_kind_twice_once(decide, calling, right):
    faulty = calling(right(STATS), (WAIT, PARTIAL), ("buy", {}), ("sell", {}))
    state, _ = decide(faulty, calling(right(WAIT)))
    assert kinds_of(state) == {"malformed_json": 1, "unknown_function": 1}


def test_a_faultless_decision_counts_nothing(decide, calling, right):
    assert kinds_of(decide(calling(right(STATS)), calling(right(WAIT)))[0]) == {}


@pytest.mark.parametrize(
    "name", ["signal_waits", "SIGNAL_WAIT", "signal wait", "", "functions.place_order", "x" * 5000]
)
def test_a_name_that_is_not_exactly_right_is_unknown_and_quoted_in_short(decide, calling, args, right, name):
    state, model = decide(calling((name, args(WAIT))), calling(right(WAIT)))
    assert kinds_of(state) == {"unknown_function": 1}
    told = model.seen[1][-1].content
    assert told.startswith(f"Unknown function {name[:80]}. Valid now: ") and len(told) < 300


@pytest.mark.parametrize("ids", [("same", "same"), (None, None), ("", "call_0")])
def test_calls_that_share_an_id_are_each_answered(decide, calling, right, ids):
    faulty = calling(right(LONG), right(SHORT))
    for call, id in zip(faulty.tool_calls, ids, strict=True):
        call["id"] = id
    state, model = decide(faulty, calling(right(WAIT)))
    assert kinds_of(state) == {"both_sides": 1}
    asked, first, second = model.seen[1][-3:]
    assert [call["id"] for call in asked.tool_calls] == [first.tool_call_id, second.tool_call_id]
    assert first.tool_call_id != second.tool_call_id


@pytest.mark.parametrize("name, told", [(WAIT, f"The arguments of {WAIT} are not"), ("", "Your call is not")])
def test_what_is_no_json_is_said_so_with_its_name_if_it_has_one(decide, calling, right, name, told):
    _, model = decide(calling((name, PARTIAL)), calling(right(WAIT)))
    assert model.seen[1][-1].content.startswith(f"{told} valid JSON")


HUGE = {
    "a long reason": {"reason": "x" * 3_000_000},
    "many arguments": {f"a{n}": "x" * 3000 for n in range(2000)},
    "nested lists": {"reason": [["x" * 3999] * 50] * 50},
    "a deep object": json.loads('{"a":' * 400 + "1" + "}" * 400),
    "a surrogate": {"reason": "\ud800" * 3000},
}


@pytest.mark.parametrize("what", HUGE)
def test_a_huge_call_is_refused_and_neither_the_next_prompt_nor_the_signal_grows(decide, calling, right, what):
    huge = calling(right(WAIT, **HUGE[what]), text="y" * 1_000_000)
    state, model = decide(huge)
    assert state.signal.source == "fallback" and len(state.signal.reason) <= 1000
    opening, last = (
        sum(len(json.dumps(m.model_dump(mode="json"))) for m in seen) for seen in (model.seen[0], model.seen[2])
    )
    assert last - opening < 40_000


def test_an_answer_of_ordinary_length_is_read_again_as_it_was(decide, calling, right):
    first = calling(right(STATS), right(STATS, reason="x" * 2000), text="t" * 2000)
    _, model = decide(first, calling(right(WAIT)))
    again = next(m for m in model.seen[1] if isinstance(m, AIMessage))
    assert (again.content, again.tool_calls) == (first.content, first.tool_calls)


def test_malformed_arguments_of_any_length_are_read_again_in_short(decide, calling, right):
    _, model = decide(calling((WAIT, "{" + "x" * 10_000)), calling(right(WAIT)))
    again = next(m for m in model.seen[1] if isinstance(m, AIMessage))
    assert len(again.invalid_tool_calls[0]["args"]) == LONGEST_RECALLED


def test_no_more_than_eight_fields_are_explained(decide, calling, right):
    _, model = decide(calling(right(WAIT, **{f"surprise{n}": 1 for n in range(20)})), calling(right(WAIT)))
    told = model.seen[1][-1].content
    assert told.count("Extra inputs are not permitted") == 8 and told.endswith("; and 12 more")


def test_only_the_models_own_words_are_shortened():
    facts = HumanMessage("x" * 2 * LONGEST_RECALLED)
    assert recalled(facts) is facts
    cut = recalled(AIMessage("x" * 2 * LONGEST_RECALLED))
    assert len(cut.content) == LONGEST_RECALLED
