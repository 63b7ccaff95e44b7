"""The newest decision of each pair: its signal, that freqtrade's callbacks use once, and what it was made from."""

from __future__ import annotations

from datetime import datetime, timedelta

from candlegraph.graph.schema.market import MarketSnapshot
from candlegraph.graph.schema.signal import TradeSignal
from candlegraph.graph.state import CandleState


class DecisionBook:
    """Signals by pair, each valid while its candle lasts; `length` is one main candle."""

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

    @property
    def decided(self) -> dict[str, datetime]:
        """Return by pair the close of the last candle that was decided."""
        return {pair: as_of for pair, (as_of, _) in self._signals.items()}

    def lasts(self, as_of: datetime, now: datetime) -> bool:
        """Return whether a signal of `as_of` is in force: from the close of its candle until the next one closes."""
        return as_of <= now < as_of + self._length

    def at(self, pair: str, now: datetime) -> TradeSignal | None:
        """Return the signal in force at `now`."""
        as_of, signal = self._signals.get(pair, (None, None))
        return signal if as_of is not None and self.lasts(as_of, now) else None

    def unused(self, pair: str, now: datetime) -> TradeSignal | None:
        """Return the signal in force that no order has used yet."""
        return None if pair in self._used else self.at(pair, now)

    def consume(self, pair: str) -> None:
        """Mark the pair's signal as used, so that it never fires twice."""
        self._used.add(pair)

    def is_decided(self, pair: str, as_of: datetime) -> bool:
        """Return whether the candle that closed at `as_of` has its decision."""
        return pair in self._signals and self._signals[pair][0] >= as_of


class Known:
    """What each pair's newest decision was made from: the snapshot, and how the graph ended, None where it failed."""

    def __init__(self) -> None:
        self._by_pair: dict[str, tuple[MarketSnapshot, CandleState | None]] = {}

    def put(self, snapshot: MarketSnapshot, state: CandleState | None) -> None:
        """Keep what the pair's newest decision was made from."""
        self._by_pair[snapshot.pair] = (snapshot, state)

    def of(self, pair: str) -> tuple[MarketSnapshot, CandleState | None] | tuple[None, None]:
        """Return snapshot and state of a pair; both None before its first decision."""
        return self._by_pair.get(pair, (None, None))
