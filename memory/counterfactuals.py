"""The counterfactual tables of closed trades beside their experiences: at the close, and again once more is known.

settled with the trade -> due -> pending: trade and track -> the caller's candles -> completed: table, lesson, gains
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from pydantic import AwareDatetime, Field
from sqlalchemy import Connection, Engine, func, insert, select, update

from candlegraph.graph.schema.experience import ClosedTrade, Experience
from candlegraph.graph.schema.market import Frozen
from candlegraph.memory.counterfactual.table import Table
from candlegraph.memory.counterfactual.trades import complete_at, first_known_at
from candlegraph.memory.learning.advice import paired
from candlegraph.memory.learning.evidence import Span
from candlegraph.memory.learning.track import Track
from candlegraph.memory.storage.database import reading, writing
from candlegraph.memory.storage.rows import micros, time_of
from candlegraph.memory.storage.tables import counterfactuals, courses, experiences

AT_ONCE = 100
"""Most tables that are completed after one candle."""


class KeptTable(Frozen):
    """What a file holds of a trade's table: as far as it was known, and when more would be."""

    due_at: AwareDatetime | None
    lesson: str | None = Field(description="takes the place of the experience's")
    table: Table | None


class Pending(NamedTuple):
    """A trade of which more can be known by now."""

    id: int
    experience: Experience
    trade: ClosedTrade
    track: Track
    due_at: datetime


def insert_table(
    connection: Connection, revision: int, experience_id: int, trade: ClosedTrade, table: Table | None
) -> None:
    """Keep what was known at the close, None: nothing yet, and when more will be; call it inside `writing`."""
    due_at = first_known_at(trade) if table is None else complete_at(trade)
    row = {"experience_id": experience_id, "revision": revision, "due_at": micros(due_at), "doc": packed(table)}
    connection.execute(insert(counterfactuals).values(row))


def restore_table(
    connection: Connection, revision: int, experience_id: int, trade: ClosedTrade, kept: KeptTable
) -> None:
    """Keep a table out of a file as it was kept before; call it inside `writing`."""
    due_at = None if kept.due_at is None else micros(kept.due_at)
    row: dict[str, object] = {"experience_id": experience_id, "revision": revision, "due_at": due_at}
    row["doc"] = packed(kept.table)
    if kept.table is not None and kept.lesson is not None:
        row |= _completed(trade, kept.table, kept.lesson)
    connection.execute(insert(counterfactuals).values(row))


def _completed(trade: ClosedTrade, table: Table, lesson: str) -> dict[str, object]:
    """Return the columns of a table that was made anew after the close; of a complete one with what advice counts."""
    span = Span(trade.side, trade.opened_at, trade.ended_at)
    gains = paired(table, span, trade.beside).model_dump_json() if table.is_complete else None
    return {"known_at": micros(table.as_of), "lesson": lesson, "gains": gains}


def next_due(engine: Engine, namespace: str) -> datetime | None:
    """Return when more will be known of the next trade; None where nothing waits."""
    join = counterfactuals.join(experiences, counterfactuals.c.experience_id == experiences.c.id)
    query = select(func.min(counterfactuals.c.due_at)).select_from(join).where(experiences.c.namespace == namespace)
    with reading(engine) as connection:
        due_at = connection.scalar(query)
    return None if due_at is None else time_of(due_at)


def pending(engine: Engine, namespace: str, before: datetime) -> Iterator[Pending]:
    """Yield the trades of which more can be known by then, in one order on every machine."""
    columns = experiences.c.id, experiences.c.doc, courses.c.doc.label("course"), counterfactuals.c.due_at
    join = counterfactuals.join(experiences, counterfactuals.c.experience_id == experiences.c.id)
    join = join.join(courses, courses.c.experience_id == experiences.c.id)
    due = (experiences.c.namespace == namespace) & (counterfactuals.c.due_at <= micros(before))
    order = counterfactuals.c.due_at, experiences.c.pair, experiences.c.trade_key
    with reading(engine) as connection:
        rows = connection.execute(select(*columns).select_from(join).where(due).order_by(*order).limit(AT_ONCE)).all()
    for row in rows:
        experience = Experience.model_validate_json(row.doc)
        assert isinstance(experience.source, ClosedTrade), "only closed trades have a table"
        track = Track.model_validate_json(row.course)
        yield Pending(row.id, experience, experience.source, track, time_of(row.due_at))


def complete(engine: Engine, one: Pending, table: Table, lesson: str) -> None:
    """Put a later table, with its lesson, in the place of the earlier one."""
    due_at = None if table.is_complete else micros(complete_at(one.trade))
    with writing(engine, "experiences") as (connection, revision):
        _update(
            connection,
            one.id,
            revision=revision,
            due_at=due_at,
            doc=packed(table),
            **_completed(one.trade, table, lesson),
        )


def give_up(engine: Engine, one: Pending) -> None:
    """Wait no longer for candles that cannot be had any more."""
    with writing(engine, "experiences") as (connection, revision):
        _update(connection, one.id, revision=revision, due_at=None)


def table_of_id(connection: Connection, experience_id: int) -> Table | None:
    """Return the stored table of an experience as far as it is known."""
    doc = connection.scalar(select(counterfactuals.c.doc).where(counterfactuals.c.experience_id == experience_id))
    return None if doc is None else Table.model_validate_json(zlib.decompress(doc))


def packed(table: Table | None) -> bytes | None:
    """Return a table as it is stored."""
    return None if table is None else zlib.compress(table.model_dump_json().encode(), level=1)


def _update(connection: Connection, experience_id: int, **values: object) -> None:
    ours = counterfactuals.c.experience_id == experience_id
    connection.execute(update(counterfactuals).where(ours).values(**values))
