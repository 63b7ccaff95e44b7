"""What is kept of an answer, whichever client gave it: plain text, bounded calls, its thoughts beside it.

any AIMessage -> thoughts apart from the text -> cut, cleaned and numbered -> AIMessage that can be stored and sent back
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import count
from typing import Any

from langchain_core.messages import AIMessage, InvalidToolCall, ToolCall
from langchain_core.messages.ai import UsageMetadata
from langchain_core.messages.tool import invalid_tool_call, tool_call

from candlegraph.agents.models.wire.failed_generation import FAILED

REASONING = "reasoning_content"
"""Where an answer's thoughts lie in its `additional_kwargs`; never read as a call, sent back only where demanded."""
ATTACHED = "attached"
"""Where what a provider attached to its answer lies, as it came: it is sent back to it within the decision."""
NOTES = "notes"
"""Where an answer's `response_metadata` names the wrappings that were undone before it was read."""
LONGEST_TEXT, LONGEST_ARGUMENT, LONGEST_WORD = 20_000, 4_000, 200
MOST_CALLS, MOST_ARGUMENTS, DEEPEST = 20, 50, 5
LONGEST_CALL = 20_000
"""Characters of all arguments of one call as JSON: lists within lists, each short, may still be endless."""
LARGEST = 2**63
"""Larger numbers fit neither a checkpoint nor a database."""

THOUGHT = re.compile(r"<think>(.*?)(?:</think>|\Z)", re.DOTALL | re.IGNORECASE)
ONLY_CLOSED = re.compile(r"\A(.*)</think>", re.DOTALL | re.IGNORECASE)
"""Some chat templates open the thought themselves, so that the answer only closes it."""
CUT = frozenset({"length", "max_tokens", "max_output_tokens", "model_length", "model_context_window_exceeded"})
"""How providers say that an answer reached the limit of its length, in small letters."""
WORDS = {
    "finish_reason": ("finish_reason", "done_reason", "stop_reason"),
    "model_name": ("model_name", "model"),
    FAILED: (FAILED,),
}
"""What is kept of `response_metadata`, and how providers name it."""


def normalised(answer: AIMessage) -> AIMessage:
    """Return what is kept of `answer`; never raises, and an answer that is already normalised stays as it is."""
    text, thoughts = spoken(answer)
    good = answer.tool_calls[:MOST_CALLS]
    bad = answer.invalid_tool_calls[: MOST_CALLS - len(good)]
    ids = fresh_ids(one["id"] or "" for one in (*good, *bad))
    metadata: dict[str, Any] = dict(_words(answer.response_metadata))
    cut = len(answer.tool_calls) + len(answer.invalid_tool_calls) - len(ids)
    if cut := cut + _count(answer.response_metadata.get("cut_calls")):
        metadata["cut_calls"] = cut
    if notes := answer.response_metadata.get(NOTES):
        metadata[NOTES] = list(notes)
    attached = answer.additional_kwargs.get(ATTACHED)
    return AIMessage(  # without its id: a server that gives two answers one id would replace the first by the second
        content=cut_text(text),
        tool_calls=[_call(one, id) for one, id in zip(good, ids, strict=False)],
        invalid_tool_calls=[_invalid(one, id) for one, id in zip(bad, ids[len(good) :], strict=True)],
        additional_kwargs=({REASONING: cut_text(thoughts)} if thoughts else {})
        | ({ATTACHED: attached} if attached else {}),
        response_metadata=metadata,
        usage_metadata=_usage(answer.usage_metadata),
    )


def is_cut(answer: AIMessage) -> bool:
    """Return whether the answer reached the limit of its length."""
    return str(answer.response_metadata.get("finish_reason")).lower() in CUT


def without_thoughts(answer: AIMessage) -> AIMessage:
    """Return `answer` as it may be sent back to a model."""
    return answer.model_copy(update={"additional_kwargs": {}}) if answer.additional_kwargs else answer


def spoken(answer: AIMessage) -> tuple[str, str]:
    """Return the text of an answer and its thoughts, wherever the provider puts them."""
    blocks = [answer.content] if isinstance(answer.content, str) else answer.content
    texts: list[Any] = []
    thoughts: list[Any] = [answer.additional_kwargs.get(REASONING)]
    for block in blocks:
        if isinstance(block, str):
            texts.append(block)
        elif isinstance(block, dict):
            texts.append(block.get("text"))
            thoughts += [*_texts(block.get("thinking")), block.get("reasoning")]
    text = "".join(one for one in texts if isinstance(one, str))
    thoughts += THOUGHT.findall(text)
    text = THOUGHT.sub("", text)
    if found := ONLY_CLOSED.match(text):
        thoughts.append(found[1])
        text = text[found.end() :]
    said = [one.strip() for one in thoughts if isinstance(one, str)]
    return text.strip(), "\n".join(one for one in said if one)


def fresh_ids(given: Iterable[str]) -> list[str]:
    """Return an id for each call: its own where it has one and is the first to have it, else a fresh one."""
    wanted = [cut_text(one, LONGEST_WORD) for one in given]
    fresh = (name for name in map("call_{}".format, count()) if name not in wanted)
    seen = {""}
    found = []
    for one in wanted:
        found.append(next(fresh) if one in seen else one)
        seen.add(one)
    return found


def _texts(thinking: Any) -> list[Any]:
    """Return thoughts as texts: Mistral gives a list of parts."""
    parts = thinking if isinstance(thinking, list) else [thinking]
    return [one.get("text") if isinstance(one, dict) else one for one in parts]


def cut_text(text: str, longest: int = LONGEST_TEXT) -> str:
    """Return `text` as it can be written in UTF-8, of at most `longest` characters with the note of what is gone."""
    clean = text.encode("utf-8", "replace").decode("utf-8")
    if len(clean) <= longest:
        return clean
    kept = max(0, longest - 40)
    return f"{clean[:kept]} [{len(clean) - kept} characters cut]"


def _call(found: ToolCall, id: str) -> ToolCall:
    args = _arguments(found["args"])
    if (length := len(json.dumps(args))) > LONGEST_CALL:
        args = {"cut": f"{length} characters"}
    return tool_call(name=cut_text(found["name"], LONGEST_WORD), args=args, id=id)


def _invalid(found: InvalidToolCall, id: str) -> InvalidToolCall:
    name, error = (cut_text(one or "", LONGEST_WORD) for one in (found["name"], found["error"]))
    return invalid_tool_call(name=name, args=cut_text(found["args"] or "", LONGEST_ARGUMENT), id=id, error=error)


def _arguments(found: Mapping[Any, Any], depth: int = 0) -> dict[str, Any]:
    """Return arguments of plain values; what is too deep or too much is left to the schema to refuse."""
    kept = list(found.items())[:MOST_ARGUMENTS]
    return {cut_text(str(key), LONGEST_WORD): _value(value, depth + 1) for key, value in kept}


def _value(value: Any, depth: int) -> Any:
    match value:
        case None | bool() | float():
            return value
        case int():
            return value if abs(value) < LARGEST else math.copysign(math.inf, 1 if value > 0 else -1)
        case str():
            return cut_text(value, LONGEST_ARGUMENT)
        case dict() if depth < DEEPEST:
            return _arguments(value, depth)
        case list() if depth < DEEPEST:
            return [_value(one, depth + 1) for one in value[:MOST_ARGUMENTS]]
    return f"[{type(value).__name__} cut]"


def _words(found: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, names in WORDS.items():
        given = next((found[one] for one in names if isinstance(found.get(one), str)), "")
        if given:
            yield name, cut_text(given, LONGEST_WORD)


def _usage(found: UsageMetadata | None) -> UsageMetadata | None:
    """Return the counted tokens; None where a server counted what cannot be."""
    if not found:
        return None
    counts = [found.get("input_tokens"), found.get("output_tokens"), found.get("total_tokens")]
    if any(one is None or one != _count(one) for one in counts):
        return None
    details: Mapping[str, Any] = found.get("input_token_details") or {}
    kept = UsageMetadata(
        input_tokens=_count(counts[0]), output_tokens=_count(counts[1]), total_tokens=_count(counts[2])
    )
    if cached := _count(details.get("cache_read")):
        kept["input_token_details"] = {"cache_read": cached}
    return kept


def _count(value: Any) -> int:
    return value if isinstance(value, int) and 0 <= value < LARGEST else 0
