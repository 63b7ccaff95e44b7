"""What can be wrong with an answer: a kind that is counted and a message to act on; and what of it is read again."""

from __future__ import annotations

import json
from typing import Any, Literal, NamedTuple

from langchain_core.messages import AIMessage, AnyMessage
from pydantic import ValidationError

from candlegraph.agents.models.answers import REASONING
from candlegraph.agents.models.wire.failed_generation import FAILED
from candlegraph.tools.signals import ENTRY_TOOLS

FaultKind = Literal[
    "text_only",
    "empty",
    "several_signals",
    "both_sides",
    "unknown_function",
    "not_allowed",
    "wrong_pair",
    "malformed_json",
    "cut_off",
    "wrong_arguments",
    "not_a_number",
    "out_of_range",
    "too_long",
    "surplus_memory_call",
    "false_claim",
]
BOTH_SIDES = frozenset(one.name for one in ENTRY_TOOLS)
KINDS: dict[str, FaultKind] = {
    "finite_number": "not_a_number",
    "string_too_long": "too_long",
    "greater_than": "out_of_range",
    "greater_than_equal": "out_of_range",
    "less_than": "out_of_range",
    "less_than_equal": "out_of_range",
}
"""Of pydantic's error types; all others are wrong arguments."""
MOST_TOLD, LONGEST_SHOWN = 8, 80
LONGEST_RECALLED = 3_000
"""Characters of an answer's text, and of each call, that the model reads again; a right call has fewer."""


class Fault(NamedTuple):
    """One thing that is wrong."""

    kind: FaultKind
    message: str
    advice: str = ""
    """For people: what to change in the configuration; the model is not told."""


def no_call(answer: AIMessage, valid: set[str] | frozenset[str]) -> Fault:
    """Return the fault of an answer without any call."""
    told = f"Call exactly one of: {listed(valid)}."
    if why := answer.response_metadata.get(FAILED):
        return Fault("malformed_json", f"Your function call could not be read ({why}). {told}")
    if not answer.content:
        return Fault("empty", f"Your answer was empty. {told}")
    return Fault("text_only", f"You answered with text. {told}")


def cut_off(answer: AIMessage, max_tokens: int | None, valid: set[str] | frozenset[str]) -> Fault:
    """Return the fault of an answer that reached the limit of its length before its call was whole."""
    thoughts = answer.additional_kwargs.get(REASONING)
    by_thoughts = bool(thoughts) and not answer.content and not answer.invalid_tool_calls
    what = "was used up by thoughts" if by_thoughts else "cut the call" if answer.invalid_tool_calls else "cut the text"
    told = "Think less and keep the reason short." if thoughts else "Keep the reason short."
    limit = "the endpoint's own limit" if max_tokens is None else f"llm_config.max_tokens = {max_tokens}"
    return Fault(
        "cut_off",
        f"Your answer was cut off before the call was complete. {told} Call exactly one of: {listed(valid)}.",
        f"{limit} {what}: raise it, or let the model think less (llm_config.options, see docs/models.md)",
    )


def not_json(call: Any) -> Fault:
    """Return the fault of a call whose arguments could not be parsed."""
    if not call["name"]:
        return Fault("malformed_json", "Your call is not valid JSON. Call one function with one JSON object.")
    told = f"The arguments of {shown(call['name'])} are not valid JSON. Call it again with one JSON object."
    return Fault("malformed_json", told)


def several(names: set[str]) -> Fault:
    """Return the fault of several signal functions in one answer."""
    if names >= BOTH_SIDES:
        return Fault("both_sides", "Long and short were called together and neither was executed. Choose one.")
    return Fault("several_signals", "Several signal functions were called and none was executed. Choose one.")


def schema_fault(name: str, error: ValidationError) -> Fault:
    """Return how the arguments break the function's schema, field by field; the first field gives the kind."""
    errors = error.errors()
    lines = [
        f"{shown('.'.join(map(str, one['loc'])) or name)}: {one['msg']}, was {json_shown(one['input'])}"
        for one in errors[:MOST_TOLD]
    ]
    more = f"; and {len(errors) - MOST_TOLD} more" if len(errors) > MOST_TOLD else ""
    kind = KINDS.get(errors[0]["type"], "wrong_arguments")
    return Fault(kind, f"Wrong arguments for {name}: " + "; ".join(lines) + more)


def listed(names: set[str] | frozenset[str]) -> str:
    """Return names in a fixed order, so that equal situations give equal messages."""
    return ", ".join(sorted(names))


def shown(text: Any) -> str:
    """Return what a model wrote, short enough to be quoted to it."""
    return str(text)[:LONGEST_SHOWN]


def json_shown(value: Any) -> str:
    """Return a value that a model gave, as JSON, short enough to be quoted to it."""
    return json.dumps(value, ensure_ascii=False, default=str)[:LONGEST_SHOWN]


def recalled(message: AnyMessage) -> AnyMessage:
    """Return a message as the model reads it again: an answer of its own may be of any length."""
    if not isinstance(message, AIMessage):
        return message
    shorter = {
        "content": str(message.content)[:LONGEST_RECALLED],
        "tool_calls": [one | {"args": _recalled_arguments(one["args"])} for one in message.tool_calls],
        "invalid_tool_calls": [
            one | {"args": (one["args"] or "")[:LONGEST_RECALLED]} for one in message.invalid_tool_calls
        ],
    }
    return message.model_copy(update=shorter)


def _recalled_arguments(arguments: dict[str, Any]) -> dict[str, Any]:
    text = json.dumps(arguments, ensure_ascii=False, default=str)
    return arguments if len(text) <= LONGEST_RECALLED else {"cut": text[:LONGEST_SHOWN]}
