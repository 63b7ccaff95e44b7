"""Freqtrade's books follow the exchange: what closed a position is found among the pair's orders and booked as it was.

missing amount -> orders that freqtrade does not know, oldest first -> stop, lost exit, liquidation or a person's order
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, NamedTuple

from freqtrade.persistence import Order, Trade

from candlegraph.freqtrade_bridge.audit.account import LiveAccount, RequestUnanswered
from candlegraph.freqtrade_bridge.audit.seen import OUR_STOP, SeenOrder, exceeds
from candlegraph.freqtrade_bridge.host.tags import BY_HAND, LIQUIDATION, ON_EXCHANGE, UNANSWERED

BEFORE = timedelta(seconds=10)
"""The exchange's clock may be behind ours by so much."""


class ClosingOrder(NamedTuple):
    """An order that took from a position; `stop` is the trade's own stop that it came from."""

    order: SeenOrder
    stop: Order | None


def explained(missing: float, orders: Sequence[SeenOrder]) -> tuple[SeenOrder, ...] | None:
    """Return the oldest orders that took at least the missing amount; None where they did not take so much."""
    found, left = [], missing
    for order in orders:
        if not exceeds(left, 0):
            break
        found.append(order)
        left -= order.filled
    return None if exceeds(left, 0) else tuple(found)


class Follower:
    """Books what happened to trades at the exchange; `exits` are the tags of exits that were sent, by trade."""

    def __init__(self, bot: Any, account: LiveAccount, exits: Mapping[int, str]) -> None:
        self._bot, self._account, self._exits = bot, account, exits

    def follow(self, trade: Trade, missing: float) -> str:
        """Book what closed so much of a trade; return it in words, raise RequestUnanswered while it cannot be found."""
        causes = self._causes(trade, missing)
        self._count_funding(trade)
        for cause in causes:
            if cause.stop is not None:
                self._book_stop(trade, cause.order, cause.stop)
            else:
                self._book_exit(trade, cause.order)
        return ", ".join(self._told(trade, cause) for cause in causes)

    def _causes(self, trade: Trade, missing: float) -> list[ClosingOrder]:
        stops = self._fired(trade)
        listed = self._account.orders(trade.pair, trade.open_date_utc - BEFORE)
        booked = {number for number, stop in stops.items() if stop is None}
        ours = [
            one
            for one in listed
            if one.side == trade.exit_side and one.filled and not booked & {one.id, one.client_id}
            if Order.order_by_id(one.id, trade.pair) is None
        ]
        found = explained(missing, ours)
        if found is None:
            raise RequestUnanswered(
                f"what closed {missing:g} of it is not among the orders that the exchange lists yet"
            )
        return [ClosingOrder(one, stops.get(one.id) or stops.get(one.client_id)) for one in found]

    def _fired(self, trade: Trade) -> dict[str, Order | None]:
        """Return the trade's stops by the numbers of the orders that they became; None for one that is booked."""
        found: dict[str, Order | None] = {}
        for stop in trade.sl_orders:
            if stop.ft_is_open or stop.filled:
                for number in self._account.became(stop.order_id, trade.pair):
                    found[number] = stop if stop.ft_is_open else None
        return found

    def _count_funding(self, trade: Trade) -> None:
        """Let the next exit carry the funding since the last fill, as freqtrade does before its own exits."""
        since = trade.date_last_filled_utc
        exchange = self._bot.exchange
        trade.set_funding_fees(exchange.get_funding_fees(trade.pair, trade.amount, trade.is_short, since))

    def _book_stop(self, trade: Trade, order: SeenOrder, stop: Order) -> None:
        """Book a stop that fired, as freqtrade does when it can see it."""
        row = order.row | {"id": stop.order_id, "id_stop": order.id, "type": "stoploss", "stopPrice": stop.stop_price}
        self._bot.update_trade_state(trade, stop.order_id, row, stoploss_order=True)
        if not trade.is_open:
            trade.exit_reason = ON_EXCHANGE
            self._bot._notify_exit(trade, "stoploss", True)
            self._bot.handle_protections(trade.pair, trade.trade_direction)

    def _book_exit(self, trade: Trade, order: SeenOrder) -> None:
        booked = Order.parse_from_ccxt_object(order.row, trade.pair, order.side, order.filled, order.price)
        booked.ft_order_tag = self._reason(trade, order)
        trade.orders.append(booked)
        trade.exit_reason = booked.ft_order_tag
        Trade.commit()
        self._bot.update_trade_state(trade, order.id, order.row)

    def _reason(self, trade: Trade, order: SeenOrder) -> str:
        if order.sender == "exchange":
            return LIQUIDATION
        if order.client_id.startswith(OUR_STOP):
            return ON_EXCHANGE
        return self._exits.get(trade.id, UNANSWERED) if order.sender == "bot" else BY_HAND

    def _told(self, trade: Trade, cause: ClosingOrder) -> str:
        order = cause.order
        sold = f"{order.side} {order.filled:g} at {order.price:g} on {order.at:%Y-%m-%d %H:%M} UTC"
        if cause.stop is not None:
            return f"{sold} by its stop"
        told = {"exchange": "a liquidation by the exchange", "bot": "an exit whose answer was lost"}
        return f"{sold} by {told.get(order.sender, 'somebody outside the bot')}"
