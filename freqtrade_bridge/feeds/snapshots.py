"""Everything that may be known of each pair at its close, as one snapshot: the only thing that a decision sees.

closed candles, wallet, open trade, mood, exchange's limits, locks, last call -> snapshot, or why entries pause
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from freqtrade.persistence import Trade

from candlegraph.freqtrade_bridge.decisions.admission import FAILED, KEY, EntryPause, waiting_pairs
from candlegraph.freqtrade_bridge.decisions.fates import Fates
from candlegraph.freqtrade_bridge.feeds.account import WalletWatch, candles_since_loss, position_of
from candlegraph.freqtrade_bridge.feeds.candles import MarketFeed
from candlegraph.freqtrade_bridge.feeds.doors import Doors
from candlegraph.freqtrade_bridge.feeds.sentiment import SentimentFeed
from candlegraph.freqtrade_bridge.trades.plan import Plans
from candlegraph.freqtrade_bridge.trades.track import PositionWatch
from candlegraph.graph.schema.fate import Refusal
from candlegraph.graph.schema.market import MarketSnapshot, Position, Sentiment
from candlegraph.tools.market.frames import snapshot_of


class Snapshots:
    """`length` is one main candle; `pause` is on while entries pause since models fail."""

    def __init__(
        self,
        feed: MarketFeed,
        wallet: WalletWatch,
        doors: Doors,
        sentiment: SentimentFeed,
        plans: Plans,
        watch: PositionWatch,
        fates: Fates,
        pause: EntryPause,
        length: timedelta,
    ) -> None:
        self._feed, self._wallet, self._doors, self._sentiment = feed, wallet, doors, sentiment
        self._plans, self._watch, self._fates = plans, watch, fates
        self._pause, self._length = pause, length

    def of(self, due: Mapping[str, datetime], trades: Mapping[str, Trade], now: datetime) -> dict[str, MarketSnapshot]:
        """Return the snapshots of the pairs that closed, each at its `as_of`; the account is measured by now."""
        moods = self._sentiment.of(due, now)
        found = {pair: self._snapshot(pair, as_of, trades.get(pair), moods[pair]) for pair, as_of in due.items()}
        return self._with_pause(found)

    def position(self, trade: Trade, price: float, as_of: datetime) -> Position:
        """Return an open trade at `price`."""
        return position_of(trade, self._plans.of(trade), price, as_of, self._length, self._watch.of(trade))

    def _snapshot(self, pair: str, as_of: datetime, trade: Trade | None, mood: Sentiment) -> MarketSnapshot:
        position = None
        if trade is not None and trade.has_open_position:
            position = self.position(trade, self._wallet.prices[pair], as_of)
        snapshot = snapshot_of(pair, as_of, self._feed.candles(pair), self._wallet.measured, position)
        known = snapshot.model_copy(
            update={
                "candles_since_loss": candles_since_loss(pair, as_of, self._length),
                "sentiment": mood,
                "limits": self._doors.limits(pair, snapshot.price),
                "locks": () if position else self._doors.locks(pair, as_of),
                "last_call": self._fates.last_call(pair, as_of),
            }
        )
        return known if trade is None else self._watch.with_changes(known, trade)

    def _with_pause(self, snapshots: dict[str, MarketSnapshot]) -> dict[str, MarketSnapshot]:
        """Return the snapshots with why entries pause, of the pairs that need no model for it."""
        flat = [pair for pair, snapshot in snapshots.items() if snapshot.position is None]
        closed, waiting = self._doors.pause(), frozenset(flat)
        if closed is None and self._pause.is_on:
            closed = Refusal(door="paused", key=KEY, why=FAILED)
            waiting = waiting_pairs(flat, others_ask=len(flat) < len(snapshots))
        if closed is None:
            return snapshots
        told = {"paused": closed.line}
        return {
            pair: snapshot.model_copy(update=told) if pair in waiting or snapshot.position else snapshot
            for pair, snapshot in snapshots.items()
        }
