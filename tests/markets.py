"""Markets made for a test: one series as a candle folder for a backtest, and as a market of the loopback exchange."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from freqtrade.data.history import get_datahandler
from freqtrade.enums import CandleType

from candlegraph.freqtrade_bridge.loopback.account.path import PathSeries
from candlegraph.freqtrade_bridge.loopback.series import TIMEFRAME_MS, CandleSeries

LENGTHS = {name: TIMEFRAME_MS[name] for name in ("30m", "1h", "4h", "1d")}


def frame_of(series: CandleSeries) -> pd.DataFrame:
    date = pd.to_datetime(series.time, unit="ms", utc=True)
    columns = {name: getattr(series, name) for name in ("open", "high", "low", "close", "volume")}
    return pd.DataFrame({"date": date, **columns})


def write(datadir: Path, series_of: dict[str, CandleSeries]) -> Path:
    """Write the series as a freqtrade data folder, with mark prices and funding; return the folder."""
    (datadir / "futures").mkdir(parents=True)
    handler = get_datahandler(datadir, "feather")
    for pair, series in series_of.items():
        frames = {name: frame_of(series.resampled(length)) for name, length in LENGTHS.items()}
        for timeframe, frame in frames.items():
            handler.ohlcv_store(pair, timeframe, frame, CandleType.FUTURES)
        handler.ohlcv_store(pair, "1h", frames["1h"], CandleType.MARK)
        dates = pd.date_range(frames["1h"]["date"].iloc[0], frames["1h"]["date"].iloc[-1], freq="8h")
        handler.ohlcv_store(pair, "1h", pd.DataFrame({"date": dates, "funding_rate": 0.0001}), CandleType.FUNDING_RATE)
    return datadir


def scaled(series: CandleSeries, factor: np.ndarray) -> CandleSeries:
    """Return the series with its prices multiplied, candle by candle."""
    return replace(
        series, **{name: np.round(getattr(series, name) * factor, 6) for name in ("open", "high", "low", "close")}
    )


def crashed(series: CandleSeries, at: str, gaps: tuple[float, ...]) -> CandleSeries:
    """Return the series with a gap down (ratio, 0.05 is 5 %) before each of the candles from `at` on."""
    first = int(np.searchsorted(series.time, pd.Timestamp(at, tz="UTC").value // 10**6))
    factor = np.ones(len(series.time))
    for number, gap in enumerate(gaps):
        factor[first + number :] *= 1 - gap
    return scaled(series, factor)


def without_wicks(series: CandleSeries) -> CandleSeries:
    """Return the series with candles that reach no farther than their open and close."""
    return replace(series, high=np.maximum(series.open, series.close), low=np.minimum(series.open, series.close))


def drawn(points: Mapping[str, float], days_before: int = 20) -> PathSeries:
    """Return the 30m candles of straight lines through `points` (UTC time: price), quiet for some days before."""
    points = dict(sorted(points.items()))
    times = pd.DatetimeIndex(points.keys(), tz="UTC").as_unit("ms").astype("int64").to_numpy()
    half_hour = TIMEFRAME_MS["30m"]
    edges = np.arange(times[0] - days_before * TIMEFRAME_MS["1d"], times[-1] + 1, half_hour, dtype=np.int64)
    price = np.round(np.interp(edges, times, list(points.values())), 6)
    opened, close = price[:-1], price[1:]
    high, low = np.maximum(opened, close), np.minimum(opened, close)
    return PathSeries(half_hour, edges[:-1], opened, high, low, close, np.full(len(opened), 100.0))


def dipped(series: CandleSeries, at: str, low: float) -> CandleSeries:
    """Return the series with one candle, opened at `at`, that reaches down to `low` and comes back."""
    lows = series.low.copy()
    lows[np.searchsorted(series.time, pd.Timestamp(at, tz="UTC").value // 10**6)] = low
    return replace(series, low=lows)
