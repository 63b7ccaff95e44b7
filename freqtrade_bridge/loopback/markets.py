"""What the loopback exchange lists: pairs with tick size and lot step, and their candles."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from candlegraph.freqtrade_bridge.loopback.series import TIMEFRAME_MS, Series
from candlegraph.graph.errors import CandleError

DIGITS = 6
"""Significant digits of a price: 64000.1 has a tick of 0.1, 0.0000085 one of 1e-11."""


@dataclass(frozen=True)
class Market:
    """One perpetual future, quoted in its settlement currency."""

    pair: str
    series: Series
    tick: float
    step: float

    @property
    def base(self) -> str:
        """Return the base currency."""
        return self.pair.split("/")[0]

    @property
    def quote(self) -> str:
        """Return the quote currency."""
        return self.pair.split("/")[1].split(":")[0]

    @property
    def symbol(self) -> str:
        """Return the exchange's name of the pair."""
        return self.base + self.quote


def market_of(pair: str, series: Series) -> Market:
    """Return a market whose precision follows the magnitude of its last price; it is not the exchange's own."""
    price = float(series.close[-1])
    magnitude = math.floor(math.log10(price))
    tick = 10.0 ** (magnitude - DIGITS + 1)
    step = 10.0 ** min(0, 1 - magnitude) if price > 10 else 1.0
    return Market(pair, series, tick, step)


def markets_of_datadir(datadir: Path, pairs: Iterable[str], timeframe: str = "30m") -> list[Market]:
    """Return the markets of a freqtrade futures folder; raise CandleError naming the file that is missing."""
    found = []
    for pair in pairs:
        path = datadir / "futures" / f"{pair.replace('/', '_').replace(':', '_')}-{timeframe}-futures.feather"
        if not path.is_file():
            raise CandleError(f"{pair}: no candle file {path}; --datadir is the folder that holds futures/")
        found.append(market_of(pair, Series.of_frame(pd.read_feather(path), TIMEFRAME_MS[timeframe])))
    return found
