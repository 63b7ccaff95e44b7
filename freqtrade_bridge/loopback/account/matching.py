"""Move the books along the clock: fill what the price crossed, in the order of crossing, pay funding, liquidate."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from functools import partial

from candlegraph.freqtrade_bridge.loopback.account.books import Books
from candlegraph.freqtrade_bridge.loopback.account.orders import AlgoOrder, Order, cents
from candlegraph.freqtrade_bridge.loopback.account.path import LEGS, crossing
from candlegraph.freqtrade_bridge.loopback.exchange import FUNDING_MS

Event = tuple[int, Callable[[int], object]]
"""When something happens, and what does it."""


def advance(books: Books) -> None:
    """Walk the books to the present, straight leg by straight leg."""
    now = books.clock.now()
    leg_ms = min(market.series.base_ms for market in books.markets.values()) // LEGS
    while books.matched_until < now and _is_waiting(books):
        _walk(books, min(now, (books.matched_until // leg_ms + 1) * leg_ms))
    books.matched_until = max(books.matched_until, now)


def _is_waiting(books: Books) -> bool:
    waiting = any(one.is_open for one in books.orders.values()) or any(one.is_open for one in books.algos.values())
    return waiting or bool(books.positions)


def _walk(books: Books, end: int) -> None:
    """Let the first thing before `end` happen; else arrive there, and pay funding where it is due."""
    found = min(_events(books, books.matched_until, end), key=lambda one: one[0], default=None)
    if found is not None:
        at, happen = found
        books.matched_until = at
        happen(at)
        return
    books.matched_until = end
    if end % FUNDING_MS == 0:
        books.fund(end)


def _events(books: Books, start: int, end: int) -> Iterator[Event]:
    for algo in books.algos.values():
        if algo.is_open and (at := _triggers(books, algo, start, end)) is not None:
            yield at, partial(fire, books, algo.id)
    for order in books.orders.values():
        if order.is_open and (at := _meets(books, order, start, end)) is not None:
            yield at, partial(_fill_resting, books, order.id)
    for symbol in books.positions:
        level = books.liquidation(symbol)
        if level is not None and (at := _ends(books, symbol, level, start, end)) is not None:
            yield at, partial(books.liquidate, symbol, cents(level))


def _triggers(books: Books, algo: AlgoOrder, start: int, end: int) -> int | None:
    market = books.markets[algo.symbol]
    series = market.mark_series if algo.working == "MARK_PRICE" else market.series
    return crossing(series, algo.trigger, algo.sign, start, end)


def _meets(books: Books, order: Order, start: int, end: int) -> int | None:
    start = max(start, order.rests_until)
    if start >= end:
        return None
    return crossing(books.markets[order.symbol].series, order.price, -order.sign, start, end)


def _ends(books: Books, symbol: str, level: Decimal, start: int, end: int) -> int | None:
    return crossing(books.markets[symbol].mark_series, level, -books.position(symbol).sign, start, end)


def fire(books: Books, algo_id: int, at: int) -> None:
    """Make the order that a stop waited to become; one that only reduces is rejected without a position."""
    algo = books.algos[algo_id]
    if algo.reduce_only and books.position(algo.symbol).amount * algo.sign >= 0:
        books.keep_algo(replace(algo, status="REJECTED", updated_at=at))
        return
    order = Order(
        books.new_id(),
        algo.client_id,
        algo.symbol,
        algo.side,
        algo.quantity,
        algo.price,
        algo.reduce_only,
        algo.time_in_force,
        created_at=at,
        updated_at=at,
        partial=algo.partial,
    )
    books.keep_algo(replace(algo, status="TRIGGERED", triggered_at=at, updated_at=at, order_id=order.id))
    take(books, order, at)


def take(books: Books, order: Order, at: int) -> Order:
    """Bring a new order to the market: it takes what it may, and rests or ends with what is left."""
    books.keep(order)
    price = books.best_price(order.symbol, order.sign, at)
    if order.type == "LIMIT" and order.sign * (order.price - price) < 0:
        return books.end(order, "EXPIRED", at) if order.time_in_force in ("IOC", "FOK") else order
    if order.time_in_force == "GTX":
        return books.end(order, "EXPIRED", at)  # it would have taken
    after = _fill(books, order, price, at, is_maker=False)
    ends = after.type == "MARKET" or after.time_in_force in ("IOC", "FOK")
    return books.end(after, "EXPIRED", at) if after.is_open and ends else after


def _fill_resting(books: Books, order_id: int, at: int) -> Order:
    order = books.orders[order_id]
    return _fill(books, order, order.price, at, is_maker=True)


def _fill(books: Books, order: Order, price: Decimal, at: int, *, is_maker: bool) -> Order:
    """Fill what the counterparty and, for one that only reduces, the position allow."""
    quantity = order.remaining
    if order.reduce_only:
        position = books.position(order.symbol)
        quantity = min(quantity, abs(position.amount)) if position.amount * order.sign < 0 else Decimal(0)
        if not quantity:
            return books.end(order, "EXPIRED", at)
    if order.partial is not None and not order.filled:
        step = Decimal(repr(books.markets[order.symbol].step))
        quantity = min(quantity, max(step, order.quantity * order.partial.ratio // step * step))
        order = replace(order, rests_until=order.partial.rests_until(at))
    after = books.fill(order, quantity, price, at, is_maker=is_maker)
    is_spent = after.is_open and order.reduce_only and not books.position(order.symbol).amount
    return books.end(after, "EXPIRED", at) if is_spent else after
