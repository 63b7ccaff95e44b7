"""Which poor trades teach nothing that others do not teach as well.

trades by score, the worst first -> not among the last losers of their set-up -> three kept ones of the same side and
outcome are as good as equal to it -> it may leave the retrieval
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Connection, select

from candlegraph.graph.schema.experience import ClosedTrade, Experience
from candlegraph.memory.learning.setups import Setup, setup_of_trade
from candlegraph.memory.storage.tables import experiences, vectors
from candlegraph.memory.storage.vectors import Vectors, unpacked

ALIKE = 0.95
"""Similarity of situations from which on two cases say the same."""
OTHERS = 3
"""As many such cases stay for each that goes."""
LAST_LOSERS = 3
"""Of every set-up the newest losing trades stay, whatever they are like."""


class Alike(NamedTuple):
    """The trades of one space, side and outcome, their situations one a row."""

    ids: list[int]
    vectors: Vectors
    is_kept: NDArray[np.bool_]


def redundant(connection: Connection, own: ColumnElement[bool], below: float) -> list[int]:
    """Return the trades among `own` that score below and are redundant, the worst first."""
    trades = own & (experiences.c.kind == "trade")
    kept = last_losers(connection, trades)
    groups = list(_groups(connection, trades))
    place = {row_id: (group, number) for group in groups for number, row_id in enumerate(group.ids)}
    query = select(experiences.c.id).where(trades, experiences.c.score < below)
    poor = connection.scalars(query.order_by(experiences.c.score, experiences.c.id)).all()
    return [row_id for row_id in poor if row_id not in kept and row_id in place and _goes(*place[row_id])]


def last_losers(connection: Connection, trades: ColumnElement[bool]) -> set[int]:
    """Return the newest losing trades of every set-up."""
    query = select(experiences.c.id, experiences.c.doc).where(trades, experiences.c.profit_pct < 0)
    newest: dict[Setup, list[int]] = defaultdict(list)
    for row in connection.execute(query.order_by(experiences.c.known_at.desc(), experiences.c.id.desc())):
        source = Experience.model_validate_json(row.doc).source
        if isinstance(source, ClosedTrade):
            newest[setup_of_trade(source)._replace(leverage=None)].append(row.id)
    return {row_id for ids in newest.values() for row_id in ids[:LAST_LOSERS]}


def _groups(connection: Connection, trades: ColumnElement[bool]) -> Iterable[Alike]:
    columns = experiences.c.id, experiences.c.side, experiences.c.profit_pct, vectors.c.space, vectors.c.dimension
    query = select(*columns, vectors.c.vector).join_from(experiences, vectors).where(trades)
    found: dict[tuple[Any, ...], list[Any]] = defaultdict(list)
    for row in connection.execute(query.order_by(experiences.c.id)):
        found[row.space, row.dimension, row.side, row.profit_pct > 0].append(row)
    for (_, dimension, *_), rows in found.items():
        yield Alike([row.id for row in rows], _unpacked(rows, dimension), np.ones(len(rows), bool))


def _unpacked(rows: Sequence[Any], dimension: int) -> Vectors:
    return unpacked([row.vector for row in rows], dimension)


def _goes(group: Alike, number: int) -> bool:
    """Return whether enough others stay that are like it; then it counts as gone for those looked at later."""
    alike = (group.vectors @ group.vectors[number] >= ALIKE) & group.is_kept
    goes = int(alike.sum()) > OTHERS  # it is like itself
    group.is_kept[number] = not goes
    return goes
