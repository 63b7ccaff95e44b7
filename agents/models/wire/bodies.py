"""What an endpoint's body says, in whatever form: a completion, or the reason why there is none.

text -> JSON, an event stream, a page or plain words -> the tree of a completion | a reason in one line
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from typing import Any

from candlegraph.agents.models.wire.chunks import joined

Tree = dict[str, Any]

LONGEST = 1000
"""Characters of a reason."""
DEEPEST = 6
ENVELOPES = ("data", "result", "response", "output")
"""What some gateways wrap a completion in."""
REASONS = ("message", "msg", "error_msg", "status_msg", "errorMessage", "detail", "details", "reason", "title", "raw")
"""Where servers put their words; all that are there are told, in this order."""
INNER = ("error", "errors", "metadata", "base_resp", "failure", "fault")
TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)
TAG = re.compile(r"<(script|style)\b.*?</\1>|<[^>]+>", re.IGNORECASE | re.DOTALL)


class NoCompletion(Exception):
    """The body holds no completion; `status` is the one that it names, if any."""

    def __init__(self, reason: str, status: int | None = None) -> None:
        super().__init__(reason)
        self.status = status


def completion_in(text: str) -> Tree:
    """Return the completion that a body holds; raise NoCompletion with what it says instead."""
    text = text.removeprefix("\ufeff").strip()
    if not text:
        raise NoCompletion("an empty body")
    found = _read(text)
    tree = _unwrapped(found)
    if tree is None:
        raise NoCompletion(_told_instead(found, text), status_in(found))
    choice = tree["choices"][0]
    if not _message_of(choice) and (choice.get("error") or tree.get("error")):
        raise NoCompletion(reason_of(choice.get("error") or tree["error"]), status_in(choice) or status_in(tree))
    return tree


def _read(text: str) -> Any:
    """Return the JSON of a body, None where it is none; an event stream becomes what its chunks make together."""
    if is_stream(text):
        return joined(list(events(text)))
    try:
        return json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return None


def is_stream(text: str) -> bool:
    """Return whether a body is a stream of server-sent events."""
    return bool(re.match(r"(data|event|id|retry)?:", text))


def events(text: str) -> Iterator[Any]:
    """Yield the JSON of each event; comments and the end mark are none."""
    for line in text.splitlines():
        given = line.removeprefix("data:").strip() if line.startswith("data:") else ""
        if given and given != "[DONE]":
            try:
                yield json.loads(given, strict=False)
            except (ValueError, RecursionError):
                yield {"error": {"message": f"unreadable event: {given[:80]}"}}


def _unwrapped(found: Any) -> Tree | None:
    """Return what has choices with a message, in `found` or in an envelope around it."""
    if isinstance(found, list) and len(found) == 1:
        found = found[0]
    if not isinstance(found, dict):
        return None
    choices = found.get("choices")
    if isinstance(choices, list) and choices and isinstance(choices[0], dict):
        return found if _message_of(choices[0]) is not None or "error" in choices[0] else None
    return next((one for name in ENVELOPES if (one := _unwrapped(found.get(name))) is not None), None)


def _message_of(choice: Tree) -> Any:
    said = choice.get("message")
    return said if isinstance(said, dict) and said.get("role") not in ("user", "system", "tool") else None


def _told_instead(found: Any, text: str) -> str:
    reason = reason_of(found) if found is not None else reason_in(text)
    if isinstance(found, dict) and not reason:
        reason = f"no choices, only {', '.join(map(str, found))}"[:200]
    return f"no completion: {reason or 'JSON of another kind'}"


def reason_in(text: str) -> str:
    """Return why, in one line, from any body of an error: object, list, nested, event stream, page, plain text."""
    text = text.removeprefix("\ufeff").strip()
    if is_stream(text):
        said = [reason_of(one) for one in events(text)]
        return "; ".join(dict.fromkeys(one for one in said if one))[:LONGEST] or "an event stream"
    try:
        found = json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return _plain(text)
    return reason_of(found) or _plain(text)


def _plain(text: str) -> str:
    if "<" not in text[:200] or ">" not in text:
        return _line(text)
    title = TITLE.search(text)
    words = _line(html.unescape(TAG.sub(" ", title[1] if title else text)))
    return f'a page, not an answer: "{words[:200]}"'


def reason_of(found: Any, depth: int = 0) -> str:
    """Return the words of an error's JSON, without what it quotes of the request."""
    if isinstance(found, str):
        return _nested(found, depth)
    if depth > DEEPEST:
        return ""
    if isinstance(found, list):
        return _joined(reason_of(one, depth + 1) for one in found[:8])
    if not isinstance(found, dict):
        return ""
    if isinstance(place := found.get("loc"), list | tuple):
        return _line(f"{'.'.join(map(str, place))}: {found.get('msg', '')}")
    inner = [found.get(name) for name in (*REASONS, *INNER)]
    told = _joined(reason_of(one, depth + 1) for one in inner)
    parameter = found.get("param")
    return f"{told} (param: {parameter})" if told and isinstance(parameter, str) and parameter not in told else told


def _nested(text: str, depth: int) -> str:
    """Return a text, or the words of the JSON that it is itself: gateways hand on another server's body so."""
    if text.lstrip().startswith(("{", "[")) and depth <= DEEPEST:
        try:
            return reason_of(json.loads(text, strict=False), depth + 1) or _line(text)
        except (ValueError, RecursionError):
            return _line(text)
    return _line(text)


def _joined(parts: Iterator[str]) -> str:
    told: list[str] = []
    for one in parts:
        if one and not any(one in other for other in told):
            told.append(one)
    return _line("; ".join(told))


def _line(text: str) -> str:
    return " ".join(text.split())[:LONGEST]


def status_in(found: Any, depth: int = 0) -> int | None:
    """Return the HTTP status that a body names for its error."""
    if isinstance(found, list) and found:
        found = found[0]
    if not isinstance(found, dict) or depth > DEEPEST:
        return None
    for name in ("code", "status", "status_code", "http_code"):
        given = str(found.get(name))
        if given.isdigit() and 400 <= int(given) < 600:
            return int(given)
    return next((one for name in INNER if (one := status_in(found.get(name), depth + 1)) is not None), None)
