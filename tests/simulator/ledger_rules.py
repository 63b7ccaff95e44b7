"""What must hold of the ledger: each candle has its decision, each call that acts its fate, and the fate is true."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from simulator.invariants import Violation, openings, symbol_of
from simulator.person import BY_HAND
from simulator.world import LENGTH

from candlegraph.freqtrade_bridge.decisions.fates import without_fate
from candlegraph.freqtrade_bridge.loopback.account.books import Books
from candlegraph.memory.books.ledger import DecisionRow


def decided(rows: Iterable[DecisionRow], wanted: Iterable[tuple[str, datetime]]) -> Iterator[Violation]:
    """Yield the pairs and candles (open times) without a row."""
    known = {(row.pair, row.candle) for row in rows}
    for pair, candle in wanted:
        if (pair, candle) not in known:
            yield Violation("every candle has its decision", symbol_of(pair), f"none of {candle:%m-%d %H:%M}")


def fated(rows: Sequence[DecisionRow], now: datetime) -> Iterator[Violation]:
    """Yield the calls of passed candles of which nobody knows what became."""
    for row in without_fate(rows, now, LENGTH):
        text = f"{row.signal.wanted.name} of {row.candle:%m-%d %H:%M}"
        yield Violation("every decision has its fate", symbol_of(row.pair), text)


def true(rows: Iterable[DecisionRow], books: Books, forced: Collection[tuple[str, datetime]]) -> Iterator[Violation]:
    """Yield the fates that the exchange contradicts; in `forced` (pair, candle's close) a person has traded, too."""
    for row in rows:
        if not row.acts or row.fate is None:
            continue
        text = f"{row.signal.wanted.name} of {row.candle:%m-%d %H:%M}: {row.fate.line}"
        if row.fate.is_filled and not _was_filled(books, row.fate.order_id):
            yield Violation("a fate is true", symbol_of(row.pair), f"{text}; the exchange knows no such fill")
        if not row.fate.is_filled and row.signal.wanted.grows and (row.pair, row.as_of) not in forced:
            since, until = (int(at.timestamp() * 1000) for at in (row.as_of, row.as_of + LENGTH))
            done = _opened(openings(books, since, BY_HAND), symbol_of(row.pair), until)
            if done:
                yield Violation("a fate is true", symbol_of(row.pair), f"{text}; the exchange filled {done}")


def _was_filled(books: Books, order_id: str | None) -> bool:
    if order_id is None or not order_id.isdecimal():
        return False
    order = books.orders.get(int(order_id))
    return order is not None and order.filled > 0


def _opened(found: Mapping[str, list], symbol: str, until: int) -> str:
    return ", ".join(f"{one.side} {one.filled}" for one in found.get(symbol, []) if one.created_at < until)
