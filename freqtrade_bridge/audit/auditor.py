"""The auditor of a live account, at every loop before anything else: look -> judge -> carry out -> tell.

And within the loop of a fill: the stop is on the exchange before freqtrade's own next loop would place it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from freqtrade.persistence import Trade

from candlegraph.freqtrade_bridge.audit.account import Account, Refused, Unanswered
from candlegraph.freqtrade_bridge.audit.books import Planned, exit_side, know_stop, on_grid, open_trade_of, real
from candlegraph.freqtrade_bridge.audit.hands import Hands, Reporter, Send
from candlegraph.freqtrade_bridge.audit.judge import judge
from candlegraph.freqtrade_bridge.audit.seen import Action, Look, PairState, Position, exceeds
from candlegraph.graph.schema.market import Side
from candlegraph.memory.books.audit import AuditBook

logger = logging.getLogger(__name__)

UnknownStop = Callable[[Position], float]
"""Where the stop of a position belongs that no trade knows."""
NO_LOOK = "the exchange could not be looked at"


Row = dict[str, Any]


class Prepared(NamedTuple):
    """A stop that was set before an addition: for all that the position will be."""

    order: Row
    amount: float
    trigger: float


class Auditor:
    """Watches one live account; `bot` is freqtrade's, `planned` and `unknown_stop` say where stops belong."""

    def __init__(
        self, bot: Any, book: AuditBook, namespace: str, send: Send, planned: Planned, unknown_stop: UnknownStop
    ) -> None:
        self._bot, self._planned, self._unknown_stop = bot, planned, unknown_stop
        self._sets_stops = bool(bot.strategy.order_types["stoploss_on_exchange"])
        self._account = Account(bot.exchange)
        self._hands = Hands(bot, self._account, Reporter(book, send), namespace)
        self._prepared: dict[int, Prepared] = {}
        self._waits: dict[str, str] = {}
        self._blind = NO_LOOK

    # -- at every loop ------------------------------------------------------------------------------------------------

    def look(self, pairs: Sequence[str], now: datetime) -> None:
        """Look at the account, and put right what is wrong with the pairs that are ours."""
        self._prepared.clear()
        # Nobody may trade between the exchange's answer and the reading of the books: forced entries and exits wait.
        with self._bot._exit_lock:
            try:
                seen = self._account.look(now)
            except (Refused, Unanswered) as e:
                self._say_blind(str(e))
                return
            self._blind = ""
            self._waits = {}
            for state in self._states(seen, pairs):
                self._put_right(state)

    def why_not_enter(self, pair: str) -> str | None:
        """Return why nothing may be opened in the pair now."""
        return self._blind or self._waits.get(pair)

    def _say_blind(self, why: str) -> None:
        if self._blind != why:
            logger.warning("%s (%s): entries wait until it can be", NO_LOOK, why)
        self._blind = f"{NO_LOOK}: {why}"

    def _states(self, seen: Look, pairs: Sequence[str]) -> list[PairState]:
        trades = {trade.pair: trade for trade in Trade.get_open_trades()}
        ours = dict.fromkeys([*pairs, *trades, *_traded_before(seen)])
        return [self._state(pair, seen, trades.get(pair)) for pair in ours]

    def _state(self, pair: str, seen: Look, trade: Trade | None) -> PairState:
        stops = seen.stops_of(pair)
        known = None if trade is None else open_trade_of(trade, self._planned, self._bot.exchange)
        hidden = set(() if known is None else known.stop_ids) - {one.id for one in stops}
        asked = {one: self._account.state_of(one, pair) for one in sorted(hidden)}
        return PairState(pair=pair, position=seen.position(pair), stops=stops, trade=known, asked=asked, now=seen.at)

    def _put_right(self, state: PairState) -> None:
        for action in judge(state):
            if action.kind == "set_stop" and not self._sets_stops:
                continue
            if not self._hands.carry_out(self._priced(action, state.position), state.now):
                self._waits[state.pair] = "the auditor could not put its stops right yet"

    def _priced(self, action: Action, position: Position | None) -> Action:
        """Return the action with the price of a stop that no plan gives."""
        if action.kind != "protect_unknown" or position is None:
            return action
        price = on_grid(self._bot.exchange, action.pair, self._unknown_stop(position), position.side)
        return action.model_copy(update={"price": price})

    # -- within the loop of a fill ------------------------------------------------------------------------------------

    def before_addition(self, trade: Trade, stake: float, rate: float) -> None:
        """Set a stop for all that a position will be, before it grows: freqtrade cancels the old one after the fill."""
        if not self._sets_stops:
            return
        kept = real(trade)
        added = self._bot.exchange.amount_to_contract_precision(trade.pair, stake / rate * (trade.leverage or 1.0))
        amount, trigger = kept.amount + added, self._trigger(kept, kept.stoploss_or_liquidation)
        if (order := self._placed(kept, amount, trigger)) is not None:
            self._prepared[kept.id] = Prepared(order, amount, trigger)

    def after_fill(self, trade: Trade, rate: float, ratio: float | None) -> None:
        """Put the stop of an entry or addition on the exchange at once; `ratio` is what freqtrade is about to set.

        `trade` is the callback's copy: it is moved as freqtrade will move the real one, so that both count alike.
        """
        if not self._sets_stops:
            return
        if ratio is not None:
            trade.adjust_stop_loss(rate, ratio, allow_refresh=True)
        kept, trigger = real(trade), self._trigger(trade, trade.stoploss_or_liquidation)
        if any(not exceeds(kept.amount, one.safe_amount) for one in kept.open_sl_orders):
            return
        ready = self._prepared.pop(kept.id, None)
        if ready is not None and ready.trigger == trigger and not exceeds(kept.amount, ready.amount):
            know_stop(kept, ready.order, ready.amount, trigger)
        elif (placed := self._placed(kept, kept.amount, trigger)) is not None:
            know_stop(kept, placed, kept.amount, trigger)
            self._drop(kept, ready)

    def _trigger(self, trade: Trade, stop: float) -> float:
        side: Side = "short" if trade.is_short else "long"
        return on_grid(self._bot.exchange, trade.pair, stop, side)

    def _placed(self, trade: Trade, amount: float, trigger: float) -> Row | None:
        """Set a stop; one that fails here is found missing, and put right, by the next look."""
        side: Side = "short" if trade.is_short else "long"
        try:
            return self._account.place_stop(trade.pair, exit_side(side), amount, trigger)
        except (Refused, Unanswered) as e:
            logger.warning("%s: trade %s: %s; the next look puts it right", trade.pair, trade.id, e)
            return None

    def _drop(self, trade: Trade, ready: Prepared | None) -> None:
        """Cancel a stop that was set before an addition and does not fit it; else the next look finds it."""
        if ready is None:
            return
        try:
            self._account.cancel_stop(ready.order["id"], trade.pair, ready.amount)
        except (Refused, Unanswered) as e:
            logger.warning("%s: trade %s: %s; the next look puts it right", trade.pair, trade.id, e)


def _traded_before(seen: Look) -> list[str]:
    """Return the pairs on the exchange that freqtrade has traded before: all others are none of our business."""
    shown = dict.fromkeys([*(one.pair for one in seen.positions), *(one.pair for one in seen.stops)])
    return [pair for pair in shown if Trade.get_trades([Trade.pair == pair]).first() is not None]
