"""What must hold after every undisturbed loop, against the exchange's own books."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, get_args

from freqtrade.persistence import Trade

from candlegraph.freqtrade_bridge.loopback.account.books import Books
from candlegraph.freqtrade_bridge.loopback.account.orders import AlgoOrder, Order
from candlegraph.freqtrade_bridge.trades.plan import KEY

Rule = Literal[
    "one stop",
    "the stop covers the position",
    "the stop is no wider than planned",
    "no stop without a position",
    "no order is left open",
    "a trade has its position",
    "trade and position agree",
    "a stranger is protected and not traded",
    "one opening order per candle",
    "every candle has its decision",
    "every decision has its fate",
    "a fate is true",
    "the bot runs",
    "the memory holds the true money",
]
RULES: tuple[Rule, ...] = get_args(Rule)
WIDER = Decimal("0.001")
"""Ratio of the price by which a stop may be wider than planned: ticks, and the plan's own tolerance."""


@dataclass(frozen=True)
class Violation:
    """A rule that does not hold."""

    rule: Rule
    symbol: str
    text: str

    @property
    def line(self) -> str:
        """Return it in a line."""
        return f"VIOLATION {self.rule}: {self.symbol} {self.text}"


@dataclass(frozen=True)
class Holding:
    """What freqtrade believes of one open trade."""

    id: int
    symbol: str
    amount: Decimal
    """Below 0 for a short."""
    planned_stop: Decimal | None

    @classmethod
    def of(cls, trade: Trade) -> "Holding":
        """Read a trade."""
        plan = trade.get_custom_data(KEY)
        sign = -1 if trade.is_short else 1
        stop = None if plan is None else Decimal(str(plan["stop"]))
        return cls(trade.id, symbol_of(trade.pair), sign * Decimal(str(trade.amount)), stop)


def symbol_of(pair: str) -> str:
    """Return the exchange's name of a pair."""
    return pair.split(":")[0].replace("/", "")


def holdings() -> list[Holding]:
    """Return the open trades that hold something."""
    return [Holding.of(trade) for trade in Trade.get_open_trades() if trade.has_open_position]


def books_against(books: Books, held: Iterable[Holding], touched: Iterable[str]) -> Iterator[Violation]:
    """Yield what is wrong; a person `touched` some symbols since they were flat: their amounts may differ."""
    by_symbol, free = {one.symbol: one for one in held}, set(touched)
    stops = [one for one in books.algos.values() if one.is_open]
    for symbol in books.markets:
        own = [one for one in stops if one.symbol == symbol]
        yield from _of_position(books, symbol, own, by_symbol.get(symbol))
        yield from _of_trade(books, symbol, by_symbol.get(symbol), is_free=symbol in free)
    for order in books.orders.values():
        if order.is_open:
            yield Violation(
                "no order is left open", order.symbol, f"{order.side} {order.remaining} since {order.created_at}"
            )


def _of_position(books: Books, symbol: str, stops: list[AlgoOrder], held: Holding | None) -> Iterator[Violation]:
    position = books.position(symbol)
    if not position.amount:
        if stops:
            yield Violation("no stop without a position", symbol, f"{len(stops)} stops, no position")
        return
    right = [one for one in stops if one.sign == -position.sign]
    if len(stops) != 1 or len(right) != 1:
        yield Violation("one stop", symbol, f"{len(stops)} stops for {position.amount}")
        return
    if right[0].quantity < abs(position.amount):
        yield Violation("the stop covers the position", symbol, f"{right[0].quantity} of {position.amount}")
    if held is not None and held.planned_stop is not None:
        beyond = position.sign * (held.planned_stop - right[0].trigger) / held.planned_stop
        if beyond > WIDER:
            text = f"{right[0].trigger} where {held.planned_stop:.6g} was planned"
            yield Violation("the stop is no wider than planned", symbol, text)


def _of_trade(books: Books, symbol: str, held: Holding | None, *, is_free: bool) -> Iterator[Violation]:
    amount = books.position(symbol).amount
    if held is not None and not amount:
        yield Violation("a trade has its position", symbol, f"trade {held.id} of {held.amount}, no position")
    elif held is not None and not is_free and abs(held.amount - amount) >= Decimal(repr(books.markets[symbol].step)):
        yield Violation("trade and position agree", symbol, f"trade {held.amount}, position {amount}")


def openings(books: Books, since: int, by_hand: str) -> Mapping[str, list[Order]]:
    """Return by symbol the orders since a time that a bot placed, that could open a position, and that were filled."""
    found: dict[str, list[Order]] = {}
    for order in books.orders.values():
        if order.created_at >= since and order.filled and not order.reduce_only and by_hand not in order.client_id:
            found.setdefault(order.symbol, []).append(order)
    return found


def one_opening(books: Books, since: int, by_hand: str) -> Iterator[Violation]:
    """Yield symbols with more than one opening order since a candle's close."""
    for symbol, orders in openings(books, since, by_hand).items():
        if len(orders) > 1:
            told = ", ".join(f"{one.side} {one.filled}" for one in orders)
            yield Violation("one opening order per candle", symbol, told)
