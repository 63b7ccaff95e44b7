"""What decisions were made from: deflated, by the decision's id, and removed again by age and size."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection, delete, func, insert, select

from candlegraph.graph.settings.experience import SnapshotKeeping
from candlegraph.memory.storage.database import open_engine, reading, writing
from candlegraph.memory.storage.rows import micros
from candlegraph.memory.storage.tables import snapshots

PRUNED_EVERY = 500
"""Documents between two looks at age and size."""
MB = 1_000_000
AT_ONCE = 500
"""Ids in one question."""


class SnapshotBook:
    """The documents of all namespaces, in the memory's database file."""

    def __init__(self, path: Path, rules: SnapshotKeeping) -> None:
        self._engine = open_engine(path)
        self._rules = rules
        self._unpruned = PRUNED_EVERY
        """Documents since the last look; the first one comes with the first document."""

    def keep(self, docs: Mapping[str, str], now: datetime) -> None:
        """Store JSON by decision id; one that is there already is left as it is."""
        if not self._rules.keep or not docs:
            return
        with writing(self._engine, "decisions") as (connection, _):
            ids = snapshots.c.decision_id
            stored = set(connection.scalars(select(ids).where(ids.in_(docs))))
            rows = [
                {"decision_id": key, "kept_at": micros(now), "doc": zlib.compress(doc.encode(), level=1)}
                for key, doc in docs.items()
                if key not in stored
            ]
            if rows:
                connection.execute(insert(snapshots), rows)
            self._unpruned += len(rows)
            if self._unpruned > PRUNED_EVERY:
                self._unpruned = 0
                self._prune(connection, now)

    def _prune(self, connection: Connection, now: datetime) -> None:
        oldest = micros(now - timedelta(days=self._rules.max_days))
        connection.execute(delete(snapshots).where(snapshots.c.kept_at < oldest))
        key, room = snapshots.c.id, self._rules.max_mb * MB
        sizes = select(key, func.sum(func.length(snapshots.c.doc)).over(order_by=key.desc()).label("so_far")).subquery()
        connection.execute(delete(snapshots).where(key.in_(select(sizes.c.id).where(sizes.c.so_far > room))))


def kept_doc(path: Path, decision_id: str) -> str | None:
    """Return the JSON of a decision, None where it was not kept or is gone."""
    return kept_docs(path, [decision_id]).get(decision_id)


def kept_docs(path: Path, ids: Sequence[str]) -> dict[str, str]:
    """Return the JSON of the decisions that have it, by id."""
    found: dict[str, str] = {}
    with reading(open_engine(path)) as connection:
        for first in range(0, len(ids), AT_ONCE):
            some = snapshots.c.decision_id.in_(ids[first : first + AT_ONCE])
            rows = connection.execute(select(snapshots.c.decision_id, snapshots.c.doc).where(some))
            found |= {key: zlib.decompress(doc).decode() for key, doc in rows}
    return found
