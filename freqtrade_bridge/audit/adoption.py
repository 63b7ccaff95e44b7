"""What a person decides about a position that no trade knows: into freqtrade's books, or closed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from freqtrade.enums import TradingMode
from freqtrade.exchange import timeframe_to_minutes
from freqtrade.persistence import Order, Trade

from candlegraph.freqtrade_bridge.audit.account import LiveAccount, RequestUnanswered
from candlegraph.freqtrade_bridge.audit.books import exit_side
from candlegraph.freqtrade_bridge.audit.seen import HeldPosition, OrderSide, SeenOrder, exceeds
from candlegraph.freqtrade_bridge.host.tags import ADOPTED, LONG_TAG, SHORT_TAG
from candlegraph.graph.schema.market import Side
from candlegraph.memory.books.audit import Cause

LOOK_BACKS = (timedelta(hours=1), timedelta(days=7), timedelta(days=30))
"""How far before its last change the orders of a position are looked for, in turn."""


def enough(amount: float, orders: Sequence[SeenOrder]) -> tuple[SeenOrder, ...] | None:
    """Return the newest orders that filled at least `amount`, oldest first; None where they did not."""
    found: list[SeenOrder] = []
    left = amount
    for order in reversed(orders):
        if not exceeds(left, 0):
            break
        found.insert(0, order)
        left -= order.filled
    return None if exceeds(left, 0) else tuple(found)


class Adopter:
    """Finds the orders behind an unknown position, and books them as freqtrade would have."""

    def __init__(self, bot: Any, account: LiveAccount) -> None:
        self._bot, self._account = bot, account

    def origins(self, position: HeldPosition, amount: float, since: datetime) -> tuple[SeenOrder, ...] | None:
        """Return the orders that made what no trade knows, seen by `since`; None where they are not listed.

        Raise RequestUnanswered.
        """
        begin = min(position.updated_at, since)
        found = (enough(amount, self._unknown(position, begin - back)) for back in LOOK_BACKS)
        return next((orders for orders in found if orders is not None), None)

    def _unknown(self, position: HeldPosition, since: datetime) -> list[SeenOrder]:
        """Return the orders that opened or enlarged a position and are in no trade."""
        side = entry_side(position.side)
        listed = self._account.orders(position.pair, since)
        opened = [one for one in listed if one.side == side and one.filled and not one.reduces]
        return [one for one in opened if Order.order_by_id(one.id, position.pair) is None]

    def is_closed(self, position: HeldPosition, since: datetime) -> bool:
        """Return whether the orders are listed that closed what was held since then; raise RequestUnanswered."""
        listed, side = self._account.orders(position.pair, since), exit_side(position.side)
        unknown = [one for one in listed if one.side == side and one.filled]
        known = [one for one in unknown if Order.order_by_id(one.id, position.pair) is None]
        return not exceeds(position.size, sum(one.filled for one in known))

    def taken_along(self, pair: str, since: datetime) -> Trade | None:
        """Return the trade, closed since then, whose exit took more than the trade held."""
        recent = Trade.get_trades([Trade.pair == pair, Trade.close_date >= since.replace(tzinfo=None)])
        return next((trade for trade in recent if _took_more(trade)), None)

    def adopt(self, position: HeldPosition, amount: float, since: datetime, trade: Trade | None) -> Trade:
        """Enter the unknown part of a position into the books by its true fills; without them RequestUnanswered."""
        found = self.origins(position, amount, since)
        if not found:
            raise RequestUnanswered(f"the orders that made {amount:g} of it are not listed")
        for order in found:
            trade = self._booked(trade, order, position)
        assert trade is not None, "at least one order was found"
        return trade

    def _booked(self, trade: Trade | None, order: SeenOrder, position: HeldPosition) -> Trade:
        entry = Order.parse_from_ccxt_object(order.row, position.pair, order.side, order.filled, order.price)
        entry.ft_order_tag = _tag(order, position.side)
        if trade is None:
            trade = self._new_trade(order, position)
            trade.adjust_stop_loss(trade.open_rate, self._bot.strategy.stoploss, initial=True)
        trade.orders.append(entry)
        trade.recalc_trade_from_orders()
        Trade.session.add(trade)
        Trade.commit()
        self._bot.update_trade_state(trade, order.id, order.row)
        return trade

    def _new_trade(self, order: SeenOrder, position: HeldPosition) -> Trade:
        """Return a trade as freqtrade makes one when it enters."""
        bot, pair = self._bot, position.pair
        exchange, config = bot.exchange, bot.config
        fee, price = exchange.get_fee(symbol=pair, taker_or_maker="maker"), order.price or position.entry
        return Trade(
            pair=pair,
            base_currency=exchange.get_pair_base_currency(pair),
            stake_currency=config["stake_currency"],
            stake_amount=order.filled * price / position.leverage,
            amount=0,
            is_open=True,
            amount_requested=order.filled,
            fee_open=fee,
            fee_close=fee,
            open_rate=price,
            open_rate_requested=price,
            open_date=order.at,
            exchange=exchange.id,
            strategy=bot.strategy.get_strategy_name(),
            enter_tag=_tag(order, position.side),
            timeframe=timeframe_to_minutes(config["timeframe"]),
            leverage=position.leverage,
            is_short=position.side == "short",
            trading_mode=TradingMode.FUTURES,
            funding_fees=0.0,
            amount_precision=exchange.get_precision_amount(pair),
            price_precision=exchange.get_precision_price(pair),
            precision_mode=exchange.precisionMode,
            precision_mode_price=exchange.precision_mode_price,
            contract_size=exchange.get_contract_size(pair),
        )

    def flatten(self, position: HeldPosition, amount: float) -> None:
        """Close what no trade knows of a position at the market; raise RequestRefused or RequestUnanswered."""
        self._account.close(position.pair, exit_side(position.side), amount)


def entry_side(side: Side) -> OrderSide:
    """Return the side of an order that opens a position."""
    return "buy" if side == "long" else "sell"


def _took_more(trade: Trade) -> bool:
    sides = {True: 0.0, False: 0.0}
    for order in trade.orders:
        sides[order.ft_order_side == trade.entry_side] += order.safe_filled
    return exceeds(sides[False], sides[True])


def cause_of(orders: Sequence[SeenOrder] | None) -> Cause:
    """Return whether the bot sent what made a position."""
    return "answer_lost" if orders and all(one.sender == "bot" for one in orders) else "by_hand"


def _tag(order: SeenOrder, side: Side) -> str:
    if order.sender != "bot":
        return ADOPTED
    return LONG_TAG if side == "long" else SHORT_TAG
