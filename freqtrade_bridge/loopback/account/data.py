"""Markets of a candle folder as an account trades them: prices with a path, their mark prices and funding rates."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from candlegraph.freqtrade_bridge.loopback.account.path import PathSeries
from candlegraph.freqtrade_bridge.loopback.markets import Market, markets_of_datadir
from candlegraph.freqtrade_bridge.loopback.series import TIMEFRAME_MS, CandleSeries
from candlegraph.graph.schema.errors import CandleError
from candlegraph.tools.market.candle_files import file_name

HOUR_MS = TIMEFRAME_MS["1h"]


def account_markets(datadir: Path, pairs: Iterable[str]) -> list[Market]:
    """Return the markets of a freqtrade futures folder; raise CandleError naming the file that is missing."""
    return [_with_its_own(market, datadir / "futures") for market in markets_of_datadir(datadir, pairs)]


def _with_its_own(market: Market, folder: Path) -> Market:
    path = PathSeries.of(market.series)
    mark = CandleSeries.of_frame(_read(folder, market.pair, "mark"), HOUR_MS)
    rates = _read(folder, market.pair, "funding_rate")
    times = rates["date"].dt.as_unit("ms").astype("int64")
    funding = dict(zip(times.tolist(), _rate_column(rates).tolist(), strict=True))
    return replace(market, series=path, mark=marked(path, mark), funding=funding)


def _read(folder: Path, pair: str, kind: str) -> pd.DataFrame:
    path = folder / f"{file_name(pair)}-1h-{kind}.feather"
    if not path.is_file():
        raise CandleError(f"{pair}: no file {path}; an account needs mark prices and funding rates beside the candles")
    return pd.read_feather(path)


def _rate_column(rates: pd.DataFrame) -> pd.Series:
    """Return the rates; freqtrade stores them as `funding_rate`, its download as the open of a candle."""
    return rates["funding_rate" if "funding_rate" in rates else "open"].astype(float)


def marked(last: CandleSeries, mark: CandleSeries) -> PathSeries:
    """Return the mark price in the candles of `last`, each moved as far as the mark was from the last price then.

    Hourly marks walk another path than half-hourly prices; so both walk the same one, and are apart as they were.
    """
    hourly = last.resampled(HOUR_MS)
    shared, at_last, at_mark = np.intersect1d(hourly.time, mark.time, assume_unique=True, return_indices=True)
    distance = mark.open[at_mark] / hourly.open[at_last]
    factor = np.interp(last.time, shared, distance)
    columns = {name: getattr(last, name) * factor for name in ("open", "high", "low", "close")}
    return PathSeries(last.base_ms, last.time, **columns, volume=last.volume)
