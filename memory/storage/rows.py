"""Experiences as rows, and back."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, bindparam, delete, exists, insert, select, update

from candlegraph.graph.schema.experience import Experience
from candlegraph.memory.storage.tables import (
    counterfactuals,
    courses,
    embedding_refusals,
    experiences,
    meta,
    retired,
    text_vectors,
    vectors,
)
from candlegraph.memory.storage.vectors import Vectors, packed, unit, unpacked

SEARCHED = (vectors, text_vectors, embedding_refusals)
"""Tables whose rows go when an experience leaves the retrieval."""
BELONGING = (*SEARCHED, courses, retired, counterfactuals)
"""Tables whose rows go with their experience."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def micros(time: datetime) -> int:
    """Return microseconds since 1970, exactly."""
    return (time - EPOCH) // timedelta(microseconds=1)


def time_of(stored: int) -> datetime:
    """Return the time of `micros`."""
    return EPOCH + timedelta(microseconds=stored)


def counters_of(connection: Connection) -> dict[str, int]:
    """Return how far each kind of row has been written; as text, since it is asked at every decision."""
    return {key: value for key, value in connection.exec_driver_sql("select key, value from meta")}


def insert_experience(connection: Connection, revision: int, experience: Experience) -> int | None:
    """Insert row and vector; None where the key is there already. Call it inside `writing`, which excludes others."""
    if _is_stored(connection, experience):
        return None
    row = insert(experiences).values(_columns(experience) | {"revision": revision}).returning(experiences.c.id)
    row_id: int = connection.execute(row).scalar_one()
    _insert_vector(connection, row_id, experience)
    return row_id


def is_retired() -> ColumnElement[bool]:
    """Return whether a cleanup took an experience out of the retrieval."""
    return exists().where(retired.c.experience_id == experiences.c.id)


def retire(connection: Connection, revision: int, ids: Sequence[int]) -> None:
    """Take rows out of the retrieval with their vectors; what is counted from them stays."""
    if not ids:
        return
    doomed = [{"doomed": row_id} for row_id in ids]
    for table in SEARCHED:
        connection.execute(delete(table).where(table.c.experience_id == bindparam("doomed")), doomed)
    connection.execute(insert(retired), [{"experience_id": row_id} for row_id in ids])
    connection.execute(update(meta).where(meta.c.key == "removals").values(value=revision))


def delete_experiences(connection: Connection, revision: int, ids: Sequence[int]) -> None:
    """Delete rows with all that belongs to them, and tell every process's index to look for what is gone."""
    if not ids:
        return
    doomed = [{"doomed": row_id} for row_id in ids]
    for table in BELONGING:
        connection.execute(delete(table).where(table.c.experience_id == bindparam("doomed")), doomed)
    connection.execute(delete(experiences).where(experiences.c.id == bindparam("doomed")), doomed)
    connection.execute(update(meta).where(meta.c.key.in_(("removals", "purges"))).values(value=revision))


def vectors_by_id(
    connection: Connection, table: Table, space: str, dimension: int, ids: Collection[int]
) -> tuple[list[int], Vectors]:
    """Return which of `ids` have a vector in a space, and those, one a row; of `vectors` or `text_vectors`."""
    query = select(table.c.experience_id, table.c.vector).where(table.c.experience_id.in_(ids))
    rows = connection.execute(query.where(table.c.space == space, table.c.dimension == dimension)).all()
    return [row.experience_id for row in rows], unpacked([row.vector for row in rows], dimension)


def experiences_by_id(connection: Connection, ids: Sequence[int]) -> dict[int, Experience]:
    """Return the stored experiences of `ids`."""
    if not ids:
        return {}
    rows = connection.execute(select(experiences.c.id, experiences.c.doc).where(experiences.c.id.in_(ids)))
    return {row_id: Experience.model_validate_json(doc) for row_id, doc in rows}


def experiences_of(connection: Connection, namespace: str) -> dict[int, Experience]:
    """Return the stored experiences of a namespace, in the order of their ids, each with the newest lesson."""
    lesson = counterfactuals.c.lesson
    query = select(experiences.c.id, experiences.c.doc, lesson).outerjoin(counterfactuals)
    rows = connection.execute(query.where(experiences.c.namespace == namespace).order_by(experiences.c.id))
    found = ((row.id, Experience.model_validate_json(row.doc), row.lesson) for row in rows)
    return {row_id: one if later is None else one.model_copy(update={"lesson": later}) for row_id, one, later in found}


def _is_stored(connection: Connection, experience: Experience) -> bool:
    same = (
        (experiences.c.namespace == experience.source.namespace)
        & (experiences.c.kind == experience.kind)
        & (experiences.c.trade_key == experience.key)
    )
    return connection.scalar(select(experiences.c.id).where(same)) is not None


def _insert_vector(connection: Connection, row_id: int, experience: Experience) -> None:
    situation = experience.source.situation
    vector = None if situation is None else unit(situation)
    if vector is None:
        return  # kept and counted, but like nothing: it cannot be recalled
    connection.execute(
        insert(vectors).values(
            experience_id=row_id, space=experience.source.space, dimension=vector.size, vector=packed(vector)
        )
    )


def _columns(experience: Experience) -> dict[str, Any]:
    source, scores = experience.source, experience.scores
    return {
        "namespace": source.namespace,
        "kind": experience.kind,
        "trade_key": experience.key,
        "pair": source.pair,
        "side": source.side,
        "regime": source.regime,
        "forced": experience.forced,
        "known_at": micros(source.known_at),
        "profit_pct": experience.profit_pct,
        "score": scores and scores.total,
        "grade": scores and scores.grade,
        "reward": experience.reward,
        "reward_quality": experience.reward_quality,
        "doc": experience.model_dump_json(),
    }
