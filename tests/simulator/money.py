"""Whether the memory holds the true money: what its trades gained and lost is what the wallet did."""

from collections.abc import Iterable, Iterator
from decimal import Decimal

from simulator.invariants import Violation, symbol_of
from sqlalchemy import ColumnElement, Connection, Table, select

from candlegraph.freqtrade_bridge.loopback.account.books import Books
from candlegraph.graph.context import Context
from candlegraph.graph.schema.experience import ClosedTrade, Experience
from candlegraph.memory.outbox import READ
from candlegraph.memory.storage.database import open_engine, reading
from candlegraph.memory.storage.tables import experiences, outbox

TOLERANCE = Decimal("0.02")
"""Per trade, USDT: freqtrade counts with the fee rate, the exchange with eight decimals."""


def remembered(context: Context, pair: str) -> list[float]:
    """Return what each closed trade of the pair gained, from the memory and from what waits for it."""
    with reading(open_engine(context.database)) as connection:
        own = (experiences.c.namespace == context.namespace, experiences.c.pair == pair)
        learnt = [Experience.model_validate_json(doc).source for doc in _docs(connection, experiences, *own)]
        own = (outbox.c.namespace == context.namespace, outbox.c.pair == pair)
        waiting = [READ.validate_json(doc) for doc in _docs(connection, outbox, *own)]
    return [one.profit_abs for one in (*learnt, *waiting) if isinstance(one, ClosedTrade)]


def _docs(connection: Connection, table: Table, *own: ColumnElement[bool]) -> list[str]:
    return list(connection.scalars(select(table.c.doc).where(*own)))


def money(books: Books, context: Context, pairs: Iterable[str]) -> Iterator[Violation]:
    """Yield the pairs, flat on both sides, whose remembered results are not what the exchange paid."""
    for pair in pairs:
        symbol, known = symbol_of(pair), remembered(context, pair)
        true = sum((one.amount for one in books.income if one.symbol == symbol), Decimal(0))
        if abs(true - Decimal(str(sum(known)))) > TOLERANCE * (1 + len(known)):
            text = f"{sum(known):.2f} in {len(known)} trades, {true:.2f} is true"
            yield Violation("the memory holds the true money", symbol, text)
