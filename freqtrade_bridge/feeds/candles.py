"""Closed candles from freqtrade's data provider, cut by close time on our side.

The provider leaks the whole future on the first `bot_loop_start` of a backtest and is one candle stale afterwards, so a
backtest reads the full frames once and `Candles` cuts them; live, freqtrade makes a new frame at each refresh, and the
same one between two of them is known by its identity: copying and reading it for every pair was most of an idle loop.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from candlegraph.graph.settings.context import ContextConfig
from candlegraph.tools.market.frames import Candles


class Kept(NamedTuple):
    """Candles, and the frame that they were read from last."""

    frame: Any
    newest: tuple[Any, float]
    candles: Candles


class MarketFeed:
    """Candles by pair and timeframe; in a backtest loaded once, live renewed when a newer candle is there."""

    def __init__(self, provider: Any, seen: ContextConfig, *, is_backtest: bool) -> None:
        self._provider = provider
        self._seen, self._timeframes = seen, seen.timeframes
        self._is_backtest = is_backtest
        self._candles: dict[tuple[str, str], Kept] = {}

    def candles(self, pair: str) -> dict[str, Candles]:
        """Return the candles of `pair` by timeframe, the main one first; timeframes without data are left out."""
        found = {timeframe: self._of(pair, timeframe) for timeframe in self._timeframes}
        return {timeframe: candles for timeframe, candles in found.items() if candles is not None}

    def main(self, pair: str) -> Candles:
        """Return the main candles of a pair that is known to have them."""
        main = self._of(pair, self._timeframes[0])
        assert main is not None, "its last candle was found"
        return main

    def closed(self, pair: str, first: datetime, as_of: datetime) -> tuple[list[int], list[list[float]]] | None:
        """Return times and prices of the main candles from one on that had closed; None where not all are there."""
        main = self._of(pair, self._timeframes[0])
        return None if main is None else main.closed(first, as_of)

    def last_candle(self, pair: str, now: datetime) -> datetime | None:
        """Return the open time of the main candle that closed last, None if it is missing or not there yet."""
        main = self._of(pair, self._timeframes[0])
        return None if main is None else main.opened_at(now)

    def _of(self, pair: str, timeframe: str) -> Candles | None:
        known = self._candles.get((pair, timeframe))
        if self._is_backtest and known is not None:
            return known.candles
        frame = self._frame(pair, timeframe)
        if known is not None and frame is known.frame:
            return known.candles
        if frame.empty:
            return None
        newest = (frame["date"].iloc[-1], float(frame["close"].iloc[-1]))
        if known is None or known.newest != newest:
            candles = Candles(frame, timeframe, self._seen.max_flat_candles, self._seen.points_of(timeframe))
        else:
            candles = known.candles
        self._candles[(pair, timeframe)] = Kept(frame, newest, candles)
        return candles

    def _frame(self, pair: str, timeframe: str) -> Any:
        """Return freqtrade's own frame; live it is not to be changed."""
        if self._is_backtest:
            return self._provider.historic_ohlcv(pair, timeframe)
        return self._provider.ohlcv(pair, timeframe, copy=False)
