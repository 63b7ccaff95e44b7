"""Numbers as a model reads them: by their significant digits, never with an exponent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

DIGITS = 6
"""So that a coin at 0.0000085 keeps its digits."""
UNAVAILABLE = "-"
"""In a series, in place of a number."""
STEP_DIGITS = 3
"""Of a change, where both values stand side by side."""


def significant(value: float) -> float:
    """Return `value` with six significant digits."""
    return float(f"{value:.{DIGITS}g}")


def written(value: float, digits: int = DIGITS) -> str:
    """Return `value` by its significant digits and without an exponent: 0.0000085 and 22790, as people write."""
    text = f"{value:.{digits}g}"
    return f"{Decimal(text):f}" if "e" in text else text


def shown(value: float | str) -> str:
    """Return a number with a fraction as it is written, and a count or a word as it is."""
    return written(value) if isinstance(value, float) else str(value)


def step(name: str, then: float | None, now: float | None) -> str:
    """Return a change as `rsi 41.2 to 55`; `none` where a value is unavailable."""
    before, after = ("none" if value is None else written(value, STEP_DIGITS) for value in (then, now))
    return f"{name} {before} to {after}"


def step_lines(named: Mapping[str, Sequence[tuple[str, float | None, float | None]]]) -> tuple[str, ...]:
    """Return a line of changes for each name; what is unavailable then and now is left out."""
    lines = {name: ", ".join([step(*one) for one in steps if one[1:] != (None, None)]) for name, steps in named.items()}
    return tuple([f"{name} {line}" for name, line in lines.items() if line])


def texts(values: Sequence[float | None], digits: int = DIGITS) -> list[str]:
    """Return numbers as they are written, and where one was unavailable so."""
    return [UNAVAILABLE if value is None else written(value, digits) for value in values]


def all_texts(named: Mapping[str, Sequence[float | None]], digits: int = DIGITS) -> dict[str, list[str]]:
    """Return numbers as they are written, by name."""
    return {name: texts(values, digits) for name, values in named.items()}


def series(values: Sequence[float | None]) -> str:
    """Return numbers in one compact line, oldest first."""
    return " ".join(texts(values))
