"""What the loopback exchange lists: pairs with tick size and lot step, and their candles."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from candlegraph.freqtrade_bridge.loopback.series import CandleSeries, length_of
from candlegraph.graph.schema.errors import CandleError
from candlegraph.graph.settings.places import CandleFormat
from candlegraph.tools.market.candle_files import candle_file, read_frame

MAX_NOTIONAL = 1e9
"""What the largest order is worth, about, in quote currency: the largest quantity follows from it."""
DIGITS = 6
"""Significant digits of a price: 64000.1 has a tick of 0.1, 0.85 one of 1e-6."""
FINEST_TICK = 1e-10
"""Freqtrade refuses markets with a finer one."""
LINEAR = re.compile(r"[\w-]+/([\w-]+):\1")
"""A future that is quoted in what it settles in."""
FUNDING_RATE = 0.0001
"""What a market without rates of its own pays every eight hours."""


@dataclass(frozen=True)
class Market:
    """One perpetual future, quoted in its settlement currency; without `mark` its last price is its mark price."""

    pair: str
    series: CandleSeries
    tick: float
    step: float
    max_quantity: float
    mark: CandleSeries | None = None
    funding: Mapping[int, float] | None = None

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

    @property
    def mark_series(self) -> CandleSeries:
        """Return the candles of the mark price."""
        return self.mark or self.series

    def funding_rate(self, at: int) -> float:
        """Return the rate paid at `at`, epoch ms; raise CandleError where the market's own rates have none."""
        if self.funding is None:
            return FUNDING_RATE
        if at not in self.funding:
            raise CandleError(f"{self.pair}: no funding rate at {at}; its rates end or have a gap there")
        return self.funding[at]


def decimals_of(price: float) -> int:
    """Return how many decimals a price of six significant digits has; negative for whole tens."""
    return DIGITS - 1 - math.floor(math.log10(price))


def market_of(pair: str, series: CandleSeries) -> Market:
    """Return a market whose precision follows the magnitude of its first price; it is not the exchange's own.

    The first, because the last one lies in the future of a backtest.
    """
    price = float(series.close[0]) if len(series.close) else math.nan
    if not (math.isfinite(price) and price > 0):
        raise CandleError(f"{pair}: expected a first close above 0, was {price}; the candle file is empty or damaged")
    magnitude = math.floor(math.log10(price))
    tick = max(FINEST_TICK, 10.0 ** -decimals_of(price))
    step = 10.0 ** min(0, 1 - magnitude) if price > 10 else 1.0
    return Market(pair, series, tick, step, max_quantity=MAX_NOTIONAL / 10.0**magnitude)


def markets_of_datadir(
    datadir: Path, pairs: Iterable[str], timeframe: str = "30m", form: CandleFormat | None = None
) -> list[Market]:
    """Return the markets of a freqtrade futures folder; raise CandleError naming the file that is missing."""
    length, found = length_of(timeframe), []
    for pair in pairs:
        if not LINEAR.fullmatch(pair):
            raise CandleError(f"{pair}: expected a future that is quoted in what it settles in, like BTC/USDT:USDT")
        path = candle_file(datadir, pair, timeframe, form)
        if path.parent.name != "futures":
            raise CandleError(f"{pair}: {path} lies outside of futures/, where freqtrade looks for candles of futures")
        found.append(market_of(pair, CandleSeries.of_frame(read_frame(path), length)))
    return found
