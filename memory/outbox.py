"""Closed trades on their way into the memory: enqueued at the fill, learnt from at a time that the caller chooses.

fill → enqueue (durable) → drain: evaluate, store, delete from the outbox, in one transaction
"""

from __future__ import annotations

import logging
from datetime import datetime

from pydantic import ValidationError
from sqlalchemy import Connection, Engine, delete, func, insert, select

from candlegraph.memory.database import outbox, reading, writing
from candlegraph.memory.experience import ClosedTrade, Experience
from candlegraph.memory.review import experience_of
from candlegraph.memory.rows import insert_experience, micros

logger = logging.getLogger(__name__)


def enqueue(engine: Engine, trade: ClosedTrade) -> None:
    """Keep the trade until it is drained; a second one of the same key is ignored."""
    same = (outbox.c.namespace == trade.namespace) & (outbox.c.trade_key == trade.trade_key)
    with writing(engine, "outbox") as (connection, _):
        if connection.scalar(select(outbox.c.id).where(same)) is None:
            connection.execute(
                insert(outbox).values(
                    namespace=trade.namespace,
                    known_at=micros(trade.known_at),
                    pair=trade.pair,
                    trade_key=trade.trade_key,
                    doc=trade.model_dump_json(),
                )
            )


def drain(engine: Engine, namespace: str, before: datetime) -> list[Experience]:
    """Learn from what was known by `before`, in one order on every machine; return what is new."""
    if not waiting(engine, namespace):
        return []  # the usual candle: no trade closed, no write lock needed
    due = (outbox.c.namespace == namespace) & (outbox.c.known_at <= micros(before))
    query = select(outbox.c.id, outbox.c.doc).where(due).order_by(outbox.c.known_at, outbox.c.pair, outbox.c.trade_key)
    with writing(engine, "experiences") as (connection, revision):
        rows = connection.execute(query).all()
        learnt = [_learn(connection, revision, row_id, doc) for row_id, doc in rows]
    return [experience for experience in learnt if experience is not None]


def waiting(engine: Engine, namespace: str) -> int:
    """Return how many trades of the namespace are in the outbox."""
    with reading(engine) as connection:
        query = select(func.count()).select_from(outbox).where(outbox.c.namespace == namespace)
        return connection.execute(query).scalar_one()


def _learn(connection: Connection, revision: int, row_id: int, doc: str) -> Experience | None:
    try:
        experience = experience_of(ClosedTrade.model_validate_json(doc))
    except ValidationError as e:  # of another version; it stays, and the others are learnt from
        logger.error("outbox row %s cannot be read and is left there: %s", row_id, e)
        return None
    new = insert_experience(connection, revision, experience) is not None
    connection.execute(delete(outbox).where(outbox.c.id == row_id))
    return experience if new else None
