"""The key of a kept answer: what the model is told, and nothing of where, when or by which run.

params, prompt version, system, messages, tools -> a hash each -> one hash
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, SystemMessage, ToolMessage

UNSAID = {"query_rag_stats": "storage"}
"""Parts of a function's answer that name the machine: a path, a file's size."""


def components_of(
    params: Mapping[str, Any], messages: Sequence[BaseMessage], tools: tuple[dict[str, Any], ...], prompt_version: str
) -> dict[str, str]:
    """Return the hash of each part of a request."""
    system = [str(one.content) for one in messages if isinstance(one, SystemMessage)]
    told = [one for one in messages if not isinstance(one, SystemMessage)]
    return {
        "params": _hash(_json(dict(params))),
        "prompt_version": prompt_version,
        "system": _hash(_json(system)),
        "messages": _hash(_json(canonical(told))),
        "tools": _hash(_json(tools)),
    }


def key_of(components: Mapping[str, str]) -> str:
    """Return the key: 64 hex digits."""
    return hashlib.sha256(_json(dict(components)).encode()).hexdigest()


def canonical(messages: Sequence[BaseMessage]) -> list[list[Any]]:
    """Return what a model sees of the messages; ids of calls become their number, for servers draw them by lot."""
    numbers: dict[str | None, int] = {}
    return [_seen(message, numbers) for message in messages]


def _seen(message: BaseMessage, numbers: dict[str | None, int]) -> list[Any]:
    if isinstance(message, AIMessage):
        calls = [*message.tool_calls, *message.invalid_tool_calls]
        said = [[call["name"], call["args"], numbers.setdefault(call["id"], len(numbers))] for call in calls]
        return [message.type, message.content, said]
    if isinstance(message, ToolMessage):
        number = numbers.setdefault(message.tool_call_id, len(numbers))
        return [message.type, message.name, _said(message), message.status, number]
    return [message.type, message.content]


def _said(message: ToolMessage) -> Any:
    unsaid = UNSAID.get(message.name or "")
    if unsaid is None or message.status != "success":
        return message.content
    told = json.loads(str(message.content))
    return {name: value for name, value in told.items() if name != unsaid}


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
