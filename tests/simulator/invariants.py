"""What must hold after every undisturbed loop, against the exchange's own books."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, get_args

from freqtrade.persistence import Trade

from candlegraph.freqtrade_bridge.loopback.account.books import Books
from candlegraph.freqtrade_bridge.loopback.account.orders import AlgoOrder, Order

Rule = Literal[
    "no stop is missing or too many",
    "the stop covers the position",
    "the stop is no wider than planned",
    "no stop without a position",
    "no order is left open",
    "a trade has its position",
    "a stranger is locked and not traded",
    "one opening order per candle",
    "every candle has its decision",
    "every decision has its fate",
    "a fate is true",
    "the bot runs",
    "the memory holds the true money",
    "no stop is missed",
]
RULES: tuple[Rule, ...] = get_args(Rule)
AT_EACH_LOOP: tuple[Rule, ...] = RULES[:8] + ("the bot runs",)
"""Of each pair."""
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
    planned_stop: Decimal

    @classmethod
    def of(cls, trade: Trade, planned_stop: float) -> "Holding":
        """Read a trade."""
        sign = -1 if trade.is_short else 1
        return cls(trade.id, symbol_of(trade.pair), sign * Decimal(str(trade.amount)), Decimal(str(planned_stop)))


def symbol_of(pair: str) -> str:
    """Return the exchange's name of a pair."""
    return pair.split(":")[0].replace("/", "")


def books_against(books: Books, held: Mapping[str, Holding]) -> Iterator[Violation]:
    """Yield what is wrong with positions, stops and orders; `held` is what freqtrade believes, by symbol."""
    stops = [one for one in books.algos.values() if one.is_open]
    for symbol in books.markets:
        own = [one for one in stops if one.symbol == symbol]
        yield from _of_position(books, symbol, own, held.get(symbol))
        yield from _of_trade(books, symbol, held.get(symbol))
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
    if not 1 <= len(stops) <= _most(books, symbol, held, stops) or len(right) != len(stops):
        text = f"{len(stops)} stops for {position.amount}, {len(right)} on its side"
        yield Violation("no stop is missing or too many", symbol, text)
        return
    if sum(one.quantity for one in right) < abs(position.amount):
        text = f"{', '.join(f'{one.quantity}' for one in right)} of {position.amount}"
        yield Violation("the stop covers the position", symbol, text)
    if held is not None and all(_is_wider(one, held, position.sign) for one in right):
        text = f"{', '.join(f'{one.trigger}' for one in right)} where {held.planned_stop:.6g} was planned"
        yield Violation("the stop is no wider than planned", symbol, text)


def _most(books: Books, symbol: str, held: Holding | None, stops: list[AlgoOrder]) -> int:
    """Return how many stops a position may have: a part that no trade knows has its own, and a lost entry its plan's.

    Where no trade knows any of it, a stop that covers all of it is enough.
    """
    does_one_cover = any(one.quantity >= abs(books.position(symbol).amount) for one in stops)
    return 2 if stranger(books, symbol, held) and (held is not None or not does_one_cover) else 1


def _is_wider(stop: AlgoOrder, held: Holding, sign: int) -> bool:
    return sign * (held.planned_stop - stop.trigger) / held.planned_stop > WIDER


def _of_trade(books: Books, symbol: str, held: Holding | None) -> Iterator[Violation]:
    amount = books.position(symbol).amount
    if held is not None and not amount:
        yield Violation("a trade has its position", symbol, f"trade {held.id} of {held.amount}, no position")
    elif held is not None and (abs(held.amount) > abs(amount) or held.amount * amount < 0):
        yield Violation("a trade has its position", symbol, f"trade {held.id} of {held.amount}, position {amount}")


def stranger(books: Books, symbol: str, held: Holding | None) -> Decimal:
    """Return how much of a position no trade knows."""
    known = Decimal(0) if held is None else abs(held.amount)
    return max(Decimal(0), abs(books.position(symbol).amount) - known)


def openings(books: Books, since: int, by_hand: str) -> Mapping[str, list[Order]]:
    """Return by symbol the orders since a time that a bot placed, that could open a position, and that were filled."""
    found: dict[str, list[Order]] = {}
    for order in books.orders.values():
        if order.created_at >= since and order.filled and not order.reduce_only and by_hand not in order.client_id:
            found.setdefault(order.symbol, []).append(order)
    return found


def one_opening(books: Books, since: int, by_hand: str, forced: Collection[str] = ()) -> Iterator[Violation]:
    """Yield symbols with more than one opening order since a candle's close, and one more where a person sent it."""
    for symbol, orders in openings(books, since, by_hand).items():
        if len(orders) > 1 + (symbol in forced):
            told = ", ".join(f"{one.side} {one.filled}" for one in orders)
            yield Violation("one opening order per candle", symbol, told)
