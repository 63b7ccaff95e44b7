"""Entries pause after candles on which the models failed, until a candle succeeds; what lowers risk goes on."""

from __future__ import annotations

from datetime import datetime

from candlegraph.agents.safe import stay
from candlegraph.graph.market import MarketSnapshot
from candlegraph.graph.signal import SIDE_OF, TradeSignal
from candlegraph.graph.state import CandleState

KEY = "llm_config.pause_entries_after"


class EntryPause:
    """Counts failed candles in a row; a candle failed when at least half of its decisions did."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._streak = 0
        """Failed candles before the newest one."""
        self._newest: datetime | None = None
        self._decided = self._failed = 0

    @property
    def is_on(self) -> bool:
        """Return whether entries pause now."""
        succeeded = self._decided > 0 and not self._is_failed
        return not succeeded and self._streak + self._is_failed >= self._limit

    @property
    def _is_failed(self) -> bool:
        return 0 < self._decided <= 2 * self._failed

    def note(self, as_of: datetime, *, decided: int, failed: int) -> str | None:
        """Count decisions of the candle that closed at `as_of`; return what to tell people if the pause changed."""
        before = self.is_on
        if as_of != self._newest:
            self._streak = self._streak + 1 if self._is_failed else 0
            self._newest, self._decided, self._failed = as_of, 0, 0
        self._decided += decided
        self._failed += failed
        if self.is_on == before:
            return None
        if self.is_on:
            return f"the models failed on {self._limit} candles in a row: entries pause until a candle succeeds ({KEY})"
        return "the models answer again: entries go on with the next candle"


def paused(signal: TradeSignal, snapshot: MarketSnapshot) -> TradeSignal:
    """Return what stands in for an entry or addition during the pause; everything else as it is."""
    if signal.action not in SIDE_OF and (signal.adjustment_pct or 0) <= 0:
        return signal
    why = f"{signal.action} refused: {KEY}: the models have failed too often"
    safe = stay(CandleState(snapshot=snapshot), why, "veto")
    return safe.model_copy(update={"decision_id": signal.decision_id, "confidence": signal.confidence})
