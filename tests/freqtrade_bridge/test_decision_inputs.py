"""What a decided state shows of how it came about."""

import json

from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage

from candlegraph.agents.asking.evidence import (
    LONGEST_ARGUMENTS,
    LONGEST_REASONING,
    functions,
    model_calls,
    opinions,
    reasoning,
)
from candlegraph.agents.asking.transcript import prompt_hash
from candlegraph.freqtrade_bridge.decisions.records import inputs_hash
from candlegraph.graph.schema.calls import CallRecord
from candlegraph.graph.schema.opinions import AnalystView, Argument, Critique
from candlegraph.graph.state import CandleState


def call(role, model):
    return CallRecord(role=role, model=model, tokens_in=1)


def answered(calling, model, *calls, **kwargs):
    message = calling(*calls, **kwargs)
    message.response_metadata["candlegraph"] = call("decision", model).model_dump(mode="json")
    return message


def reply(identity, status="success"):
    return ToolMessage("said", tool_call_id=identity, name="f", status=status)


def deep_state(calling):
    side = {"strength": 50, "points": ("p",), "risk": "r"}
    return CandleState(
        view=AnalystView(
            bias="bullish",
            regime="trend",
            key_support=None,
            key_resistance=None,
            conflicts="none",
            would_change_mind="a close below",
            call=call("analyst", "a"),
        ),
        bull=Argument(**side, call=call("bull", "b")),
        bear=Argument(**side, call=call("bear", "c")),
        messages=[answered(calling, "d1"), HumanMessage("again"), answered(calling, "d2")],
        critiques=(Critique(verdict="approve", reason="fine", call=call("reviewer", "r")),),
    )


def test_calls_of_all_roles_are_listed_in_the_order_of_the_graph(calling):
    assert [one.model for one in model_calls(deep_state(calling))] == ["a", "b", "c", "d1", "d2", "r"]


def test_an_answer_without_a_record_counts_no_call(calling):
    assert model_calls(CandleState(messages=[calling(("f", {}))])) == ()


def test_opinions_are_kept_as_json_without_what_they_cost(calling):
    said = opinions(deep_state(calling))
    assert list(said) == ["analyst", "bull", "bear", "reviewer 1"]
    assert json.loads(said["reviewer 1"]) == {"verdict": "approve", "shrink_to_pct": None, "reason": "fine"}


def test_a_function_was_accepted_if_it_was_executed_before_the_model_spoke_again(calling):
    first, second = calling(("f", {"a": 1})), calling(("f", {"a": 2}))
    assert first.tool_calls[0]["id"] == second.tool_calls[0]["id"]
    same = first.tool_calls[0]["id"]
    found = functions([SystemMessage("s"), first, reply(same, "error"), second, reply(same)])
    assert [(one.name, one.arguments, one.accepted) for one in found] == [("f", {"a": 1}, False), ("f", {"a": 2}, True)]


def test_arguments_of_any_length_are_kept_short(calling):
    (found,) = functions([calling(("f", {"reason": "x" * 100_000, **{f"k{n}": n for n in range(5000)}}))])
    assert len(json.dumps(found.arguments)) < LONGEST_ARGUMENTS


def test_thoughts_are_joined_and_cut():
    thoughts = [AIMessage("", additional_kwargs={"reasoning_content": text}) for text in ("first", "", "second")]
    assert reasoning(thoughts) == "first\n\nsecond"
    assert len(reasoning([AIMessage("", additional_kwargs={"reasoning_content": "x" * 9_999})])) == LONGEST_REASONING


def test_the_prompt_hash_covers_what_was_read_before_the_first_answer_and_nothing_after(calling):
    opening = [SystemMessage("s"), HumanMessage("facts"), HumanMessage("opinions")]
    one = prompt_hash(opening)
    assert one == prompt_hash([*opening, calling(("f", {})), HumanMessage("repair")])
    assert one != prompt_hash([SystemMessage("s"), HumanMessage("facts"), HumanMessage("other")])


def test_the_inputs_hash_changes_with_the_market_and_not_with_a_database_id(make_snapshot):
    one = make_snapshot("long", trade_id=3)
    assert inputs_hash(one) == inputs_hash(make_snapshot("long", trade_id=77))
    assert inputs_hash(one) != inputs_hash(make_snapshot("long", profit_pct=2.1))
