"""Stops within the loop of a fill: set before an addition is sent, known to freqtrade once its order is filled.

before_addition: a stop for all that will be held -> freqtrade adds, and cancels its old one -> after_fill: it is known
"""

from __future__ import annotations

import logging
from typing import Any, NamedTuple

from freqtrade.persistence import Trade

from candlegraph.freqtrade_bridge.audit.account import LiveAccount, RequestRefused, RequestUnanswered
from candlegraph.freqtrade_bridge.audit.books import exit_side, know_stop, on_grid, real
from candlegraph.freqtrade_bridge.audit.seen import exceeds
from candlegraph.graph.schema.market import Side

logger = logging.getLogger(__name__)
Row = dict[str, Any]


class Prepared(NamedTuple):
    """A stop that was set before an addition: for all that the position will be."""

    order: Row
    amount: float
    trigger: float


class FillStops:
    """Sets the stops of fills; `is_on_exchange`: that is where they belong."""

    def __init__(self, bot: Any, account: LiveAccount) -> None:
        self._bot, self._account = bot, account
        self.is_on_exchange = bool(bot.strategy.order_types["stoploss_on_exchange"])
        self._prepared: dict[int, Prepared] = {}

    def forget(self) -> None:
        """Forget stops for additions that came to nothing: the look finds them surplus."""
        self._prepared.clear()

    def before_addition(self, trade: Trade, stake: float, rate: float) -> None:
        """Set a stop for all that a position will be, before it grows: freqtrade cancels the old one after the fill."""
        if not self.is_on_exchange:
            return
        kept = real(trade)
        added = self._bot.exchange.amount_to_contract_precision(trade.pair, stake / rate * (trade.leverage or 1.0))
        amount, trigger = kept.amount + added, self._trigger(kept, kept.stoploss_or_liquidation)
        if (order := self._placed(kept, amount, trigger)) is not None:
            self._prepared[kept.id] = Prepared(order, float(order["amount"]), trigger)

    def after_fill(self, trade: Trade, rate: float, ratio: float | None) -> None:
        """Put the stop of an entry or addition on the exchange at once; `ratio` is what freqtrade is about to set.

        `trade` is the callback's copy: it is moved as freqtrade will move the real one, so that both count alike.
        """
        if not self.is_on_exchange:
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
        except (RequestRefused, RequestUnanswered) as e:
            logger.warning("%s: trade %s: %s; the next look puts it right", trade.pair, trade.id, e)
            return None

    def _drop(self, trade: Trade, ready: Prepared | None) -> None:
        """Cancel a stop that was set before an addition and does not fit it; else the next look finds it."""
        if ready is None:
            return
        try:
            self._account.cancel_stop(ready.order["id"], trade.pair, ready.amount)
        except (RequestRefused, RequestUnanswered) as e:
            logger.warning("%s: trade %s: %s; the next look puts it right", trade.pair, trade.id, e)
