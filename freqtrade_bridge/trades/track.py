"""Freqtrade's open trades as tracks: what happens to them from the entry fill to the final exit.

entered -> candles_closed, decided, recorded, changed -> closing: the track for the outbox
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from datetime import datetime, timedelta

from freqtrade.persistence import Order, Trade

from candlegraph.freqtrade_bridge.trades.fills import realised_by, trade_id_of, trade_key_of
from candlegraph.freqtrade_bridge.trades.plan import Plan
from candlegraph.graph.context import Context
from candlegraph.graph.schema.errors import MemoryStoreError
from candlegraph.graph.schema.market import MarketSnapshot, Side, TimeframeView
from candlegraph.graph.schema.signal import TradeSignal
from candlegraph.graph.state import CandleState
from candlegraph.memory.counterfactual.path import Opening
from candlegraph.memory.learning.comparison import MarketState, compare, market_state_of
from candlegraph.memory.learning.track import Change, PositionTracker, Track
from candlegraph.memory.storage.database import open_engine
from candlegraph.tools.market.facts import facts_of
from candlegraph.tools.market.frames import WINDOW, Candles
from candlegraph.tools.market.situation import situation_of, space_of

logger = logging.getLogger(__name__)


class PositionWatch:
    """The tracks of one run; `length` is one main candle."""

    def __init__(self, context: Context, length: timedelta, *, is_backtest: bool) -> None:
        self._namespace, self._length, self._is_backtest = context.namespace, length, is_backtest
        self._seen = context.settings.context_config
        engine = open_engine(context.database)
        self._tracker = PositionTracker(engine, context.namespace, is_durable=not is_backtest)
        self._keys: dict[int, str] = {}
        self._left: list[tuple[Side, datetime]] = []

    def of(self, trade: Trade) -> Track:
        """Return the trade's track; of one that was never followed, what freqtrade has seen of it."""
        known = self._tracker.tracks.get(self._key(trade))
        return self._begun(trade, None) if known is None else known

    def entered(self, trade: Trade, plan: Plan, state: CandleState | None, opening: Opening | None) -> None:
        """Follow a trade from its entry fill on; `state` is the pair's newest decision."""
        is_same = state is not None and state.situation == plan.situation
        track = self._begun(trade, market_of(state) if is_same else None)
        self._keep(track.model_copy(update={"opening": opening, "beside": self._beside(track)}))

    def candles_closed(
        self, trades: Mapping[str, Trade], due: Mapping[str, datetime], candles: Mapping[str, Candles]
    ) -> None:
        """Count the candles that closed since the last look, those missed while the bot was away too."""
        self._keep(
            *(
                self._after(self.of(trades[pair]), trades[pair], as_of, candles[pair])
                for pair, as_of in due.items()
                if pair in trades and pair in candles and trades[pair].has_open_position
            )
        )

    def decided(self, signals: Mapping[int, TradeSignal]) -> None:
        """Note what was decided about open trades, by their ids."""
        found = [(track, signal) for number, signal in signals.items() if (track := self._by_id(number)) is not None]
        self._keep(*(track.after_signal(signal) for track, signal in found))

    def recorded(self, trade_id: int, count: int) -> None:
        """Note that decisions about an open trade went into the memory."""
        if (track := self._by_id(trade_id)) is not None:
            self._keep(track.after_records(count))

    def changed(self, trade: Trade, order: Order, now: datetime) -> None:
        """Note an add or a partial exit that was filled."""
        is_add = order.ft_order_side == trade.entry_side
        change = Change(
            kind="add" if is_add else "reduction",
            at=now,
            price=order.safe_price,
            stake=order.safe_amount_after_fee * order.safe_price / (trade.leverage or 1.0),
            profit=None if is_add else realised_by(trade, order),
            tag=order.ft_order_tag or order.ft_order_side,
        )
        self._keep(self.of(trade).after_change(change, trade.open_rate))

    def closed(self) -> list[Trade]:
        """Return the trades that are closed and followed still: the process was killed before their exit was noted."""
        found = {key: Trade.session.get(Trade, trade_id_of(key)) for key in self._tracker.tracks}
        return [trade for key, trade in found.items() if trade and not trade.is_open and trade_key_of(trade) == key]

    def closing(self, trade: Trade, state: CandleState | None, now: datetime, *, stop_moved: bool) -> Track:
        """Return how the trade went, at its final exit, and follow it no more; `state`: the pair's newest decision."""
        track = self._sampled(self.of(trade), trade)
        self._tracker.drop(track.trade_key)
        self._left.append((track.side, now))
        return track.model_copy(update={"exit": market_of(state), "stop_moved": stop_moved})

    def with_changes(self, snapshot: MarketSnapshot, trade: Trade) -> MarketSnapshot:
        """Return the snapshot of an open trade with what has changed in the market since its entry."""
        entry = self.of(trade).entry
        if snapshot.position is None or entry is None:
            return snapshot
        facts = facts_of(snapshot, self._seen.timeframes, self._seen.required_indicators)
        found = compare(entry, market_state_of(facts, situation_of(facts), space_of(facts)))
        told = {"since_entry": found.lines, "indicators_since_entry": found.indicators}
        return snapshot.model_copy(update={"position": snapshot.position.model_copy(update=told)})

    def _beside(self, track: Track) -> int:
        """Return how many trades of the side are open at an entry.

        One that a backtest closed in this very candle counts: that it would was not known at its opening.
        """
        self._left = [one for one in self._left if one[1] >= track.opened_at]
        still = [one.side for one in self._tracker.open() if one.trade_key != track.trade_key]
        return [*still, *(side for side, _ in self._left)].count(track.side)

    def _keep(self, *tracks: Track) -> None:
        """Keep tracks; live a database that fails stops no trade, and RAM knows them on."""
        try:
            self._tracker.put(*tracks)
        except MemoryStoreError as e:
            logger.error("open trades could not be stored: %s", e)

    def _begun(self, trade: Trade, entry: MarketState | None) -> Track:
        rate = trade.open_rate
        track = Track(
            namespace=self._namespace,
            trade_key=self._key(trade),
            pair=trade.pair,
            side=trade.trade_direction,
            leverage=trade.leverage or 1.0,
            opened_at=trade.open_date_utc,
            entry_price=rate,
            best=rate,
            worst=rate,
            entry=entry,
        )
        return self._sampled(track, trade)

    def _after(self, track: Track, trade: Trade, as_of: datetime, candles: Candles) -> Track:
        since = track.opened_at if track.candle is None else track.candle + self._length
        for closed_at, view in closed_since(candles, since, as_of, self._length):
            track = track.after_candle(view, closed_at)
        return self._sampled(track, trade)

    def _sampled(self, track: Track, trade: Trade) -> Track:
        """Return the track with the rates that freqtrade saw live; a backtest's hold the running candle's future."""
        if self._is_backtest:
            return track
        return track.after_prices(trade.max_rate or trade.open_rate, trade.min_rate or trade.open_rate)

    def _key(self, trade: Trade) -> str:
        if trade.id not in self._keys:
            self._keys[trade.id] = trade_key_of(trade)
        return self._keys[trade.id]

    def _by_id(self, trade_id: int) -> Track | None:
        return self._tracker.tracks.get(self._keys.get(trade_id, ""))


def market_of(state: CandleState | None) -> MarketState | None:
    """Return the market that a decision saw; None where it failed before its facts were known."""
    if state is None or state.facts is None:
        return None
    return market_state_of(state.facts, state.situation, space_of(state.facts))


def closed_since(
    candles: Candles, since: datetime, as_of: datetime, length: timedelta
) -> list[tuple[datetime, TimeframeView]]:
    """Return close time and view of the candles that closed after `since`, oldest first; broken ones are left out."""
    count = min(WINDOW, math.ceil((as_of - since) / length))
    closed_at = [as_of - back * length for back in range(count - 1, -1, -1)]
    return [(time, view) for time in closed_at if (view := candles.view(time)) is not None]
