"""Candle frames to a MarketSnapshot; the one place where candles are cut at their close time.

candle folder or exchange frames -> Candles (one timeframe) -> view as of a time -> MarketSnapshot
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from candlegraph.graph.errors import CandleError
from candlegraph.graph.market import Account, MarketSnapshot, Position, TimeframeView
from candlegraph.tools.market.indicators import indicators_of
from candlegraph.tools.market.structure import swings

WINDOW = 600
"""Closed candles per timeframe, the same live and in backtest, so that every average warms up alike."""
COLUMNS = ["date", "open", "high", "low", "close", "volume"]
PAST = 12
UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def duration(timeframe: str) -> timedelta:
    """Return the length of one candle; raise CandleError for a text that is not like 30m, 4h or 1d."""
    number, unit = timeframe[:-1], timeframe[-1:]
    if not number.isdigit() or unit not in UNITS:
        raise CandleError(f"expected a timeframe like 30m, 4h or 1d, was {timeframe!r}")
    return timedelta(**{UNITS[unit]: int(number)})


class Candles:
    """The candles of one pair and timeframe; shows only those closed at the time asked for."""

    def __init__(self, frame: pd.DataFrame, timeframe: str) -> None:
        if missing := [name for name in COLUMNS if name not in frame.columns]:
            raise CandleError(f"{timeframe} candles: expected columns {COLUMNS}, {missing} are missing")
        self.timeframe = timeframe
        self._length = duration(timeframe)
        ordered = frame[COLUMNS].sort_values("date", kind="stable")  # of two rows for one candle the later one counts
        self._frame = ordered.drop_duplicates("date", keep="last").reset_index(drop=True)
        self._closes_at = (self._frame["date"] + self._length).dt.as_unit("ns").astype("int64").to_numpy()
        self._starts = unbroken_since(self._frame)
        self._last: tuple[int, TimeframeView] | None = None

    def view(self, as_of: datetime) -> TimeframeView | None:
        """Return the timeframe as of `as_of`; None if no candle was closed, or the newest one is missing or broken."""
        end = int(np.searchsorted(self._closes_at, pd.Timestamp(as_of).as_unit("ns").value, side="right"))
        if end == 0 or self._is_stale(end, as_of) or self._starts[end - 1] == end:
            return None
        if self._last is None or self._last[0] != end:
            start = max(end - WINDOW, int(self._starts[end - 1]))
            self._last = (end, view_of(self._frame.iloc[start:end], self.timeframe))
        return self._last[1]

    def opened_at(self, as_of: datetime) -> datetime | None:
        """Return the open time of the last candle closed at `as_of`."""
        view = self.view(as_of)
        return None if view is None else view.candle

    def _is_stale(self, end: int, as_of: datetime) -> bool:
        closed_at = pd.Timestamp(int(self._closes_at[end - 1]), tz="UTC").to_pydatetime()
        return as_of - closed_at >= self._length


def unbroken_since(frame: pd.DataFrame) -> NDArray[np.int64]:
    """Return for each row where its run of usable rows starts: after the last one with a NaN or without a price.

    A window never reaches over such a row, so indicators are unavailable until they have warmed up behind it.
    """
    numbers = frame[COLUMNS[1:]].to_numpy(float)
    usable = np.isfinite(numbers).all(axis=1) & (numbers[:, :-1] > 0).all(axis=1)
    return np.maximum.accumulate(np.where(usable, 0, np.arange(1, len(frame) + 1)))


def view_of(window: pd.DataFrame, timeframe: str) -> TimeframeView:
    """Return what the last row of `window` shows, with indicators and swings of the whole window."""
    last = window.iloc[-1]
    closes = window["close"].to_numpy(float)
    return TimeframeView(
        timeframe=timeframe,
        candle=last["date"].to_pydatetime(),
        rows=len(window),
        **{name: float(last[name]) for name in COLUMNS[1:]},
        past_closes=tuple(float(x) for x in closes[-1 - PAST : -1]),
        indicators=indicators_of(window),
        swing_highs=swings(window["high"].to_numpy(float), highest=True),
        swing_lows=swings(window["low"].to_numpy(float), highest=False),
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


def read_candles(datadir: Path, pair: str, timeframe: str) -> Candles:
    """Return the candles of a freqtrade data folder; raise CandleError naming the file."""
    path = candle_file(datadir, pair, timeframe)
    try:
        return Candles(read_frame(path), timeframe)
    except CandleError as e:
        raise CandleError(f"{path}: {e}") from e


def candle_file(datadir: Path, pair: str, timeframe: str) -> Path:
    """Return the pair's feather file, futures before spot; raise CandleError if there is none."""
    name = pair.replace("/", "_").replace(":", "_")
    places = [datadir / "futures" / f"{name}-{timeframe}-futures.feather", datadir / f"{name}-{timeframe}.feather"]
    path = next((p for p in places if p.is_file()), None)
    if path is None:
        raise CandleError(f"{pair} {timeframe}: no candle file; looked for {places[0]} and {places[1].name}")
    return path


def read_frame(path: Path) -> pd.DataFrame:
    """Return the frame of a candle file; raise CandleError if it is damaged."""
    try:
        return pd.read_feather(path)
    except (OSError, ValueError) as e:  # ValueError: pyarrow's name for a damaged file
        raise CandleError(f"cannot be read: {e}") from e
