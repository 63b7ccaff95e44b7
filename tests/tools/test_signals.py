"""The nine functions: strict arguments, ranges in the schema, a plain dict as the result."""

import math

import pytest
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import ValidationError

from candlegraph.graph.schema.signal import Proposal
from candlegraph.tools.memory import MEMORY_TOOLS, cleanup_rag_history, query_rag_stats, record_decision_to_rag
from candlegraph.tools.signals import (
    ENTRY_TOOLS,
    FLAT_TOOLS,
    POSITION_TOOLS,
    TERMINAL_TOOLS,
    adjust_position,
    signal_entry_long,
    signal_entry_short,
    signal_exit,
    signal_hold,
    signal_wait,
)

ALL = (*TERMINAL_TOOLS, *MEMORY_TOOLS)
STAY = {"pair": "A/B", "confidence_score": 60, "rsi_value": 50, "reason": "calm"}
ENTRY = {
    "pair": "A/B",
    "leverage": 5,
    "confidence_score": 70,
    "key_support": 95,
    "key_resistance": 110,
    "rsi_value": 55,
    "trend_strength": "strong",
    "reason": "up",
}
RIGHT = {
    "signal_entry_long": ENTRY,
    "signal_entry_short": ENTRY,
    "signal_exit": STAY | {"trade_score": 70},
    "adjust_position": {
        "pair": "A/B",
        "adjustment_pct": 25,
        "confidence_score": 70,
        "key_support": 95,
        "key_resistance": 110,
        "reason": "more",
    },
    "signal_hold": STAY,
    "signal_wait": STAY,
    "record_decision_to_rag": {
        "pair": "A/B",
        "decision_type": "hold",
        "reason": "winner",
        "confidence": 0.5,
        "current_profit_pct": 6,
    },
    "query_rag_stats": {},
    "cleanup_rag_history": {"strategy": "low_quality", "reason": "tidy"},
}
MAY_MISS = {"signal_hold": {"rsi_value"}, "signal_wait": {"rsi_value"}, "adjust_position": {"confidence_score"}}
"""Arguments whose absence changes nothing; a confidence only of a reduction."""
OPTIONAL = {"stake_amount": 100, "stop_loss": 97, "take_profit": 120}


def accepts(tool, **arguments):
    """Return whether the schema of `tool` accepts its right arguments with some changed."""
    try:
        tool.args_schema.model_validate(RIGHT[tool.name] | arguments)
    except ValidationError:
        return False
    return True


def parameters(tool):
    return convert_to_openai_tool(tool)["function"]["parameters"]


by_name = pytest.mark.parametrize("tool", ALL, ids=lambda tool: tool.name)


def test_there_are_nine_functions_and_six_are_terminal():
    assert {tool.name for tool in ALL} == set(RIGHT)
    assert (len(FLAT_TOOLS), len(POSITION_TOOLS), len(MEMORY_TOOLS)) == (3, 3, 3)


@by_name
def test_right_arguments_are_accepted_and_any_further_name_is_not(tool):
    assert accepts(tool)
    assert not accepts(tool, mood="good")


@by_name
def test_every_required_argument_is_required(tool):
    for name in RIGHT[tool.name].keys() - MAY_MISS.get(tool.name, set()):
        with pytest.raises(ValidationError, match=name):
            tool.args_schema.model_validate({key: value for key, value in RIGHT[tool.name].items() if key != name})


@pytest.mark.parametrize("tool, name", [(signal_hold, "rsi_value"), (signal_wait, "rsi_value")])
def test_a_call_that_stays_need_not_repeat_the_rsi(tool, name):
    given = {key: value for key, value in RIGHT[tool.name].items() if key != name}
    read = tool.invoke({"name": tool.name, "args": given, "id": "1", "type": "tool_call"})
    assert read.artifact["action"] in ("hold", "wait") and name not in read.artifact
    assert accepts(tool, **{name: None})


def test_a_reduction_needs_no_confidence_and_an_addition_does():
    unsure = {key: value for key, value in RIGHT["adjust_position"].items() if key != "confidence_score"}
    less = unsure | {"adjustment_pct": -40}
    read = adjust_position.invoke({"name": "adjust_position", "args": less, "id": "1", "type": "tool_call"})
    assert (read.artifact["adjustment_pct"], read.artifact["confidence"]) == (-40, 0)
    with pytest.raises(ValidationError, match="confidence_score is needed to add"):
        adjust_position.args_schema.model_validate(unsure)


@by_name
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, "NaN", "1e999", "viel", None, [], True, False])
def test_no_number_may_be_nan_infinite_or_something_else(tool, value):
    numbers = [name for name, right in RIGHT[tool.name].items() if isinstance(right, int | float)]
    if value is None:
        numbers = [name for name in numbers if name not in MAY_MISS.get(tool.name, ())]
    for name in numbers + (list(OPTIONAL) if tool in ENTRY_TOOLS and value is not None else []):
        assert not accepts(tool, **{name: value}), name


@by_name
def test_a_boolean_is_refused_by_its_field_and_says_so(tool):
    for name in RIGHT[tool.name] | (OPTIONAL if tool in ENTRY_TOOLS else {}):
        with pytest.raises(ValidationError) as caught:
            tool.args_schema.model_validate(RIGHT[tool.name] | {name: True})
        assert [error["loc"] for error in caught.value.errors()] == [(name,)]


@by_name
def test_a_number_may_be_written_as_text(tool):
    numbers = {name: right for name, right in RIGHT[tool.name].items() if isinstance(right, int | float)}
    read = tool.args_schema.model_validate(RIGHT[tool.name] | {name: f"{right}" for name, right in numbers.items()})
    assert {name: getattr(read, name) for name in numbers} == numbers


RANGES = [
    (ENTRY_TOOLS, "leverage", [1, 100], [0.99, 100.01, 0, -1]),
    (TERMINAL_TOOLS, "confidence_score", [1, 100], [0.5, 101]),
    ((*ENTRY_TOOLS, signal_exit, signal_hold, signal_wait), "rsi_value", [0, 100], [-0.1, 100.1]),
    ((*ENTRY_TOOLS, adjust_position), "key_support", [0.0000085, 109.9], [0, -1, 110, 111]),
    ((*ENTRY_TOOLS, adjust_position), "key_resistance", [95.1], [0, 95, 94]),
    (ENTRY_TOOLS, "stake_amount", [0.01, None], [0, -5]),
    (ENTRY_TOOLS, "stop_loss", [0.01, None], [0, -5]),
    (ENTRY_TOOLS, "take_profit", [0.01, None], [0, -5]),
    (
        ENTRY_TOOLS,
        "trend_strength",
        ["strong", "moderate", "weak", "强势", "中等", "弱势"],
        ["STRONG", "very", "强", "", 1],
    ),
    ((signal_exit,), "trade_score", [0, 100], [-1, 101]),
    ((adjust_position,), "adjustment_pct", [-99, 100, 0.1, -0.1], [-99.1, 100.1, 0, -0.0]),
    (TERMINAL_TOOLS, "reason", ["x", "因为趋势强"], ["", "x" * 2001]),
    ((record_decision_to_rag,), "confidence", [0, 1], [-0.01, 1.01, 60]),
    ((record_decision_to_rag,), "decision_type", ["hold", "exit"], ["adjust", "wait", ""]),
    ((cleanup_rag_history,), "strategy", ["low_quality", "compress", "old_records"], ["all", ""]),
]


@pytest.mark.parametrize("tools, name, good, bad", RANGES, ids=[row[1] for row in RANGES])
def test_ranges(tools, name, good, bad):
    for tool in tools:
        assert all(accepts(tool, **{name: value}) for value in good), tool.name
        assert not any(accepts(tool, **{name: value}) for value in bad), tool.name


@by_name
def test_json_schema_forbids_further_names_and_lists_the_required_ones(tool):
    assert tool.args_schema.model_json_schema()["additionalProperties"] is False
    assert set(parameters(tool).get("required", [])) == RIGHT[tool.name].keys() - MAY_MISS.get(tool.name, set())
    assert convert_to_openai_tool(tool)["function"]["description"]


@pytest.mark.parametrize(
    "tool, name, bounds",
    [
        (signal_entry_long, "leverage", {"minimum": 1, "maximum": 100}),
        (signal_entry_short, "confidence_score", {"minimum": 1, "maximum": 100}),
        (signal_wait, "rsi_value", {"minimum": 0, "maximum": 100}),
        (signal_entry_long, "key_support", {"exclusiveMinimum": 0}),
        (signal_entry_long, "trend_strength", {"enum": ["strong", "moderate", "weak"]}),
        (signal_exit, "trade_score", {"minimum": 0, "maximum": 100}),
        (adjust_position, "adjustment_pct", {"minimum": -99, "maximum": 100}),
        (record_decision_to_rag, "confidence", {"minimum": 0, "maximum": 1}),
        (record_decision_to_rag, "decision_type", {"enum": ["hold", "exit"]}),
        (cleanup_rag_history, "strategy", {"enum": ["low_quality", "compress", "old_records"]}),
        (signal_hold, "reason", {"minLength": 1, "maxLength": 2000}),
    ],
)
def test_json_schema_carries_the_ranges(tool, name, bounds):
    field = parameters(tool)["properties"][name]
    assert {key: field.get(key) for key in bounds} == bounds


def test_optional_prices_carry_their_range_too():
    for name in OPTIONAL:
        assert {"type": "number", "exclusiveMinimum": 0}.items() <= parameters(signal_entry_long)["properties"][
            name
        ].items()


def executed(tool, **arguments):
    """Return the artifact of a call, as the ToolNode gets it."""
    call = {"name": tool.name, "args": RIGHT[tool.name] | arguments, "id": "1", "type": "tool_call"}
    return tool.invoke(call).artifact


@pytest.mark.parametrize(
    "tool, action",
    [
        (signal_entry_long, "enter_long"),
        (signal_entry_short, "enter_short"),
        (signal_exit, "exit"),
        (adjust_position, "adjust"),
        (signal_hold, "hold"),
        (signal_wait, "wait"),
    ],
)
def test_a_terminal_function_returns_a_proposal_as_a_plain_dict(tool, action):
    artifact = executed(tool)
    assert type(artifact) is dict
    proposal = Proposal.model_validate(artifact)
    assert (proposal.action, proposal.reason) == (action, RIGHT[tool.name]["reason"])
    assert proposal.confidence == RIGHT[tool.name]["confidence_score"]


def test_an_entry_keeps_every_number_it_was_given():
    proposal = Proposal.model_validate(executed(signal_entry_long, **OPTIONAL))
    assert (proposal.leverage, proposal.stake, proposal.stop, proposal.take_profit) == (5, 100, 97, 120)
    assert (proposal.key_support, proposal.key_resistance, proposal.rsi_value) == (95, 110, 55)


def test_what_an_entry_leaves_out_stays_open():
    proposal = Proposal.model_validate(executed(signal_entry_short, stake_amount=None))
    assert proposal.stake is proposal.stop is proposal.take_profit is None


def test_exit_and_adjustment_keep_their_own_numbers():
    assert executed(signal_exit)["trade_score"] == 70
    assert executed(adjust_position, adjustment_pct=-40)["adjustment_pct"] == -40


def test_a_record_is_only_queued():
    assert executed(record_decision_to_rag) == RIGHT["record_decision_to_rag"] | {"effect": "record"}


def test_memory_statistics_take_no_argument():
    assert parameters(query_rag_stats)["properties"] == {}
