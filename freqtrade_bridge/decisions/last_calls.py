"""What the next briefings of a pair say of its last call that acts, and since when the same call comes to nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from candlegraph.graph.schema.fate import Fate, LastCall
from candlegraph.graph.schema.signal import Move
from candlegraph.tools.signals import FUNCTION_OF

SAID_FOR = 12
"""Candles for which a call that came to nothing is told: a model that was told once, and only once, asks again."""


@dataclass(frozen=True)
class Last:
    """A pair's last call that acts; `first` is the first of the same calls in a row that came to nothing."""

    as_of: datetime
    move: Move
    fate: Fate
    times: int
    first: datetime


class LastCalls:
    """By pair; `length` is one main candle."""

    def __init__(self, length: timedelta) -> None:
        self._length = length
        self._last: dict[str, Last] = {}

    def note(self, pair: str, as_of: datetime, move: Move, fate: Fate) -> None:
        """Remember a fate; an older call's comes later than a newer one's only where its order was open for long."""
        before = self._last.get(pair)
        if before is not None and before.as_of > as_of:
            return
        again = before is not None and not fate.is_filled and _is_same(before, move, fate)
        times, first = (before.times + 1, before.first) if before is not None and again else (1, as_of)
        self._last[pair] = Last(as_of, move, fate, times, first)

    def of(self, pair: str, as_of: datetime) -> LastCall | None:
        """Return what is worth saying at `as_of`: what was carried out once, what failed for some candles."""
        last = self._last.get(pair)
        if last is None:
            return None
        ago = round((as_of - last.as_of) / self._length)
        if not 1 <= ago <= (1 if last.fate.is_filled else SAID_FOR):
            return None
        return LastCall(
            function=FUNCTION_OF[last.move.action],
            adjustment_pct=last.move.adjustment_pct,
            kind=last.fate.kind,
            refusal=last.fate.refusal,
            why=last.fate.why,
            price=last.fate.price,
            candles_ago=ago,
            times=last.times,
            first_ago=round((as_of - last.first) / self._length),
        )


def _is_same(before: Last, move: Move, fate: Fate) -> bool:
    """Return whether the same call met the same end again."""
    return (before.move.action, before.move.grows) == (move.action, move.grows) and _door(before.fate) == _door(fate)


def _door(fate: Fate) -> str:
    return fate.kind if fate.refusal is None else fate.refusal.door
