"""Base-resolution candles of one pair, resampled on demand, with the running candle as an exchange shows it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from candlegraph.graph.schema.errors import CandleError
from candlegraph.graph.settings.context import minutes_of

OFFERED = ("1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d", "3d", "1w")
TIMEFRAME_MS = {name: 60_000 * (minutes_of(name) or 0) for name in OFFERED}
WEEK_MS, FIRST_MONDAY_MS = TIMEFRAME_MS["1w"], 4 * TIMEFRAME_MS["1d"]
"""The epoch began on a Thursday, weeks of an exchange begin on Mondays."""
Floats = NDArray[np.float64]
CandleRow = tuple[int, float, float, float, float, float]


def length_of(timeframe: str) -> int:
    """Return the length of a candle in ms; raise CandleError for a timeframe that is not offered."""
    if timeframe not in TIMEFRAME_MS:
        raise CandleError(f"expected a timeframe of {', '.join(TIMEFRAME_MS)}, was {timeframe!r}")
    return TIMEFRAME_MS[timeframe]


@dataclass(frozen=True)
class CandleSeries:
    """Candles of `base_ms` length: open times in epoch ms, then open, high, low, close, volume."""

    base_ms: int
    time: NDArray[np.int64]
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    _resampled: dict[int, CandleSeries] = field(default_factory=dict, compare=False, init=False)

    @classmethod
    def of_frame(cls, frame: pd.DataFrame, base_ms: int) -> CandleSeries:
        """Return the candles of a freqtrade frame (date, open, high, low, close, volume)."""
        time = frame["date"].dt.as_unit("ms").astype("int64").to_numpy()
        columns = {name: frame[name].to_numpy(float) for name in ("open", "high", "low", "close", "volume")}
        return cls(base_ms, time, **columns)

    def resampled(self, length_ms: int) -> CandleSeries:
        """Return the candles of a longer timeframe, the last one possibly incomplete."""
        if length_ms == self.base_ms:
            return self
        if length_ms % self.base_ms:
            raise CandleError(f"expected a multiple of the {self.base_ms} ms base candle, was {length_ms} ms")
        if length_ms not in self._resampled:
            self._resampled[length_ms] = self._resample(length_ms)
        return self._resampled[length_ms]

    def _resample(self, length_ms: int) -> CandleSeries:
        offset = FIRST_MONDAY_MS if length_ms == WEEK_MS else 0
        bucket = (self.time - offset) // length_ms
        first = np.flatnonzero(np.r_[True, bucket[1:] != bucket[:-1]])
        last = np.r_[first[1:], len(bucket)] - 1
        return CandleSeries(
            length_ms,
            bucket[first] * length_ms + offset,
            self.open[first],
            np.maximum.reduceat(self.high, first),
            np.minimum.reduceat(self.low, first),
            self.close[last],
            np.add.reduceat(self.volume, first),
        )

    def price(self, now: int) -> float:
        """Return the price at `now`, on a straight line from the base candle's open to its close."""
        i = int(np.clip(np.searchsorted(self.time, now, "right") - 1, 0, len(self.time) - 1))
        share = min(1.0, max(0.0, (now - int(self.time[i])) / self.base_ms))
        return float(self.open[i] + (self.close[i] - self.open[i]) * share)

    def klines(self, timeframe: str, now: int, start: int | None, end: int | None, limit: int) -> list[CandleRow]:
        """Return at most `limit` candles opened at or before `now`, the newest ones unless `start` is given."""
        all_ = self.resampled(length_of(timeframe))
        stop = int(np.searchsorted(all_.time, min(now, end if end is not None else now), "right"))
        begin = max(0, stop - limit)
        if start is not None:
            begin = int(np.searchsorted(all_.time, start, "left"))
            stop = min(stop, begin + limit)
        rows = [all_._row(i) for i in range(begin, stop)]
        if rows and rows[-1][0] + all_.base_ms > now:
            rows[-1] = self._running(rows[-1][0], now)
        return rows

    def _row(self, i: int) -> CandleRow:
        columns = (self.open, self.high, self.low, self.close, self.volume)
        return (int(self.time[i]), *(float(column[i]) for column in columns))  # type: ignore[return-value]

    def _running(self, opened: int, now: int) -> CandleRow:
        """Return the candle opened at `opened` from the base candles closed by `now` and the present price."""
        begin = int(np.searchsorted(self.time, opened, "left"))
        stop = max(begin, int(np.searchsorted(self.time, now, "right")) - 1)
        done, first, price = slice(begin, stop), float(self.open[begin]), self.price(now)
        high = max([first, price, *self.high[done].tolist()])
        low = min([first, price, *self.low[done].tolist()])
        return (opened, first, high, low, price, float(self.volume[done].sum()))
