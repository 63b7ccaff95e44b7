"""The chunks of an event stream, put together to the completion that they are parts of."""

from __future__ import annotations

from typing import Any

TEXTS = ("content", "reasoning_content", "reasoning", "refusal")
LISTS = ("reasoning_details", "thinking_blocks")


def joined(chunks: list[Any]) -> dict[str, Any]:
    """Return the completion; an event that is an error makes it one, unless a choice came after all."""
    whole: dict[str, Any] = {}
    message: dict[str, Any] = {}
    choice: dict[str, Any] = {}
    for chunk in (one for one in chunks if isinstance(one, dict)):
        whole |= {name: value for name, value in chunk.items() if name != "choices" and value is not None}
        choices = chunk.get("choices")
        part = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else {}
        choice |= {
            name: value for name, value in part.items() if value is not None and name not in ("delta", "message")
        }
        if part.get("usage"):
            whole["usage"] = part["usage"]
        if isinstance(part.get("message"), dict):
            message = part["message"]  # the whole one, at the end of some streams
        elif isinstance(part.get("delta"), dict):
            _add(message, part["delta"])
    if message:
        whole["choices"] = [choice | {"message": message}]
    elif choice:
        whole["choices"] = [choice | ({} if choice.get("error") else {"message": {}})]
    return whole


def _add(message: dict[str, Any], delta: dict[str, Any]) -> None:
    for name, value in delta.items():
        if value is None:
            continue
        if name == "tool_calls" and isinstance(value, list):
            for one in value:
                _add_call(message.setdefault("tool_calls", []), one)
        elif name == "function_call" and isinstance(value, dict):
            _add_function(message.setdefault("function_call", {}), value)
        elif name in TEXTS and isinstance(value, str) and isinstance(message.get(name, ""), str):
            message[name] = message.get(name, "") + value
        elif isinstance(value, list) and isinstance(message.get(name, []), list) and name in (*LISTS, "content"):
            message[name] = [*message.get(name, []), *value]
        else:
            message[name] = value


def _add_call(calls: list[dict[str, Any]], part: Any) -> None:
    """Add a part to the call that it continues; some servers give every call the index 0, but each its own id."""
    if not isinstance(part, dict):
        return
    index, function = part.get("index", len(calls) if part.get("id") else None), part.get("function") or {}
    same = [one for one in calls if one.get("index") == index] if index is not None else calls[-1:]
    call = same[-1] if same else None
    begins = bool(part.get("id")) and call is not None and call.get("id") not in (None, "", part["id"])
    if call is None or (begins and function.get("name")):
        call = {"index": index, "function": {}}
        calls.append(call)
    call |= {name: value for name, value in part.items() if name not in ("function", "index") and value}
    if isinstance(function, dict):
        _add_function(call["function"], function)


def _add_function(function: dict[str, Any], part: dict[str, Any]) -> None:
    arguments, name = part.get("arguments"), part.get("name")
    if isinstance(arguments, str) and isinstance(function.get("arguments", ""), str):
        function["arguments"] = function.get("arguments", "") + arguments
    elif arguments is not None:
        function["arguments"] = arguments
    if isinstance(name, str) and name and not function.get("name", "").endswith(name):
        function["name"] = function.get("name", "") + name  # some send the whole name with every part
