"""Candle frames to a MarketSnapshot; the one place where candles are cut at their close time.

candle folder or exchange frames -> Candles (one timeframe) -> view as of a time -> MarketSnapshot
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from candlegraph.graph.schema.errors import CandleError
from candlegraph.graph.schema.market import Account, MarketSnapshot, Position, TimeframeView
from candlegraph.graph.settings.context import minutes_of
from candlegraph.tools.market.indicators import PAST, newest_of, past_indicators_of, series_of
from candlegraph.tools.market.patterns import patterns_of
from candlegraph.tools.market.structure import levels_of, swings

WINDOW = 600
"""Closed candles per timeframe, the same live and in backtest, so that every average warms up alike."""
COLUMNS = ["date", "open", "high", "low", "close", "volume"]
MAX_FLAT = 12
"""The default of `context_config.max_flat_candles`."""


def duration(timeframe: str) -> timedelta:
    """Return the length of one candle; raise CandleError for a text that is not like 30m, 4h or 1d."""
    minutes = minutes_of(timeframe)
    if minutes is None:
        raise CandleError(f"expected a timeframe like 30m, 4h or 1d, was {timeframe!r}")
    return timedelta(minutes=minutes)


class Candles:
    """The candles of one pair and timeframe; shows only those closed at the time asked for."""

    def __init__(self, frame: pd.DataFrame, timeframe: str, max_flat: int = MAX_FLAT, past: int = PAST) -> None:
        if missing := [name for name in COLUMNS if name not in frame.columns]:
            raise CandleError(f"{timeframe} candles: expected columns {COLUMNS}, {missing} are missing")
        self.timeframe, self._past = timeframe, max(past, PAST)
        ordered = frame[COLUMNS].sort_values("date", kind="stable")  # of two rows for one candle the later one counts
        rows = ordered.drop_duplicates("date", keep="last").reset_index(drop=True)
        self._dates = rows["date"]
        self._numbers = rows[COLUMNS[1:]].to_numpy(float).T.copy()
        self._length = pd.Timedelta(duration(timeframe)).as_unit("ns").value
        self._closes_at = self._dates.dt.as_unit("ns").astype("int64").to_numpy() + self._length
        self._starts = unbroken_since(rows, duration(timeframe), max_flat)
        self._last: tuple[int, TimeframeView] | None = None

    def view(self, as_of: datetime) -> TimeframeView | None:
        """Return the timeframe as of `as_of`; None if no candle was closed, or the newest one is missing or broken."""
        end = self._end(as_of)
        if end is None:
            return None
        if self._last is None or self._last[0] != end:
            start = max(end - WINDOW, int(self._starts[end - 1]))
            self._last = (end, view_of(self.timeframe, self._candle(end), self._numbers[:, start:end], self._past))
        return self._last[1]

    def opened_at(self, as_of: datetime) -> datetime | None:
        """Return the open time of the last candle closed at `as_of`, without its indicators."""
        end = self._end(as_of)
        return None if end is None else self._candle(end)

    def closed(self, first: datetime, as_of: datetime) -> tuple[list[int], list[list[float]]] | None:
        """Return opening times (seconds) and prices (open, high, low, close) of the candles from one on.

        Only those that had closed at `as_of`; None where the first one is not there, or one is missing or broken.
        """
        wanted, now = (pd.Timestamp(time).as_unit("ns").value for time in (first, as_of))
        begin = int(np.searchsorted(self._closes_at, wanted + self._length))
        end = int(np.searchsorted(self._closes_at, now, side="right"))
        if begin >= end or self._closes_at[begin] != wanted + self._length or self._starts[end - 1] > begin:
            return None
        if self._closes_at[end - 1] - self._closes_at[begin] != (end - 1 - begin) * self._length:
            return None
        times = (self._closes_at[begin:end] - self._length) // 10**9
        return times.tolist(), self._numbers[:4, begin:end].tolist()

    def _end(self, as_of: datetime) -> int | None:
        """Return how many candles are closed at `as_of`; None if the newest one is missing or broken."""
        now = pd.Timestamp(as_of).as_unit("ns").value
        end = int(np.searchsorted(self._closes_at, now, side="right"))
        if end == 0 or now - self._closes_at[end - 1] >= self._length or self._starts[end - 1] == end:
            return None
        return end

    def _candle(self, end: int) -> datetime:
        candle: datetime = self._dates.iloc[end - 1].to_pydatetime()
        return candle


def unbroken_since(frame: pd.DataFrame, length: timedelta, max_flat: int) -> NDArray[np.int64]:
    """Return for each row where its run of usable rows starts: behind the last broken row and the last gap.

    A window never reaches over one, so indicators are unavailable until they have warmed up behind it. Freqtrade fills
    a gap with flat candles without volume; more than `max_flat` of them in a row, or as many missing rows, are a gap.
    """
    rows = np.arange(len(frame))
    after_broken = np.where(is_broken(frame), rows + 1, 0)
    after_flat = np.where(flat_run(frame) > max_flat, rows + 1, 0)
    missing = frame["date"].diff().to_numpy() / np.timedelta64(length) - 1  # NaN before the first row
    after_hole = np.where(missing > max_flat, rows, 0)
    return np.maximum.accumulate(np.maximum.reduce([after_broken, after_flat, after_hole]))


def is_broken(frame: pd.DataFrame) -> NDArray[np.bool_]:
    """Return for each row whether it has no price, no volume, or a price outside its own low and high."""
    prices, volume = frame[COLUMNS[1:5]].to_numpy(float), frame["volume"].to_numpy(float)
    opened, high, low, close = prices.T
    bounded = (low <= np.minimum(opened, close)) & (np.maximum(opened, close) <= high)
    usable: NDArray[np.bool_] = np.isfinite(prices).all(axis=1) & (low > 0) & bounded & np.isfinite(volume)
    return ~(usable & (volume >= 0))


def flat_run(frame: pd.DataFrame) -> NDArray[np.int64]:
    """Return for each row how many candles in a row up to it had no volume and no range."""
    flat = (frame["volume"] == 0) & (frame["high"] == frame["low"])
    rows = np.arange(1, len(frame) + 1)
    return rows - np.maximum.accumulate(np.where(flat, 0, rows))


def view_of(timeframe: str, candle: datetime, window: NDArray[np.float64], past: int = PAST) -> TimeframeView:
    """Return what the last candle shows, with the whole window's indicators, levels and patterns.

    `window` has one row each for open, high, low, close and volume; oldest first. `past` values are kept beside it.
    """
    opened, high, low, close, volume = window
    series = series_of(high, low, close, volume)
    indicators = newest_of(series)
    turns = swings(high, highest=True) + swings(low, highest=False)
    return TimeframeView(
        timeframe=timeframe,
        candle=candle,
        rows=len(close),
        open=opened[-1],
        high=high[-1],
        low=low[-1],
        close=close[-1],
        volume=volume[-1],
        past_closes=tuple(close[-1 - past : -1].tolist()),
        indicators=indicators,
        levels=levels_of(turns, close[-1], indicators.atr),
        patterns=patterns_of(opened, high, low, close),
        past_indicators=past_indicators_of(series, volume, past),
    )


def snapshot_of(
    pair: str,
    as_of: datetime,
    candles: Mapping[str, Candles],
    account: Account,
    position: Position | None = None,
) -> MarketSnapshot:
    """Return all that may be known of `pair` at `as_of`; `candles` by timeframe, the main one first.

    Raises CandleError if the main timeframe has no candle that closed within the last candle length.
    """
    views = [view for one in candles.values() if (view := one.view(as_of)) is not None]
    main = next(iter(candles))
    if not views or views[0].timeframe != main:
        raise CandleError(f"{pair}: no closed {main} candle as of {as_of:%Y-%m-%d %H:%M} UTC")
    return MarketSnapshot(
        pair=pair, candle=views[0].candle, as_of=as_of, timeframes=tuple(views), account=account, position=position
    )


def _problem_of(frame: pd.DataFrame) -> str | None:
    """Return what keeps a frame from being candles; missing columns are named later."""
    present = [name for name in COLUMNS if name in frame.columns]
    if "date" in present and not isinstance(frame["date"].dtype, pd.DatetimeTZDtype):
        return f"its dates are {frame['date'].dtype}, with no time zone"
    texts = [name for name in present if name != "date" and not pd.api.types.is_numeric_dtype(frame[name].dtype)]
    return f"no numbers in {', '.join(texts)}" if texts else None
