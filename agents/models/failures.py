"""What an attempt's exception means: worth another attempt, and after which pause."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import NamedTuple

from candlegraph.agents.models.endpoint_error import EndpointError

RETRYABLE = frozenset({408, 409, 425, 429})
REQUEST_IS_WRONG = frozenset({400, 413, 422})
"""The endpoint is well, this request is not."""
READING = (ValueError, TypeError, LookupError, AttributeError, RecursionError)
"""What a client raises over a body that is not an answer."""
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
    """Return the seconds that the endpoint asks to wait: `retry-after-ms`, else `Retry-After` (RFC 9110, 10.2.3)."""
    headers = getattr(getattr(error, "response", None), "headers", None) or {}
    if (milliseconds := _number(headers.get("retry-after-ms"))) is not None:
        return milliseconds / 1000
    given = headers.get("retry-after", "")
    return seconds if (seconds := _number(given)) is not None else _until(given, now)


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
