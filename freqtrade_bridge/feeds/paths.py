"""Closed trades as paths over the bot's own candles, for their counterfactuals.

trade, its track, candles that had closed -> path; in a backtest with the funding that the engine itself reads, else
without, which its table says
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from candlegraph.freqtrade_bridge.feeds.candles import MarketFeed
from candlegraph.graph.schema.experience import ClosedTrade
from candlegraph.memory.counterfactual.path import Funding, PathCandles, TradePath
from candlegraph.memory.counterfactual.trades import entry_candle, first_known_at, opens_at, path_of
from candlegraph.memory.learning.track import Track


class TradePaths:
    """The paths of one run's trades; live no funding is replayed, since freqtrade keeps no rates of the past."""

    def __init__(self, feed: MarketFeed, provider: Any, *, is_backtest: bool) -> None:
        self._feed, self._provider, self._is_backtest = feed, provider, is_backtest
        self._funding: dict[str, tuple[Funding, ...] | None] = {}

    def of(self, trade: ClosedTrade, track: Track | None, now: datetime) -> TradePath | None:
        """Return a trade as far as its candles had closed by now.

        None where it has no table yet, was not followed from its first fill on, or a candle is missing.
        """
        if track is None or track.opening is None or trade.forced or now < first_known_at(trade):
            return None
        found = self._feed.closed(trade.pair, entry_candle(trade), now)
        if found is None:
            return None
        times, prices = found
        if times[-1] + 60 * trade.candle_minutes < opens_at(trade, first_known_at(trade)).timestamp():
            return None  # live, the newest candle may not be here yet
        candles = PathCandles(time=times, **dict(zip(("open", "high", "low", "close"), prices, strict=True)))
        known = self._funding_of(trade.pair)
        due = None if known is None else [one for one in known if times[0] <= one.time <= now.timestamp()]
        return path_of(trade, track.opening, candles, due, is_changed=track.is_changed)

    def _funding_of(self, pair: str) -> tuple[Funding, ...] | None:
        if not self._is_backtest:
            return None
        if pair not in self._funding:
            self._funding[pair] = self._read(pair)
        return self._funding[pair]

    def _read(self, pair: str) -> tuple[Funding, ...] | None:
        """Return the funding times of a pair as the backtest knows them; None where it has none."""
        exchange, load = self._provider._exchange, self._provider.historic_ohlcv
        rates = load(pair, exchange.get_option("funding_fee_timeframe"), "funding_rate")
        marks = load(pair, exchange.get_option("mark_ohlcv_timeframe"), exchange.get_option("mark_ohlcv_price"))
        if rates.empty or marks.empty:
            return None
        both = exchange.combine_funding_and_mark(rates, marks)
        seconds = both["date"].dt.as_unit("s").astype("int64")
        return tuple(map(Funding, seconds.tolist(), both["open_fund"].tolist(), both["open_mark"].tolist()))
