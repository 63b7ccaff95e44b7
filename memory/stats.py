"""What a namespace of the memory holds, in plain JSON types."""

from __future__ import annotations

from datetime import datetime
from statistics import fmean
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Engine, func, select

from candlegraph.memory.embeddings.waiting import count_waiting
from candlegraph.memory.index.mirror import Mirror
from candlegraph.memory.learning.scores import recent_trend
from candlegraph.memory.storage.database import place_of, stored_bytes
from candlegraph.memory.storage.rows import is_retired, micros
from candlegraph.memory.storage.tables import experiences, text_vectors, vectors

ALL = 2**62
"""Microseconds since 1970 before which everything is known."""


def stats_of(
    connection: Connection, mirror: Mirror, namespace: str, engine: Engine, as_of: datetime | None
) -> dict[str, Any]:
    """Return counts, index, embedding, rewards and storage of what the namespace knew before `as_of`; None: of all."""
    own = known(namespace, as_of)
    newest = _newest_vector(connection, own)
    return {
        "namespace": namespace,
        "total_experiences": connection.execute(select(func.count()).where(own)).scalar_one(),
        "retired": connection.execute(select(func.count()).where(own & is_retired())).scalar_one(),
        "by_kind": _counts(connection, experiences.c.kind, own),
        "by_side": _counts(connection, experiences.c.side, own),
        "by_grade": _counts(connection, experiences.c.grade, own & experiences.c.grade.is_not(None)),
        "forced": connection.execute(select(func.count()).where(own & experiences.c.forced)).scalar_one(),
        "index": _index(connection, mirror, namespace, as_of, newest),
        "embedding": {"provider": "situation", "model": newest[0] if newest else None},
        "reward_stats": _rewards(connection, own),
        "storage": {"path": place_of(engine), "bytes": stored_bytes(connection, engine)},
    }


def situation_spaces(connection: Connection, own: ColumnElement[bool]) -> dict[str, int]:
    """Return how many experiences have a situation in each space, the fullest first; a cleanup takes theirs away."""
    count = func.count().label("count")
    query = select(vectors.c.space, count).join_from(experiences, vectors).where(own).group_by(vectors.c.space)
    return {space: size for space, size in connection.execute(query.order_by(count.desc(), vectors.c.space))}


def known(namespace: str, as_of: datetime | None) -> ColumnElement[bool]:
    """Return which experiences the namespace knew before `as_of`; None: all of its."""
    own = experiences.c.namespace == namespace
    return own if as_of is None else own & (experiences.c.known_at < micros(as_of))


def text_stats(
    connection: Connection, model: str, namespace: str, as_of: datetime | None
) -> dict[str, str | int | None]:
    """Return what the namespace has of the configured text model, in the dimension that it answered in last."""
    _, provider, name = model.split(":", 2)
    of_model = text_vectors.c.space.startswith(f"{model}:", autoescape=True)
    newest = select(text_vectors.c.dimension).where(of_model).order_by(text_vectors.c.revision.desc()).limit(1)
    dimension = connection.scalar(newest)
    own = known(namespace, as_of) & of_model & (text_vectors.c.dimension == dimension)
    stored = select(func.count()).select_from(experiences.join(text_vectors)).where(own)
    return {
        "provider": provider,
        "model": name,
        "dimension": dimension,
        "size": connection.execute(stored).scalar_one(),
        "waiting": count_waiting(connection, model, known(namespace, as_of)),
    }


def _newest_vector(connection: Connection, own: ColumnElement[bool]) -> tuple[str, int] | None:
    query = select(vectors.c.space, vectors.c.dimension).join_from(experiences, vectors).where(own)
    row = connection.execute(query.order_by(experiences.c.id.desc()).limit(1)).first()
    return None if row is None else (row.space, row.dimension)


def _counts(connection: Connection, column: Column[Any], rows: ColumnElement[bool]) -> dict[str, int]:
    query = select(column, func.count()).where(rows).group_by(column).order_by(column)
    return {str(value): count for value, count in connection.execute(query)}


def _index(
    connection: Connection, mirror: Mirror, namespace: str, as_of: datetime | None, newest: tuple[str, int] | None
) -> dict[str, str | int | bool | None]:
    if newest is None:
        return {"type": mirror.kind("", 0), "dimension": None, "size": 0, "stale": False}
    space, dimension = newest
    size = mirror.count(space, dimension, namespace, ALL if as_of is None else micros(as_of))
    same = known(namespace, as_of) & (vectors.c.space == space) & (vectors.c.dimension == dimension)
    stored = select(func.count()).select_from(experiences.join(vectors)).where(same)
    stale = size != connection.execute(stored).scalar_one()
    return {"type": mirror.kind(space, dimension), "dimension": dimension, "size": size, "stale": stale}


def _rewards(connection: Connection, own: ColumnElement[bool]) -> dict[str, float | int | None]:
    """Return what closed trades earned; those closed by the end of the data taught nothing and are left out."""
    columns = [experiences.c[name] for name in ("score", "reward", "reward_quality", "profit_pct")]
    learnt = own & (experiences.c.kind == "trade") & ~experiences.c.forced
    trades = connection.execute(select(*columns).where(learnt).order_by(experiences.c.known_at, experiences.c.id)).all()
    return {
        "total_trades": len(trades),
        "avg_score": fmean(trade.score for trade in trades) if trades else None,
        "cumulative_reward": sum(trade.reward for trade in trades),
        "cumulative_reward_quality": sum(trade.reward_quality for trade in trades),
        "win_rate": fmean(trade.profit_pct > 0 for trade in trades) if trades else None,
        "recent_trend": recent_trend([trade.reward for trade in trades]),
    }
