"""What the ledger of a namespace adds up to; a candle that can no longer change is read once."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from candlegraph.memory.books.ledger import DecisionRow, Ledger

BUCKETS = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0)
"""Seconds of a decision, upper bounds."""
OPEN_CANDLES = 3
"""A late answer changes a row while its candle lasts, and its fate comes with the next candle."""
OPEN_AT_MOST = timedelta(days=2)
"""So long the order of a decision may be open; then its row counts as it is."""


@dataclass(frozen=True)
class DecisionSums:
    """Sums over decisions; of latencies only where a model was asked."""

    decisions: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By action and source."""
    fates: Counter[str] = field(default_factory=Counter)
    sums: Counter[str] = field(default_factory=Counter)
    buckets: Counter[float] = field(default_factory=Counter)
    """Decisions by the smallest bound that holds them, infinity for the rest."""
    cost: float = 0.0
    seconds: float = 0.0

    def __add__(self, other: DecisionSums) -> DecisionSums:
        """Return both together."""
        return DecisionSums(
            decisions=self.decisions + other.decisions,
            fates=self.fates + other.fates,
            sums=self.sums + other.sums,
            buckets=self.buckets + other.buckets,
            cost=self.cost + other.cost,
            seconds=self.seconds + other.seconds,
        )


def sums_of(rows: Sequence[DecisionRow]) -> DecisionSums:
    """Return the sums over `rows`."""
    asked = [row for row in rows if row.model_calls or row.tries]
    calls = [call for row in rows for call in row.model_calls]
    return DecisionSums(
        decisions=Counter((row.signal.action, row.signal.source) for row in rows),
        fates=Counter(row.fate_door for row in rows if row.acts),
        sums=Counter(
            {
                "failures": sum(row.error is not None for row in rows),
                "attempts_failed": sum(len(row.tries) for row in rows) + sum(len(call.tries) for call in calls),
                "repairs": sum(row.repairs for row in rows),
                "calls": len(calls),
                "unpriced_calls": sum(call.cost is None for call in calls),
                "tokens_in": sum(row.tokens_in for row in rows),
                "tokens_out": sum(row.tokens_out for row in rows),
            }
        ),
        buckets=Counter(_bucket(row.latency_ms / 1000) for row in asked),
        cost=sum(call.cost or 0.0 for call in calls),
        seconds=sum(row.latency_ms for row in asked) / 1000,
    )


def _bucket(seconds: float) -> float:
    return next((bound for bound in BUCKETS if seconds <= bound), float("inf"))


class LedgerSums:
    """The sums of one namespace, up to date whenever they are asked for; `length` is one main candle."""

    def __init__(self, ledger: Ledger, namespace: str, length: timedelta) -> None:
        self._ledger, self._namespace, self._length = ledger, namespace, length
        self._settled = DecisionSums()
        self._from: datetime | None = None
        self._lock = threading.Lock()

    def now(self) -> DecisionSums:
        """Return the sums over all decisions; any thread may ask."""
        with self._lock:
            rows: list[DecisionRow] = []
            for piece in self._ledger.pieces(self._namespace, since=self._from):
                rows = self._settle([*rows, *piece])
            return self._settled + sums_of(rows)

    def _settle(self, rows: Sequence[DecisionRow]) -> list[DecisionRow]:
        """Count the rows that can no longer change; return the others. Rows to come are of later candles."""
        self._from = first_open = self._first_open(rows)
        self._settled += sums_of([row for row in rows if row.candle < first_open])
        return [row for row in rows if row.candle >= first_open]

    def _first_open(self, rows: Sequence[DecisionRow]) -> datetime:
        """Return the first candle whose rows may still change."""
        newest = rows[-1].candle
        waiting = [one.candle for one in rows if one.acts and one.fate is None and one.candle > newest - OPEN_AT_MOST]
        return min([newest - OPEN_CANDLES * self._length, *waiting])
