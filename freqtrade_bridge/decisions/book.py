"""The decisions that wait for freqtrade's callbacks: one per pair, valid while its candle lasts, used once."""

from __future__ import annotations

from datetime import datetime, timedelta

from candlegraph.graph.schema.signal import TradeSignal


class DecisionBook:
    """Signals by pair; `length` is one main candle."""

    def __init__(self, length: timedelta) -> None:
        self._length = length
        self._signals: dict[str, tuple[datetime, TradeSignal]] = {}
        self._used: set[str] = set()

    def put(self, pair: str, as_of: datetime, signal: TradeSignal) -> None:
        """Keep the decision taken at `as_of`, in place of an older one of the pair."""
        self._signals[pair] = (as_of, signal)
        self._used.discard(pair)

    @property
    def pairs(self) -> tuple[str, ...]:
        """Return the pairs that were decided."""
        return tuple(self._signals)

    def at(self, pair: str, now: datetime) -> TradeSignal | None:
        """Return the signal in force at `now`: from the close of its candle until the next candle closes."""
        as_of, signal = self._signals.get(pair, (None, None))
        return signal if as_of is not None and as_of <= now < as_of + self._length else None

    def unused(self, pair: str, now: datetime) -> TradeSignal | None:
        """Return the signal in force that no order has used yet."""
        return None if pair in self._used else self.at(pair, now)

    def consume(self, pair: str) -> None:
        """Mark the pair's signal as used, so that it never fires twice."""
        self._used.add(pair)

    def is_decided(self, pair: str, as_of: datetime) -> bool:
        """Return whether the candle that closed at `as_of` has its decision."""
        return pair in self._signals and self._signals[pair][0] >= as_of
