"""Place and cancel orders by the exchange's rules; each rule that is broken is a refusal with its code."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal

from candlegraph.freqtrade_bridge.loopback.account.books import TAKER, Books
from candlegraph.freqtrade_bridge.loopback.account.matching import advance, take
from candlegraph.freqtrade_bridge.loopback.account.orders import (
    AlgoOrder,
    AlgoRequest,
    AnyOrderRequest,
    Order,
    OrderRequest,
    Partial,
    side_of,
)
from candlegraph.freqtrade_bridge.loopback.account.positions import bracket_at
from candlegraph.freqtrade_bridge.loopback.account.refusals import Refused

MIN_NOTIONAL = 5


def place(books: Books, asked: OrderRequest, partial: Partial | None = None) -> Order:
    """Place a market or limit order."""
    if asked.type not in ("MARKET", "LIMIT"):
        raise Refused(-4120)
    if asked.type == "LIMIT" and not asked.price:
        raise Refused(-1102, "price")
    _check_grid(books, asked)
    _check_client_id(asked.client_id, books.orders.values())
    now = books.clock.now()
    _check_size(books, asked, now)
    number = books.new_id()
    order = Order(
        number,
        asked.client_id or f"loopback-{number}",
        asked.symbol,
        asked.side,
        asked.quantity,
        asked.price,
        asked.reduce_only,
        asked.time_in_force,
        created_at=now,
        updated_at=now,
        partial=partial,
    )
    return take(books, order, now)


def place_algo(books: Books, asked: AlgoRequest, partial: Partial | None = None) -> AlgoOrder:
    """Place a stop. Margin and position are looked at when it fires, not now."""
    if asked.type not in ("STOP", "STOP_MARKET"):
        raise Refused(-1116, f"The loopback exchange knows STOP and STOP_MARKET, was {asked.type}.")
    _check_grid(books, asked, asked.trigger)
    _check_client_id(asked.client_id, books.algos.values())
    now, number = books.clock.now(), books.new_id()
    algo = AlgoOrder(
        number,
        asked.client_id or f"loopback-{number}",
        asked.symbol,
        asked.side,
        asked.quantity,
        asked.price,
        asked.trigger,
        asked.working,
        asked.reduce_only,
        asked.time_in_force,
        created_at=now,
        updated_at=now,
        partial=partial,
    )
    price = books.mark_price if asked.working == "MARK_PRICE" else books.last_price
    if algo.sign * (price(asked.symbol, now) - asked.trigger) >= 0:
        raise Refused(-2021)
    return books.keep_algo(algo)


def _check_grid(books: Books, asked: AnyOrderRequest, trigger: Decimal = Decimal(0)) -> None:
    if asked.symbol not in books.markets:
        raise Refused(-1121)
    market = books.markets[asked.symbol]
    tick, step = Decimal(repr(market.tick)), Decimal(repr(market.step))
    if asked.quantity % step or asked.price % tick or trigger % tick:
        raise Refused(-1111)


def _check_client_id(client_id: str | None, known: Iterable[Order | AlgoOrder]) -> None:
    if client_id is not None and any(one.client_id == client_id and one.is_open for one in known):
        raise Refused(-4116)


def _check_size(books: Books, asked: OrderRequest, now: int) -> None:
    sign = 1 if asked.side == "BUY" else -1
    amount = books.position(asked.symbol).amount
    if asked.reduce_only:
        if amount * sign >= 0:
            raise Refused(-2022)
        return
    price = asked.price or books.best_price(asked.symbol, sign, now)
    notional = asked.quantity * price
    if notional < MIN_NOTIONAL:
        raise Refused(-4164)
    opened = max(Decimal(0), asked.quantity - (abs(amount) if amount * sign < 0 else 0))
    leverage = books.leverage(asked.symbol)
    if opened * price / leverage + notional * TAKER > books.available:
        raise Refused(-2019)
    after = abs(amount + sign * asked.quantity) * price
    if opened and bracket_at(books.brackets(asked.symbol), after).max_leverage < leverage:
        raise Refused(-2027)


def cancel(books: Books, order: Order | None) -> Order:
    """Cancel an order that waits."""
    if order is None or not order.is_open:
        raise Refused(-2011)
    return books.end(order, "CANCELED", books.clock.now())


def cancel_algo(books: Books, algo: AlgoOrder | None) -> AlgoOrder:
    """Cancel a stop that waits."""
    if algo is None or not algo.is_open:
        raise Refused(-2011)
    return books.keep_algo(replace(algo, status="CANCELED", updated_at=books.clock.now()))


def close_by_hand(books: Books, symbol: str) -> Order:
    """Do what a person does in the exchange's app: close the position with a market order; its stops stay."""
    advance(books)
    position = books.position(symbol)
    request = OrderRequest(
        symbol=symbol,
        side=side_of(-position.sign),
        type="MARKET",
        quantity=abs(position.amount),
        reduce_only=True,
    )
    return place(books, request)
