"""The account's own books: wallet, positions, orders, fills, income. They are the truth a bot is held against."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Literal

from candlegraph.freqtrade_bridge.loopback.account.orders import ZERO, AlgoOrder, Order, OrderSide, cents
from candlegraph.freqtrade_bridge.loopback.account.positions import (
    FLAT,
    AccountPosition,
    Bracket,
    brackets_of,
    filled,
    liquidation_price,
)
from candlegraph.freqtrade_bridge.loopback.exchange import Clock, order_book
from candlegraph.freqtrade_bridge.loopback.markets import Market

DEFAULT_LEVERAGE = 20
TAKER, MAKER = Decimal("0.0005"), Decimal("0.0002")
IncomeKind = Literal["TRANSFER", "REALIZED_PNL", "COMMISSION", "FUNDING_FEE", "INSURANCE_CLEAR"]


@dataclass(frozen=True)
class Fill:
    """One trade of an order."""

    id: int
    order_id: int
    symbol: str
    side: OrderSide
    price: Decimal
    quantity: Decimal
    profit: Decimal
    fee: Decimal
    is_maker: bool
    at: int


@dataclass(frozen=True)
class Income:
    """One change of the wallet; the wallet is the sum of them all."""

    id: int
    kind: IncomeKind
    symbol: str
    amount: Decimal
    at: int


class Books:
    """One account in one-way mode with isolated margin; times are epoch ms, amounts of money have eight decimals."""

    def __init__(self, markets: Iterable[Market], clock: Clock, wallet: Decimal) -> None:
        self.markets = {market.symbol: market for market in markets}
        self.clock = clock
        self.rights = {"ipRestrict": True, "enableReading": True, "enableFutures": True, "enableWithdrawals": False}
        """Of the key, as Binance tells them."""
        self.matched_until = clock.now()
        self.orders: dict[int, Order] = {}
        self.algos: dict[int, AlgoOrder] = {}
        self.fills: list[Fill] = []
        self.income: list[Income] = []
        self.isolated: set[str] = set()
        self.wallet = ZERO
        self._positions: dict[str, AccountPosition] = {}
        self._before: dict[str, list[AccountPosition]] = {}
        self._leverage: dict[str, int] = {}
        self._ids: Iterator[int] = itertools.count(1001)
        self._brackets = {symbol: brackets_of(market.pair) for symbol, market in self.markets.items()}
        self.earn("TRANSFER", "", wallet, self.matched_until)

    def new_id(self) -> int:
        """Return a number that nothing else on this exchange bears."""
        return next(self._ids)

    def position(self, symbol: str) -> AccountPosition:
        """Return what is held of `symbol`."""
        return self._positions.get(symbol, FLAT)

    @property
    def positions(self) -> dict[str, AccountPosition]:
        """Return what is held, by symbol."""
        return {symbol: position for symbol, position in self._positions.items() if position.amount}

    def positions_at(self, at: int) -> dict[str, AccountPosition]:
        """Return what was held then, by symbol."""
        found = {symbol: self._position_at(symbol, at) for symbol in self._positions}
        return {symbol: position for symbol, position in found.items() if position.amount}

    def _position_at(self, symbol: str, at: int) -> AccountPosition:
        known = [*self._before.get(symbol, []), self.position(symbol)]
        return next((one for one in reversed(known) if one.updated_at <= at), FLAT)

    def leverage(self, symbol: str) -> int:
        """Return the leverage of `symbol`."""
        return self._leverage.get(symbol, DEFAULT_LEVERAGE)

    def set_leverage(self, symbol: str, leverage: int) -> None:
        """Use another leverage from the next opening on."""
        self._leverage[symbol] = leverage

    def brackets(self, symbol: str) -> tuple[Bracket, ...]:
        """Return the leverage tiers of `symbol`."""
        return self._brackets[symbol]

    def mark_price(self, symbol: str, at: int) -> Decimal:
        """Return the price that profit, funding and liquidation are counted with."""
        return Decimal(repr(self.markets[symbol].mark_series.price(at)))

    def last_price(self, symbol: str, at: int) -> Decimal:
        """Return the price of the last trade."""
        return Decimal(repr(self.markets[symbol].series.price(at)))

    def best_price(self, symbol: str, sign: int, at: int) -> Decimal:
        """Return what a taker pays (sign 1) or gets (sign -1)."""
        return Decimal(order_book(self.markets[symbol], at)["asks" if sign > 0 else "bids"][0][0])

    def liquidation(self, symbol: str) -> Decimal | None:
        """Return the mark price at which the position is liquidated; None for one that cannot be."""
        price = liquidation_price(self.position(symbol), self.brackets(symbol))
        return price if price > 0 else None

    @property
    def held(self) -> Decimal:
        """Return the margin that waiting orders hold."""
        waiting = (one for one in self.orders.values() if one.is_open and not one.reduce_only)
        return sum((one.remaining * one.price / self.leverage(one.symbol) for one in waiting), ZERO)

    @property
    def available(self) -> Decimal:
        """Return what new positions may be opened with."""
        return self.wallet - sum((one.margin for one in self._positions.values()), ZERO) - self.held

    def keep(self, order: Order) -> Order:
        """Write an order, new or changed."""
        self.orders[order.id] = order
        return order

    def keep_algo(self, algo: AlgoOrder) -> AlgoOrder:
        """Write a conditional order, new or changed."""
        self.algos[algo.id] = algo
        return algo

    def earn(self, kind: IncomeKind, symbol: str, amount: Decimal, at: int) -> None:
        """Change the wallet, with the reason."""
        self.wallet += amount
        self.income.append(Income(self.new_id(), kind, symbol, amount, at))

    def fill(self, order: Order, quantity: Decimal, price: Decimal, at: int, *, is_maker: bool = False) -> Order:
        """Book a fill of `order` with its fee; return the order as it is then."""
        self.keep(order)
        fee = cents(quantity * price * (MAKER if is_maker else TAKER))
        self._book(order, quantity, price, at, fee, is_maker)
        return self._filled(order, quantity, price, at)

    def _book(self, order: Order, quantity: Decimal, price: Decimal, at: int, fee: Decimal, is_maker: bool) -> None:
        symbol, before = order.symbol, self.position(order.symbol)
        after, profit = filled(before, order.sign * quantity, price, self.leverage(symbol), at)
        self._before.setdefault(symbol, []).append(before)
        self._positions[symbol] = after
        self.fills.append(Fill(self.new_id(), order.id, symbol, order.side, price, quantity, profit, fee, is_maker, at))
        if before.amount * order.sign < 0:
            self.earn("REALIZED_PNL", symbol, profit, at)
        self.earn("COMMISSION", symbol, -fee, at)

    def _filled(self, order: Order, quantity: Decimal, price: Decimal, at: int) -> Order:
        done = replace(order, filled=order.filled + quantity, cost=order.cost + quantity * price, updated_at=at)
        after = replace(done, status="PARTIALLY_FILLED" if done.remaining else "FILLED")
        if not after.remaining:
            self._finish(after.id, at)
        return self.keep(after)

    def end(self, order: Order, status: Literal["CANCELED", "EXPIRED"], at: int) -> Order:
        """Take an order out of the market."""
        self._finish(order.id, at)
        return self.keep(replace(order, status=status, updated_at=at))

    def _finish(self, order_id: int, at: int) -> None:
        """End the conditional order that became this order."""
        for algo in self.algos.values():
            if algo.order_id == order_id and algo.status == "TRIGGERED":
                self.keep_algo(replace(algo, status="FINISHED", updated_at=at))
                return

    def fund(self, at: int) -> None:
        """Let every position pay or earn its funding."""
        for symbol, position in self.positions.items():
            rate = Decimal(repr(self.markets[symbol].funding_rate(at)))
            paid = cents(-position.amount * self.mark_price(symbol, at) * rate)
            self._positions[symbol] = replace(position, margin=position.margin + paid)
            self.earn("FUNDING_FEE", symbol, paid, at)

    def liquidate(self, symbol: str, price: Decimal, at: int) -> None:
        """Close the position at `price`; what is left of its margin goes to the insurance fund.

        The exchange cancels the pair's open orders first: the wallet may be too small for them by now.
        """
        position = self.position(symbol)
        for waiting in [one for one in self.orders.values() if one.is_open and one.symbol == symbol]:
            self.end(waiting, "CANCELED", at)
        side: OrderSide = "SELL" if position.sign > 0 else "BUY"
        left = cents(position.margin + position.profit(price))
        size, number = abs(position.amount), self.new_id()
        order = Order(number, f"autoclose-{number}", symbol, side, size, price, True, "IOC", at, at)
        self._book(self.keep(order), size, price, at, ZERO, is_maker=False)
        self._filled(order, size, price, at)
        self.earn("INSURANCE_CLEAR", symbol, -max(ZERO, left), at)

    def summary(self) -> dict[str, Any]:
        """Return the books in short, as they were matched last; for tests and reports."""
        algos = [one for one in self.algos.values() if one.is_open]
        orders = [one for one in self.orders.values() if one.is_open]
        return {
            "wallet": f"{self.wallet:.2f}",
            "positions": {name: f"{one.amount:f} @ {one.entry:.2f}" for name, one in self.positions.items()},
            "stops": [f"{one.symbol} {one.side} {one.quantity:f} @ {one.trigger:f}" for one in algos],
            "orders": [f"{one.symbol} {one.side} {one.remaining:f} @ {one.price:f}" for one in orders],
        }
