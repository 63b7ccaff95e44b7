"""What `tracing.redact` names leaves no machine: each match in any text that is sent becomes three stars."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import Any, TypeVar

STARS = "***"
Told = TypeVar("Told")


def redacted(told: Told, rules: Sequence[str]) -> Told:
    """Return nested data with each match in its texts replaced; keys stay, and so do numbers.

    Lone halves of a character are replaced too: no viewer's protocol can carry them.
    """
    return _redacted(told, _matching(tuple(rules)))  # type: ignore[no-any-return]


@cache
def _matching(rules: tuple[str, ...]) -> re.Pattern[str] | None:
    return re.compile("|".join(f"(?:{one})" for one in rules), re.IGNORECASE) if rules else None


def _redacted(told: Any, pattern: re.Pattern[str] | None) -> Any:
    if isinstance(told, str):
        text = told.encode("utf-8", "replace").decode()
        return text if pattern is None else pattern.sub(STARS, text)
    if isinstance(told, dict):
        return {key: _redacted(value, pattern) for key, value in told.items()}
    if isinstance(told, (list, tuple)):
        return [_redacted(one, pattern) for one in told]
    return told
