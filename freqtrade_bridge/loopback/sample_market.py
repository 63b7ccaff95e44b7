"""A seeded, synthetic market: trends, ranges and crashes of three pairs, the same bytes on every run.

The pairs bear real names, because freqtrade ships leverage tiers only for these; the prices are invented.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from freqtrade.data.history import get_datahandler
from freqtrade.enums import CandleType
from numpy.typing import NDArray

from candlegraph.freqtrade_bridge.loopback.markets import decimals_of
from candlegraph.freqtrade_bridge.loopback.series import TIMEFRAME_MS, CandleSeries
from candlegraph.graph.schema.errors import CandleError
from candlegraph.graph.settings.context import timeframes_above
from candlegraph.tools.market.candle_files import file_name, futures_in

VERSION = "sample-6"
BEGIN, END = pd.Timestamp("2023-01-01", tz="UTC"), pd.Timestamp("2026-01-01", tz="UTC")
MAIN = "30m"
WRITTEN = timeframes_above(MAIN)
"""What is always there; other timeframes are written where a run wants them."""
DEMO_END, DEMO_CANDLES = pd.Timestamp("2025-11-02", tz="UTC"), 1344
DEMO_EARLIEST = pd.Timestamp("2025-01-01", tz="UTC")
"""What lies before it warms the averages of the longest timeframe up."""
FINER = 6
"""Parts of a base candle in the finest timeframe, 5m."""
START_PRICES = {"BTC/USDT:USDT": 60_000.0, "ETH/USDT:USDT": 2_500.0, "SOL/USDT:USDT": 150.0}
CANDLES_PER_DAY = 48
DAILY_VOLATILITY = 0.022
CRASH = {
    "BTC/USDT:USDT": ("2025-06-10", -0.30),
    "ETH/USDT:USDT": ("2025-03-03", -0.35),
    "SOL/USDT:USDT": ("2025-10-28", -0.36),
}
CRASH_CANDLES = 20
FUNDING_RATE = 0.0001


@dataclass(frozen=True)
class SampleMarket:
    """Where the sample market lies, and what to trade of it."""

    datadir: Path
    pairs: tuple[str, ...]
    timerange: str


def sample_series(pair: str) -> CandleSeries:
    """Return the 30m candles of `pair`: phases of trend and range with a mean of nine days, and one crash."""
    rng = np.random.default_rng([7, sum(map(ord, pair))])
    time = np.arange(BEGIN.value // 10**6, END.value // 10**6, TIMEFRAME_MS["30m"], dtype=np.int64)
    drift, calm = _phases(rng, len(time))
    sigma = DAILY_VOLATILITY / np.sqrt(CANDLES_PER_DAY)
    noise = rng.standard_t(5, len(time)) * np.sqrt(3 / 5)
    returns = drift + sigma * calm * noise + _crash(pair, time, rng)
    close = START_PRICES[pair] * np.exp(np.cumsum(returns - returns.mean()))  # it ends where it began
    return _candles(time, close, START_PRICES[pair], sigma, rng)


def _phases(rng: np.random.Generator, count: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return drift and volatility factor per candle."""
    drift, calm = np.zeros(count), np.ones(count)
    at = 0
    while at < count:
        length = int(rng.uniform(4, 14) * CANDLES_PER_DAY)
        daily = float(rng.choice([0.018, -0.018, 0.012, -0.012, 0.0]))
        drift[at : at + length] = daily / CANDLES_PER_DAY
        calm[at : at + length] = 0.7 if daily == 0 else 1.0
        at += length
    return drift, calm


def _crash(pair: str, time: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.float64]:
    day, size = CRASH[pair]
    extra = np.zeros(len(time))
    first = int(np.searchsorted(time, pd.Timestamp(day, tz="UTC").value // 10**6)) + 12
    weights = rng.dirichlet(np.ones(CRASH_CANDLES))
    extra[first : first + CRASH_CANDLES] = np.log1p(size) * weights
    return extra


def _candles(
    time: NDArray[np.int64], close: NDArray[np.float64], start: float, sigma: float, rng: np.random.Generator
) -> CandleSeries:
    opened = np.r_[start, close[:-1]]
    wick = np.abs(rng.standard_normal((2, len(time)))) * sigma * 0.5
    high = np.maximum(opened, close) * (1 + wick[0])
    low = np.minimum(opened, close) * (1 - wick[1])
    busy = (high - low) / close / sigma
    volume = rng.lognormal(3.0, 0.4, len(time)) * (0.2 + busy) * 60_000 / start
    opened, high, low, close = (np.round(prices, decimals_of(close[0])) for prices in (opened, high, low, close))
    return CandleSeries(
        TIMEFRAME_MS["30m"], time, opened, np.maximum.reduce([high, opened, close]),
        np.minimum.reduce([low, opened, close]), close, np.round(volume, 3),
    )  # fmt: skip


def finer_series(pair: str) -> CandleSeries:
    """Return 5m candles of which six make exactly one of `sample_series`, but for the last digits of the volume."""
    base, rng = sample_series(pair), np.random.default_rng([11, sum(map(ord, pair))])
    low, high = base.low[:, None], base.high[:, None]
    share = np.arange(FINER + 1) / FINER
    steps = np.cumsum(rng.standard_normal((len(base.time), FINER + 1)), axis=1)
    bridge = steps - steps[:, :1] - (steps[:, -1:] - steps[:, :1]) * share
    path = base.open[:, None] + (base.close - base.open)[:, None] * share + bridge * (high - low) / FINER
    path = np.clip(np.round(path, decimals_of(base.close[0])), low, high)
    path[:, 0], path[:, -1] = base.open, base.close
    opened, close = path[:, :-1], path[:, 1:]
    tops, bottoms = np.maximum(opened, close), np.minimum(opened, close)
    rows = np.arange(len(path))
    tops[rows, tops.argmax(axis=1)], bottoms[rows, bottoms.argmin(axis=1)] = base.high, base.low
    length, volume = TIMEFRAME_MS["5m"], np.repeat(base.volume / FINER, FINER)
    times = (base.time[:, None] + np.arange(FINER) * length).ravel()
    return CandleSeries(length, times, opened.ravel(), tops.ravel(), bottoms.ravel(), close.ravel(), volume)


def sample_frames(pair: str, timeframes: Sequence[str] = WRITTEN) -> dict[str, pd.DataFrame]:
    """Return the candles of `pair` by timeframe, complete buckets only."""
    base = sample_series(pair)
    lengths = {name: TIMEFRAME_MS[name] for name in timeframes}
    fine = finer_series(pair) if min(lengths.values(), default=base.base_ms) < base.base_ms else base
    return {name: _frame(fine if length < base.base_ms else base, length) for name, length in lengths.items()}


def _frame(base: CandleSeries, length: int) -> pd.DataFrame:
    series = base.resampled(length)
    date = pd.to_datetime(series.time, unit="ms", utc=True)
    columns = {name: getattr(series, name) for name in ("open", "high", "low", "close", "volume")}
    whole = (series.time >= base.time[0]) & (series.time + length <= base.time[-1] + base.base_ms)
    frame: pd.DataFrame = pd.DataFrame({"date": date, **columns})[whole].reset_index(drop=True)
    return frame


def demo_timerange(main: str) -> str:
    """Return four weeks of 30m candles, or as many candles of another timeframe, in whole days."""
    begin = (DEMO_END - DEMO_CANDLES * pd.Timedelta(milliseconds=TIMEFRAME_MS[main])).floor("D")
    return f"{max(begin, DEMO_EARLIEST):%Y%m%d}-{DEMO_END:%Y%m%d}"


def write_sample_market(datadir: Path, main: str = MAIN) -> SampleMarket:
    """Write the market as a freqtrade data folder, with the timeframes of `main`; what lies there already is kept.

    Raise CandleError instead of overwriting candles of these pairs that are not an older sample.
    """
    marker = datadir / f"{VERSION}.txt"
    if not marker.exists():
        _clear_older(datadir)
        (datadir / "futures").mkdir(parents=True, exist_ok=True)
        for pair in START_PRICES:
            _store(datadir, pair, _files(pair))
        marker.write_text("synthetic candles of candlegraph's sample market\n")
    for pair in START_PRICES:
        missing = [one for one in timeframes_above(main) if pair not in futures_in(datadir, one, "feather")]
        frames = sample_frames(pair, missing)
        _store(datadir, pair, ((timeframe, frame, CandleType.FUTURES) for timeframe, frame in frames.items()))
    return SampleMarket(datadir, tuple(START_PRICES), demo_timerange(main))


def _clear_older(datadir: Path) -> None:
    """Remove an older sample; raise CandleError for candles of these pairs that are none."""
    is_sample = any(datadir.glob("sample-*.txt"))
    for pair in START_PRICES:
        for path in datadir.glob(f"futures/{file_name(pair)}-*"):
            if not is_sample:
                raise CandleError(f"{pair}: {path} is no sample candle file; give the sample a folder of its own")
            path.unlink()


def _store(datadir: Path, pair: str, files: Iterable[tuple[str, pd.DataFrame, CandleType]]) -> None:
    handler = get_datahandler(datadir, "feather")
    for timeframe, frame, kind in files:
        handler.ohlcv_store(pair, timeframe, frame, kind)


def _files(pair: str) -> Iterator[tuple[str, pd.DataFrame, CandleType]]:
    frames = sample_frames(pair)
    for timeframe, frame in frames.items():
        yield timeframe, frame, CandleType.FUTURES
    yield "1h", frames["1h"], CandleType.MARK
    funding = pd.DataFrame(
        {"date": pd.date_range(BEGIN, END, freq="8h", inclusive="left"), "funding_rate": FUNDING_RATE}
    )
    yield "1h", funding, CandleType.FUNDING_RATE
