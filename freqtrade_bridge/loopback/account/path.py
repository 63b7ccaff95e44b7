"""Prices that walk through a candle's extremes, and when they cross a level."""

from __future__ import annotations

from dataclasses import fields
from decimal import Decimal

import numpy as np

from candlegraph.freqtrade_bridge.loopback.series import CandleRow, CandleSeries

LEGS = 3


class PathSeries(CandleSeries):
    """Candles walked open → nearer extreme → other extreme → close, in three straight legs of equal time.

    A rising candle sees its low first, a falling one its high. So the extremes are traded, and ticker, book, running
    candle and matching agree at any moment.
    """

    @classmethod
    def of(cls, series: CandleSeries) -> PathSeries:
        """Return the same candles with a path."""
        return cls(**{one.name: getattr(series, one.name) for one in fields(series) if one.init})

    @property
    def leg_ms(self) -> int:
        """Return how long a leg lasts."""
        return self.base_ms // LEGS

    def corners(self, i: int) -> tuple[float, ...]:
        """Return the four prices that candle `i` walks through."""
        first, high, low, last = (float(column[i]) for column in (self.open, self.high, self.low, self.close))
        return (first, low, high, last) if last >= first else (first, high, low, last)

    def price(self, now: int) -> float:
        """Return the price on the path at `now`; before the first and after the last candle it stands still."""
        i = self._index(now)
        share = min(1.0, max(0.0, (now - int(self.time[i])) / self.base_ms)) * LEGS
        leg, corners = min(LEGS - 1, int(share)), self.corners(i)
        return corners[leg] + (corners[leg + 1] - corners[leg]) * (share - leg)

    def _index(self, now: int) -> int:
        return int(np.clip(np.searchsorted(self.time, now, "right") - 1, 0, len(self.time) - 1))

    def _running(self, opened: int, now: int) -> CandleRow:
        _, first, high, low, price, volume = super()._running(opened, now)
        i = self._index(now)
        passed = self.corners(i)[: LEGS * (now - int(self.time[i])) // self.base_ms + 1]
        return (opened, first, max(high, *passed), min(low, *passed), price, volume)


def crossing(series: CandleSeries, level: Decimal, sign: int, start: int, end: int) -> int | None:
    """Return when the price is first at or beyond `level` (above for sign 1), from `start` to before `end`.

    The price must move on one straight line between the two times.
    """
    first, last, wanted = series.price(start), series.price(end - 1), float(level)
    if sign * (first - wanted) >= 0:
        return start
    if sign * (last - wanted) < 0:
        return None
    share = (wanted - first) / (last - first)
    return min(end - 1, start + int(share * (end - 1 - start)) + 1)
