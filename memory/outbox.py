"""Closed trades on their way into the memory: enqueued at the fill, learnt from at a time that the caller chooses.

fill -> enqueue (durable, with the track) -> due -> take -> settle: the experience stored, outbox and track emptied

Each trade is settled in one transaction, so that a killed process has learnt from it wholly or not at all.
"""

from __future__ import annotations

from datetime import datetime

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import ColumnElement, Connection, Engine, delete, func, insert, select

from candlegraph.graph.schema.errors import MemoryStoreError
from candlegraph.graph.schema.experience import ClosedTrade, Closing, Experience, PartialExit
from candlegraph.memory.counterfactual.table import Table
from candlegraph.memory.counterfactuals import insert_table
from candlegraph.memory.learning.track import Track, write_tracks
from candlegraph.memory.storage.database import reading, writing
from candlegraph.memory.storage.rows import insert_experience, micros, time_of
from candlegraph.memory.storage.tables import courses, experiences, outbox, positions

READ: TypeAdapter[ClosedTrade | PartialExit] = TypeAdapter(Closing)


def enqueue(engine: Engine, trade: Closing, track: Track | None = None) -> None:
    """Keep the trade or the part, and how it went, until it is settled; a second one of the same key is ignored."""
    with writing(engine, "outbox") as (connection, _):
        if connection.scalar(select(outbox.c.id).where(_queued(trade.namespace, trade.key))) is not None:
            return
        connection.execute(
            insert(outbox).values(
                namespace=trade.namespace,
                known_at=micros(trade.known_at),
                pair=trade.pair,
                trade_key=trade.key,
                doc=trade.model_dump_json(),
            )
        )
        if track is not None:
            write_tracks(connection, [track])


def due(engine: Engine, namespace: str, before: datetime) -> list[str]:
    """Return the keys of the trades known by `before`, in one order on every machine."""
    known = (outbox.c.namespace == namespace) & (outbox.c.known_at <= micros(before))
    query = select(outbox.c.trade_key).where(known).order_by(outbox.c.known_at, outbox.c.pair, outbox.c.trade_key)
    with reading(engine) as connection:
        return list(connection.scalars(query))


def next_known(engine: Engine, namespace: str) -> datetime | None:
    """Return when the first trade that waits is known; None where none waits."""
    with reading(engine) as connection:
        first = connection.scalar(select(func.min(outbox.c.known_at)).where(outbox.c.namespace == namespace))
    return None if first is None else time_of(first)


def take(engine: Engine, namespace: str, trade_key: str) -> tuple[Closing, Track | None] | None:
    """Return a waiting trade with its track, None if it does not wait; raise MemoryStoreError if it cannot be read."""
    with reading(engine) as connection:
        doc = connection.scalar(select(outbox.c.doc).where(_queued(namespace, trade_key)))
        course = connection.scalar(select(positions.c.doc).where(_tracked(namespace, trade_key)))
    if doc is None:
        return None
    try:
        track = None if course is None else Track.model_validate_json(course)
        return READ.validate_json(doc), track
    except ValidationError as e:
        why = f"{e.error_count()} fields are not as expected, the first at {e.errors()[0]['loc']}"
        raise MemoryStoreError(f"closed trade {trade_key} of {namespace} cannot be read and stays: {why}") from e


def opened_by(waiting: Engine, memory: Engine, decision: str) -> tuple[ClosedTrade, Track | None] | None:
    """Return the closed trade that a decision opened, with its track; the first digits of its id will do.

    One that waits, else one that has been learnt from; `waiting` holds the outbox.
    """
    named = f'"decision_id":"{decision}'
    own = outbox.c.doc.contains(named, autoescape=True)
    with reading(waiting) as connection:
        places = connection.execute(select(outbox.c.namespace, outbox.c.trade_key).where(own)).all()
    for namespace, key in places:
        found = take(waiting, namespace, key)
        if found is not None and isinstance(found[0], ClosedTrade):
            return found[0], found[1]
    learnt = (experiences.c.kind == "trade") & experiences.c.doc.contains(named, autoescape=True)
    query = select(experiences.c.doc, courses.c.doc).outerjoin(courses).where(learnt).order_by(experiences.c.id)
    with reading(memory) as connection:
        row = connection.execute(query.limit(1)).first()
    source = None if row is None else Experience.model_validate_json(row[0]).source
    if row is None or not isinstance(source, ClosedTrade):
        return None
    return source, None if row[1] is None else Track.model_validate_json(row[1])


def settle(
    engine: Engine,
    experience: Experience,
    track: Track | None = None,
    table: Table | None = None,
    *,
    is_queued: bool = True,
    into: Engine | None = None,
) -> int | None:
    """Store what was learnt and empty the outbox of it; return the new id. `into`: the memory, where it is elsewhere.

    None where it was learnt already: the key is stored, or, of a trade that came from the outbox, is gone from there.
    In one database that is one transaction. In two the memory comes first: who is killed between them finds the key
    stored when it comes back, and only empties the outbox.
    """
    if into is None or into is engine:
        with writing(engine, "experiences") as (connection, revision):
            was_queued = _emptied(connection, experience)
            return None if is_queued and not was_queued else _stored(connection, revision, experience, track, table)
    if is_queued and take(engine, experience.source.namespace, experience.key) is None:
        return None
    with writing(into, "experiences") as (connection, revision):
        row_id = _stored(connection, revision, experience, track, table)
    with writing(engine, "outbox") as (connection, _):
        _emptied(connection, experience)
    return row_id


def _stored(
    connection: Connection, revision: int, experience: Experience, track: Track | None, table: Table | None
) -> int | None:
    row_id = insert_experience(connection, revision, experience)
    if row_id is not None and track is not None:
        insert_course(connection, row_id, track)
        if isinstance(experience.source, ClosedTrade) and track.opening is not None and not experience.forced:
            insert_table(connection, revision, row_id, experience.source, table)
    return row_id


def _emptied(connection: Connection, experience: Experience) -> bool:
    """Take the trade out of the outbox, with its track; return whether it was there."""
    namespace, key = experience.source.namespace, experience.key
    was_queued = connection.execute(delete(outbox).where(_queued(namespace, key))).rowcount > 0
    connection.execute(delete(positions).where(_tracked(namespace, key)))
    return was_queued


def _queued(namespace: str, trade_key: str) -> ColumnElement[bool]:
    return (outbox.c.namespace == namespace) & (outbox.c.trade_key == trade_key)


def _tracked(namespace: str, trade_key: str) -> ColumnElement[bool]:
    return (positions.c.namespace == namespace) & (positions.c.trade_key == trade_key)


def insert_course(connection: Connection, experience_id: int, track: Track) -> None:
    """Keep how a trade went beside its experience; call it inside `writing`."""
    connection.execute(insert(courses).values(experience_id=experience_id, doc=track.model_dump_json()))
