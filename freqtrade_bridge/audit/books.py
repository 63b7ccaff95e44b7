"""Freqtrade's books of open trades: read for the auditor, and made to know what the exchange holds."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol

from freqtrade.exchange import ROUND_DOWN, ROUND_UP
from freqtrade.persistence import Order, Trade
from sqlalchemy import select

from candlegraph.freqtrade_bridge.audit.seen import HeldPosition, OpenTrade, OrderSide, SeenOrder, Stop
from candlegraph.graph.schema.market import SIGN, Side

Row = dict[str, Any]


class Stops(Protocol):
    """The plans of one session."""

    def planned(self, trade: Trade) -> float:
        """Return where the stop of an open trade belongs."""

    def unknown(self, position: HeldPosition) -> float:
        """Return where the stop of a position belongs that no trade knows."""

    def expect(self, pair: str, side: Side, since: datetime) -> None:
        """Get the plan of a lost entry ready: its fill is about to be booked."""

    def awaits(self, trade_id: int) -> bool:
        """Return whether an addition to a trade was let through, and no order of it is known."""

    def found(self, pair: str, orders: Sequence[SeenOrder], leverage: float, now: datetime) -> None:
        """Note that orders of the bot were filled and that their answers were lost."""


def open_trade_of(trade: Trade, stops: Stops, exchange: Any) -> OpenTrade:
    """Return an open trade as the judge sees it."""
    left = {side: sum(one.safe_remaining for one in trade.open_orders if one.ft_order_side == side) for side in SIDES}
    side: Side = "short" if trade.is_short else "long"
    return OpenTrade(
        id=trade.id,
        pair=trade.pair,
        side=side,
        amount=max(0.0, trade.amount or 0.0),
        stop=on_grid(exchange, trade.pair, stops.planned(trade), side),
        stop_ids=tuple(one.order_id for one in trade.open_sl_orders),
        growing=left[trade.entry_side],
        shrinking=left[trade.exit_side],
    )


SIDES: tuple[OrderSide, OrderSide] = ("buy", "sell")


def was_filled_since(pair: str, when: datetime) -> bool:
    """Return whether freqtrade booked a fill of the pair since then."""
    late = [Order.ft_pair == pair, Order.order_filled_date >= when.replace(tzinfo=None)]
    return Order.session.scalars(select(Order).filter(*late)).first() is not None


def on_grid(exchange: Any, pair: str, price: float, side: Side) -> float:
    """Return a stop's price on the exchange's grid, rounded as freqtrade rounds it: towards the market."""
    mode = ROUND_DOWN if side == "short" else ROUND_UP
    return float(exchange.price_to_precision(pair, price, rounding_mode=mode))


def exit_side(side: Side) -> OrderSide:
    """Return the side of an order that closes a position."""
    return "sell" if side == "long" else "buy"


def know_stop(trade: Trade, order: Row, amount: float, trigger: float) -> None:
    """Let a trade know a living stop as its own, as if freqtrade had placed it."""
    known = trade.select_order_by_order_id(str(order["id"]))
    if known is None:
        trade.orders.append(Order.parse_from_ccxt_object(order, trade.pair, "stoploss", amount, trigger))
    else:
        known.update_from_ccxt_object(order)
    Trade.commit()


def forget_stop(trade: Trade, stop_id: str) -> None:
    """Let a trade take a stop for cancelled that the exchange denies: freqtrade would ask for it for ever."""
    known = trade.select_order_by_order_id(stop_id)
    if known is not None:
        known.status, known.ft_is_open = "canceled", False
        Trade.commit()


def know_cancelled(bot: Any, stop: Stop, order: Row) -> None:
    """Let the trade that a cancelled stop belonged to know it, open or closed, where it knew of it at all."""
    known = Order.order_by_id(stop.id, stop.pair)
    if known is not None and known.trade is not None:
        bot.update_trade_state(known.trade, stop.id, order, stoploss_order=True)


def real(trade: Trade) -> Trade:
    """Return the trade in freqtrade's books: callbacks see a copy."""
    found = Trade.session.get(Trade, trade.id)
    assert found is not None, f"trade {trade.id} is in a callback and not in the books"
    return found


def nearer(side: Side, one: float, other: float) -> float:
    """Return which of two stops fires first."""
    return max(one, other) if side == "long" else min(one, other)


def far_stop(position: HeldPosition) -> float:
    """Return half the way to where a position is lost: the widest stop of one that no plan is known of."""
    lost_at = position.liquidation or position.mark * (1 - SIGN[position.side] / position.leverage)
    return (position.mark + lost_at) / 2
