"""Wrappings around a call that lose nothing are undone before it is validated, and noted; they are no faults.

answer -> names without what a template left on them -> arguments out of strings, fences and boxes -> a call in the text

Where two readings are possible the answer stays as it is, and is sent back like any other.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.messages import AIMessage, InvalidToolCall, ToolCall
from langchain_core.messages.tool import invalid_tool_call, tool_call

from candlegraph.agents.models.answers import NOTES
from candlegraph.agents.models.wire.failed_generation import FAILED
from candlegraph.agents.models.wire.markups import written_call

Tools = Sequence[Mapping[str, Any]]

BEFORE = re.compile(r"^(to=)?((functions?|default_api|tools?|assistant|api|namespace|mcp)[.:/]+)+", re.IGNORECASE)
AFTER = re.compile(r"(<\|.*|:\d+|\(\)|\s+(json|code|commentary))$", re.IGNORECASE | re.DOTALL)
FENCE = re.compile(r"\A```\w*\s*\n?(.*?)\n?```\Z", re.DOTALL)
BOXES = ("arguments", "parameters", "args", "kwargs", "params", "input")
"""Keys under which a model puts all arguments once more."""
MOST_LAYERS = 5
PARALLEL = re.compile(r"^multi_tool_use[._]parallel$")


class Notes(list[str]):
    """What was undone, each once."""

    def add(self, note: str) -> None:
        """Note it."""
        if note not in self:
            self.append(note)


def unwrapped(answer: AIMessage, tools: Tools) -> AIMessage:
    """Return `answer` with its calls as they are meant; as it is where nothing was wrapped."""
    functions = {one["function"]["name"]: one["function"] for one in tools}
    notes = Notes(answer.response_metadata.get(NOTES, ()))
    before = len(notes)
    good: list[ToolCall] = []
    bad: list[InvalidToolCall] = []
    for one in (*answer.tool_calls, *answer.invalid_tool_calls):
        name, given = _inner(str(one["name"] or ""), one["args"], notes)
        name = plain_name(name, functions, notes)
        arguments = arguments_in(given, functions.get(name, {}), notes)
        if arguments is None:
            bad.append(invalid_tool_call(name=name, args=str(given), id=one["id"], error="no JSON object"))
        else:
            good.append(tool_call(name=name, args=arguments, id=one["id"]))
    text = str(answer.content)
    if not good and not bad and (found := _in_text(text, functions, notes)) is not None:
        good, text = [found], ""
    if len(notes) == before:
        return answer
    metadata = {name: value for name, value in answer.response_metadata.items() if name != FAILED or not good}
    changed = {"content": text, "tool_calls": good, "invalid_tool_calls": bad}
    return answer.model_copy(update=changed | {"response_metadata": metadata | {NOTES: list(notes)}})


def plain_name(name: str, functions: Mapping[str, Any], notes: Notes) -> str:
    """Return the allowed name that `name` holds; `name` itself where it holds none."""
    if name in functions:
        return name
    rest = name.strip().strip("\"'`").strip()
    while (shorter := AFTER.sub("", rest).strip()) != rest:
        rest = shorter
    rest = BEFORE.sub("", rest)
    if rest not in functions:
        return name
    notes.add("name in a wrapping")
    return rest


def _inner(name: str, given: Any, notes: Notes) -> tuple[str, Any]:
    """Return the one call in OpenAI's box for parallel calls; a box of several stays closed."""
    uses = given.get("tool_uses") if isinstance(given, dict) and PARALLEL.match(name) else None
    if isinstance(uses, list) and len(uses) == 1 and isinstance(uses[0], dict):
        notes.add("call in a box for parallel calls")
        return str(uses[0].get("recipient_name") or ""), uses[0].get("parameters")
    return name, given


def arguments_in(given: Any, function: Mapping[str, Any], notes: Notes) -> dict[str, Any] | None:
    """Return the arguments that `given` holds, None where it is no object, or more than one."""
    parameters = function.get("parameters") or {}
    known, required = parameters.get("properties") or {}, parameters.get("required") or ()
    found = given if isinstance(given, dict) else _object_in(given, bool(function) and not required, notes)
    if found is None or not function:
        return found
    if len(found) == 1 and (box := next(iter(found))) in BOXES and box not in known:
        inner = found[box] if isinstance(found[box], dict) else _parsed(found[box])
        if isinstance(inner, dict):
            notes.add("arguments in a box")
            found = inner
    kept = {
        key: value for key, value in found.items() if key in required or key not in known or value not in ("", None)
    }
    if any(found[key] == "" for key in found.keys() - kept.keys()):
        notes.add("empty optional argument")
        return kept
    return found


def _object_in(given: Any, may_be_empty: bool, notes: Notes) -> dict[str, Any] | None:
    """Return the object in a text: alone, in a string, in a fence, or behind empty objects."""
    for _ in range(MOST_LAYERS):
        if given in ("", None, "null"):
            if may_be_empty:
                notes.add("no arguments where none are needed")
            return {} if may_be_empty else None
        if not isinstance(given, str):
            return given if isinstance(given, dict) else None
        given = _opened(given.strip(), notes)
    return None


def _opened(text: str, notes: Notes) -> Any:
    """Return what is one layer further in: behind a fence, in a JSON string, behind empty objects."""
    if not text:
        return ""
    if fenced := FENCE.match(text):
        notes.add("arguments in a code fence")
        return fenced[1].strip()
    inner = _parsed(text)
    if isinstance(inner, str):
        notes.add("arguments in a string")
        return inner.strip()
    return inner if inner is not None or text == "null" else _behind_empty_ones(text, notes) or []


def _behind_empty_ones(text: str, notes: Notes) -> dict[str, Any] | None:
    """Return the one object of several that is not empty; gateways put the parts of a stream together so."""
    found: list[dict[str, Any]] = []
    place = 0
    while place < len(text):
        try:
            one, place = json.JSONDecoder(strict=False).raw_decode(text, place)
        except (ValueError, RecursionError):
            return None
        if not isinstance(one, dict):
            return None
        found += [one] if one and one not in found else []
        while place < len(text) and text[place].isspace():
            place += 1
    if len(found) != 1:
        return None
    notes.add("arguments behind empty ones")
    return found[0]


def _parsed(text: Any) -> Any:
    try:
        return json.loads(text, strict=False)
    except (ValueError, TypeError, RecursionError):
        return None


def _in_text(text: str, functions: Mapping[str, Any], notes: Notes) -> ToolCall | None:
    """Return the one call that a text is."""
    noted = Notes()
    written = written_call(text, lambda name: plain_name(name, functions, noted), frozenset(functions))
    if written is None:
        return None
    arguments = arguments_in(written.arguments, functions[written.name], noted)
    if arguments is None:
        return None
    notes.add(f"call in the text ({written.markup})")
    for one in noted:
        notes.add(one)
    return tool_call(name=written.name, args=arguments, id="call_0")
