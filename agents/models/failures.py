"""What an attempt's exception means: worth another attempt, and after which pause."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import NamedTuple

from candlegraph.agents.models.wire.endpoint_error import EndpointError

RETRYABLE = frozenset({408, 409, 425, 429})
REQUEST_IS_WRONG = frozenset({400, 413, 422})
"""The endpoint is well, this request is not."""
READING = (ValueError, TypeError, LookupError, AttributeError, RecursionError)
"""What a client raises over a body that is not an answer."""
DURATION = re.compile(r"(?:([\d.]{1,9})h)?(?:([\d.]{1,9})m(?!s))?(?:([\d.]{1,9})s)?(?:([\d.]{1,9})ms)?")
IN_WORDS = re.compile(
    r"(?:retryDelay\W{1,4}|(?:try again|retry) (?:in|after) )((?:[\d.]{1,9}(?:h|ms|m|s))+)", re.IGNORECASE
)
LONGEST = 400
"""Characters of an error that are kept."""


class Failure(NamedTuple):
    """One failed attempt, read."""

    is_retryable: bool
    is_endpoints: bool
    """Whether the circuit breaker counts it."""
    retry_after: float | None
    text: str


def failure_of(error: BaseException, secrets: Iterable[str], now: datetime) -> Failure:
    """Return what `error` means; an answer without a status is a broken connection or a broken body."""
    given = getattr(error, "status_code", None)
    status = given if isinstance(given, int) and given >= 400 else None  # ollama's client says -1 for "none"
    is_retryable = status is None or status in RETRYABLE or status >= 500
    text = redacted(_text(error, status), secrets)[:LONGEST]  # cut last: half a key is a secret too
    return Failure(is_retryable, status not in REQUEST_IS_WRONG, retry_after(error, now), text)


def retry_after(error: BaseException, now: datetime) -> float | None:
    """Return the seconds that the endpoint asks to wait: `retry-after-ms`, `Retry-After` (RFC 9110, 10.2.3), its words.

    Some give a duration (`1m2.5s`) where the standard knows seconds or a date; Google says it in the body only.
    """
    response = getattr(error, "response", None)
    headers = getattr(response, "headers", None) or {}
    if (milliseconds := _number(headers.get("retry-after-ms"))) is not None:
        return milliseconds / 1000
    given = headers.get("retry-after", "")
    for seconds in (_number(given), _duration(given), _until(given, now)):
        if seconds is not None:
            return seconds
    words = IN_WORDS.search(str(getattr(response, "text", "")) if getattr(error, "status_code", None) == 429 else "")
    return None if words is None else _duration(words[1])


def _duration(given: str) -> float | None:
    """Return the seconds of `34s`, `1m2.5s` or `250ms`."""
    found = DURATION.fullmatch(given.strip()) if given else None
    if found is None or not any(found.groups()):
        return None
    numbers = [_number(one or "0") for one in found.groups()]
    if any(one is None for one in numbers):
        return None
    hours, minutes, seconds, milliseconds = (one or 0.0 for one in numbers)
    return 3600 * hours + 60 * minutes + seconds + milliseconds / 1000


def _number(given: str | None) -> float | None:
    try:
        number = float(given or "")
    except ValueError:
        return None
    return number if 0 <= number < float("inf") else None


def _until(given: str, now: datetime) -> float | None:
    try:
        at = parsedate_to_datetime(given)
    except (ValueError, OverflowError):
        return None
    return max(0.0, ((at if at.tzinfo else at.replace(tzinfo=UTC)) - now).total_seconds())


def redacted(text: str, secrets: Iterable[str]) -> str:
    """Return `text` without any of the `secrets`: endpoints like to quote a key that they refuse."""
    for secret in sorted(secrets, key=len, reverse=True):  # one may begin like another
        text = text.replace(secret, "***")
    return text


def _text(error: BaseException, status: int | None) -> str:
    """Return the error as one line, with what lies at its root: clients say no more than "Connection error"."""
    if isinstance(error, EndpointError):
        return _said(error)
    if status is not None:
        return f"{type(error).__name__} {status}: {_said(error)}"
    if isinstance(error, READING):
        return f"unreadable answer: {type(error).__name__}: {_said(error)}"
    root = error
    while root.__cause__ is not None:
        root = root.__cause__
    behind = "" if root is error else f" ({type(root).__name__}: {_said(root)})"
    return f"{type(error).__name__}: {_said(error)}{behind}"


def _said(error: BaseException) -> str:
    return " ".join(str(error).split()) or "no message"
