"""What a refused request was refused for: a parameter, or what hangs on a message, however servers say it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

KEPT = frozenset({"model", "messages", "tools", "tool_choice", "functions", "response_format", "stream"})
"""Without these a request would mean something else; `tool_choice` and `response_format` have ways of their own."""
EXTRAS = (
    "reasoning_content",
    "reasoning_details",
    "extra_content",
    "provider_specific_fields",
    "thinking_blocks",
    "name",
)
"""What may hang on a message, and be refused there."""
ACCESS = frozenset({401, 403})
REFUSING_STATUS = frozenset({400, 404, 405, 415, 422, 500, 501})
REFUSES = re.compile(
    r"support|recogni[sz]|unknown|unexpected|permitted|allow|extra(neous)?\b|unsupported|may only|only|must"
    r"|deprecat|cannot|can't|should|too (large|big|high|long)|range|exceed|maximum|at most|valid|forbid|illegal"
    r"|unavailable|reject"
    r"|不支持|无效|未知|有误|错误|范围|必须",
    re.IGNORECASE,
)
"""Words of a refusal; a name without any of them is only mentioned."""
NAMED = r"(parameters?|arguments?|fields?|propert(y|ies)|keys?|name|inputs?|options?|参数|body ?(->|\.))\W{0,12}"
WORDY = re.compile(r"_|temperature|seed|logprobs|verbosity", re.IGNORECASE)
"""Names that are no everyday word, and need no quotes to be one."""


class EndpointRefusal(NamedTuple):
    """A refused request: its status, and the server's words without what they quote."""

    status: int
    text: str

    def allows(self, quirk: str) -> bool:
        """Return whether this status may speak of the quirk: only of the key where it is about access."""
        return (
            (quirk == "key_header")
            if self.status in ACCESS
            else self.status in REFUSING_STATUS and quirk != "key_header"
        )


def refused_parameter(refusal: EndpointRefusal, sent: Mapping[str, Any]) -> str | None:
    """Return the parameter that the refusal is about, None where it must not be left out or none is named."""
    if refusal.status not in REFUSING_STATUS or not REFUSES.search(refusal.text):
        return None
    places = [(place, name) for name in sent if name not in KEPT for place in _places(name, refusal.text)]
    return min(places)[1] if places else None


def refused_extra(refusal: EndpointRefusal, sent: Mapping[str, Any]) -> str | None:
    """Return what hangs on a message that was sent, and is refused there."""
    text = refusal.text
    if not re.search(r"messages?\W", text, re.IGNORECASE) or not REFUSES.search(text):
        return None
    hanging = {name for message in sent["messages"] for name in _names_in(message)}
    return next((name for name in EXTRAS if name in hanging and _is_named(name, text)), None)


def _names_in(message: Mapping[str, Any]) -> Iterator[str]:
    yield from message
    for call in message.get("tool_calls") or ():
        yield from call


def _is_named(name: str, text: str) -> bool:
    quoted = rf"['\"`.\]]{name}\b" if not WORDY.search(name) else rf"\b{name}\b"
    return bool(re.search(quoted, text))


def _places(name: str, text: str) -> Iterator[int]:
    """Yield where a text names a parameter, in snake or camel case."""
    camel = "".join(part.capitalize() for part in name.split("_"))
    either = f"(?:{re.escape(name)}|{re.escape(camel[:1].lower() + camel[1:])})"
    ways = [rf"['\"`‘“\[(]{either}['\"`’”\])]", rf"{NAMED}{either}\b", rf"\bbody\W{{1,4}}{either}\b"]
    if WORDY.search(name):
        ways.append(rf"(?<![\w.]){either}(?!\w)")
    for way in ways:
        if found := re.search(way, text):
            yield found.start()
