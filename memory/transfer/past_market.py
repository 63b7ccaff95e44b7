"""The market that an imported trade was entered in, and how far the price went while it was held, from candles.

trade → the last close before its entry → snapshot, as the bot makes it → regime, RSI, scene, situation
trade → the whole candles between entry and exit → best and worst price
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from candlegraph.graph.schema.errors import CandleError
from candlegraph.graph.schema.experience import ClosedTrade
from candlegraph.graph.schema.facts import ABSENT
from candlegraph.graph.schema.market import PUNCTUAL, Account, MarketSnapshot
from candlegraph.graph.settings.context import ContextConfig
from candlegraph.graph.settings.places import CandleFormat
from candlegraph.memory.transfer.ancestor import net_pct_at
from candlegraph.tools.market.candle_files import read_candles
from candlegraph.tools.market.facts import facts_of
from candlegraph.tools.market.frames import Candles, duration, snapshot_of
from candlegraph.tools.market.scene import scene_of
from candlegraph.tools.market.situation import situation_of, space_of

FAR_ATR = 4.0
"""An entry so far from the close before it, in the main timeframe's ATR, was not made in this market at this time."""
NOBODYS = Account(equity=1, free=1, open_positions=0)
"""No part of a situation depends on the wallet."""


class Rebuilt(NamedTuple):
    """A trade with what candles tell of it, and why they do not tell more; None: they tell it."""

    trade: ClosedTrade
    no_market: str | None
    no_excursions: str | None


class PastMarkets:
    """The candles of a data folder, in the timeframes that the bot sees: vectors of others would never meet its own."""

    def __init__(self, folder: Path, seen: ContextConfig, form: CandleFormat | None = None) -> None:
        self._folder, self._seen, self._form = folder, seen, form
        self._candles: dict[str, dict[str, Candles]] = {}

    def rebuilt(self, trade: ClosedTrade, fee: float) -> Rebuilt:
        """Return the trade with the market at its entry, and with its excursions, net of `fee` a side."""
        try:
            candles = self._of(trade.pair)
            snapshot = snapshot_before(trade, candles)
        except CandleError as e:
            return Rebuilt(trade, str(e), str(e))
        market, no_market = _told(lambda: self._market(snapshot))
        excursions, no_excursions = _told(lambda: excursions_of(trade, candles[snapshot.main.timeframe], fee))
        return Rebuilt(trade.model_copy(update=market | excursions), no_market, no_excursions)

    def _of(self, pair: str) -> dict[str, Candles]:
        """Return the pair's candles by timeframe; raise CandleError naming the file that is missing or damaged."""
        if pair not in self._candles:
            seen = self._seen
            self._candles[pair] = {
                name: read_candles(self._folder, pair, name, seen.max_flat_candles, seen.points_of(name), self._form)
                for name in seen.timeframes
            }
        return self._candles[pair]

    def _market(self, snapshot: MarketSnapshot) -> dict[str, Any]:
        """Return what a trade keeps of the market at its entry; raise CandleError where a part of it is unknown."""
        facts = facts_of(snapshot, self._seen.timeframes, self._seen.required_indicators)
        situation = situation_of(facts)
        if situation is None or len(facts.timeframes) < len(self._seen.timeframes):
            which = "" if facts.missing == ABSENT else f" for {facts.missing}"
            raise CandleError(f"{snapshot.pair}: too few candles before the entry{which}")
        return {
            "regime": facts.regime,
            "trend_strength": facts.trend_strength,
            "entry_rsi": snapshot.main.indicators.rsi,
            "scene": scene_of(snapshot, facts),
            "situation": situation,
            "space": space_of(facts),
        }


def snapshot_before(trade: ClosedTrade, candles: Mapping[str, Candles]) -> MarketSnapshot:
    """Return the market as of the last close before the entry; raise CandleError where the trade was not made there."""
    main = next(iter(candles.values()))
    snapshot = snapshot_of(trade.pair, _last_close(trade, main), candles, NOBODYS)
    atr = snapshot.main.indicators.atr
    if atr is None:
        raise CandleError(f"{trade.pair}: too few {main.timeframe} candles before the entry")
    if abs(trade.entry_price - snapshot.price) > FAR_ATR * atr:
        raise CandleError(
            f"{trade.pair}: the entry price is more than {FAR_ATR:g} ATR away from the close before it: "
            "candles of another market, or the log's times are not UTC"
        )
    return snapshot


def excursions_of(trade: ClosedTrade, main: Candles, fee: float) -> dict[str, Any]:
    """Return best and worst net profit; raise CandleError where the candles do not show it.

    As of our own trades: of the candle of a late entry only the close counts, of that of the exit only the exit.
    """
    begin, length = _last_close(trade, main), duration(main.timeframe)
    is_late = trade.opened_at > begin + PUNCTUAL
    if trade.closed_at < begin + (1 + is_late) * length:
        raise CandleError(f"{trade.pair}: over before a whole {main.timeframe} candle had closed")
    found = main.closed(begin, trade.closed_at)
    if found is None or trade.closed_at.timestamp() >= found[0][-1] + 2 * length.total_seconds():
        raise CandleError(f"{trade.pair}: {main.timeframe} candles between entry and exit are missing")
    _, (_, highs, lows, closes) = found
    seen = trade.entry_price, trade.exit_price, *lows[is_late:], *highs[is_late:], *closes
    ends = [trade.profit_pct, *(net_pct_at(trade, price, fee) for price in (min(seen), max(seen)))]
    return {"mfe_pct": max(ends), "mae_pct": min(ends), "excursions_known": True}


def _last_close(trade: ClosedTrade, main: Candles) -> datetime:
    """Return when the main candle closed that was the last to close before the entry."""
    opened = main.opened_at(trade.opened_at)
    if opened is None:
        raise CandleError(f"{trade.pair}: no {main.timeframe} candle had closed just before the entry")
    return opened + duration(main.timeframe)


def _told(tell: Callable[[], dict[str, Any]]) -> tuple[dict[str, Any], str | None]:
    """Return what is told, and why it is not; None: it is."""
    try:
        return tell(), None
    except CandleError as e:
        return {}, str(e)
