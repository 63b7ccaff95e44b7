"""A completion's tree as an AIMessage; what the provider attached to it is kept, to be sent back within the decision.

choice -> text, thoughts, calls -> AIMessage, with `attached` beside it
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from langchain_core.messages import AIMessage, InvalidToolCall, ToolCall
from langchain_core.messages.ai import InputTokenDetails, UsageMetadata
from langchain_core.messages.tool import invalid_tool_call, tool_call

from candlegraph.agents.models.answers import ATTACHED, NOTES, REASONING, fresh_ids

THOUGHTS = ("reasoning_content", "reasoning", "thinking")
"""DeepSeek, llama.cpp, Kimi; OpenRouter, vLLM; others."""
ATTACHED_TO_MESSAGES = (
    "reasoning_details",
    "extra_content",
    "provider_specific_fields",
    "thinking_blocks",
    "thought_signature",
    "reasoning_signature",
    "encrypted_content",
)
PLAIN_CALL = frozenset({"id", "type", "function", "index", "name", "arguments", "parameters"})
"""Of a call; whatever else is in one, such as a thought signature, was attached by the provider."""
LONGEST_ATTACHED = 200_000
"""Characters as JSON; more is left out, and an endpoint that demands it says so."""


def answer_in(tree: Mapping[str, Any]) -> AIMessage:
    """Return the first choice as a message; its calls have ids of their own."""
    choice = tree["choices"][0]
    said: dict[str, Any] = choice.get("message") or {}
    given = _calls(said)
    ids = fresh_ids(str(one.get("id") or "") for one in given)
    good: list[ToolCall] = []
    bad: list[InvalidToolCall] = []
    notes = []
    for one, id in zip(given, ids, strict=True):
        name, arguments = one["name"], one["arguments"]
        if isinstance(arguments, dict):
            notes.append("arguments as an object")
        found = arguments if isinstance(arguments, dict) else object_in(arguments)
        if found is not None:
            good.append(tool_call(name=name, args=found, id=id))
        else:
            bad.append(invalid_tool_call(name=name, args=_text(arguments), id=id, error="no JSON object"))
    content = said.get("content")
    return AIMessage(
        content=content if isinstance(content, str | list) else "",
        tool_calls=good,
        invalid_tool_calls=bad,
        additional_kwargs=_beside(said, dict(zip(ids, given, strict=True))),
        response_metadata=_metadata(tree, choice) | ({NOTES: notes} if notes else {}),
        usage_metadata=usage_of(tree.get("usage")),
    )


def _calls(said: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return each call with name and arguments as they came, whichever of the forms they have."""
    given = said.get("tool_calls") or ([said["function_call"]] if said.get("function_call") else [])
    given = [given] if isinstance(given, dict) else given
    found = []
    for one in given if isinstance(given, list) else []:
        if not isinstance(one, dict):
            continue
        inner = one.get("function")
        function = inner if isinstance(inner, dict) else one
        arguments = function.get("arguments", function.get("parameters"))
        found.append(one | {"name": str(function.get("name") or ""), "arguments": arguments})
    return found


def object_in(arguments: Any) -> dict[str, Any] | None:
    """Return plain arguments; everything else is left to `unwrapping`."""
    if not isinstance(arguments, str):
        return None
    try:
        found = json.loads(arguments, strict=False)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _text(arguments: Any) -> str:
    return arguments if isinstance(arguments, str) else "" if arguments is None else json.dumps(arguments)


def _beside(said: Mapping[str, Any], calls: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return the thoughts, and what was attached to the message and, by id, to its calls."""
    kept: dict[str, Any] = {}
    thoughts = next((one for name in THOUGHTS if isinstance(one := said.get(name), str) and one), None)
    if thoughts is not None:
        kept[REASONING] = thoughts
    attached: dict[str, Any] = {name: said[name] for name in ATTACHED_TO_MESSAGES if said.get(name)}
    of_calls = {
        id: {name: one[name] for name in one if name not in PLAIN_CALL and one[name]} for id, one in calls.items()
    }
    if of_calls := {id: one for id, one in of_calls.items() if one}:
        attached["calls"] = of_calls
    if attached and len(json.dumps(attached)) <= LONGEST_ATTACHED:
        kept[ATTACHED] = attached
    return kept


def _metadata(tree: Mapping[str, Any], choice: Mapping[str, Any]) -> dict[str, Any]:
    return {"finish_reason": choice.get("finish_reason"), "model_name": tree.get("model")}


def usage_of(given: Any) -> UsageMetadata | None:
    """Return the counted tokens, None where a server counted none or what cannot be."""
    usage: Mapping[str, Any] = given if isinstance(given, dict) else {}
    into = usage.get("prompt_tokens", usage.get("input_tokens"))
    out = usage.get("completion_tokens", usage.get("output_tokens"))
    if not isinstance(into, int) or not isinstance(out, int):
        return None
    details = usage.get("prompt_tokens_details") or usage.get("input_tokens_details") or {}
    cached = details.get("cached_tokens") if isinstance(details, dict) else None
    cached = cached or usage.get("prompt_cache_hit_tokens") or usage.get("cached_tokens")  # DeepSeek; Kimi
    found = UsageMetadata(input_tokens=into, output_tokens=out, total_tokens=into + out)
    if isinstance(cached, int) and cached > 0:
        found["input_token_details"] = InputTokenDetails(cache_read=cached)
    return found
