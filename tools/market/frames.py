"""Candle frames to a MarketSnapshot; the one place where candles are cut at their close time.

candle folder or exchange frames -> Candles (one timeframe) -> view as of a time -> MarketSnapshot
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

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
Numbers = NDArray[np.float64]
"""One row each for open, high, low, close and volume."""
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
        self._length = pd.Timedelta(duration(timeframe)).as_unit("ns").value
        opened, self._numbers = _columns(frame)
        self._closes_at = opened + self._length
        self._starts = unbroken_since(opened, self._numbers, self._length, max_flat)
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
        return datetime.fromtimestamp((int(self._closes_at[end - 1]) - self._length) // 10**9, UTC)


def _columns(frame: pd.DataFrame) -> tuple[NDArray[np.int64], Numbers]:
    """Return when candles opened (epoch ns) and their numbers, oldest first; of two rows for one the later one counts.

    In numpy: pandas takes five times as long, and a bot reads some eighty frames at each close.
    """
    opened = frame["date"].to_numpy("datetime64[ns]").astype(np.int64)
    order = np.argsort(opened, kind="stable")
    is_last = np.ones(len(order), dtype=bool)
    is_last[:-1] = np.diff(opened[order]) != 0
    kept = order[is_last]
    return opened[kept], np.stack([frame[name].to_numpy(float)[kept] for name in COLUMNS[1:]])


def unbroken_since(opened: NDArray[np.int64], numbers: Numbers, length: int, max_flat: int) -> NDArray[np.int64]:
    """Return for each candle where its run of usable ones starts: behind the last broken one and the last gap.

    A window never reaches over one, so indicators are unavailable until they have warmed up behind it. Freqtrade fills
    a gap with flat candles without volume; more than `max_flat` of them in a row, or as many missing ones, are a gap.
    `length` in ns.
    """
    rows = np.arange(len(opened))
    after_broken = np.where(is_broken(numbers), rows + 1, 0)
    after_flat = np.where(flat_run(numbers) > max_flat, rows + 1, 0)
    missing = np.concatenate([[0], np.diff(opened) / length - 1])[: len(rows)]
    after_hole = np.where(missing > max_flat, rows, 0)
    return np.maximum.accumulate(np.maximum.reduce([after_broken, after_flat, after_hole]))


def is_broken(numbers: Numbers) -> NDArray[np.bool_]:
    """Return for each candle whether it has no price, no volume, or a price outside its own low and high."""
    opened, high, low, close, volume = numbers
    bounded = (low <= np.minimum(opened, close)) & (np.maximum(opened, close) <= high)
    usable = np.isfinite(numbers).all(axis=0) & (low > 0) & bounded
    broken: NDArray[np.bool_] = ~(usable & (volume >= 0))
    return broken


def flat_run(numbers: Numbers) -> NDArray[np.int64]:
    """Return for each candle how many in a row up to it had no volume and no range."""
    _, high, low, _, volume = numbers
    flat = (volume == 0) & (high == low)
    rows = np.arange(1, len(flat) + 1)
    return rows - np.maximum.accumulate(np.where(flat, 0, rows))


def view_of(timeframe: str, candle: datetime, window: NDArray[np.float64], past: int = PAST) -> TimeframeView:
    """Return what the last candle shows, with the whole window's indicators, levels and patterns.

    `window` has one row each for open, high, low, close and volume; oldest first. `past` values are kept beside it.
    """
    opened, high, low, close, volume = window
    series = series_of(high, low, close, volume)
    indicators, past_indicators = newest_of(series), past_indicators_of(series, volume, past)
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
        past_indicators=past_indicators,
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
