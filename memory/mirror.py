"""The committed vectors in RAM: one index per space and dimension, following the database."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
from sqlalchemy import Connection, Row, select

from candlegraph.memory.database import experiences, meta, vectors
from candlegraph.memory.index import Hit, SituationIndex
from candlegraph.memory.labels import Labels
from candlegraph.memory.vectors import Vectors, unpacked

LABELS = [experiences.c[name] for name in Labels._fields]


class Mirror:
    """All indexes of one database; not safe for two threads at once."""

    def __init__(self) -> None:
        self._indexes: dict[tuple[str, int], SituationIndex] = {}
        self._seen = 0
        self._seen_removals = 0

    def refresh(self, connection: Connection) -> None:
        """Follow what any process has committed since the last call; one small query where there is nothing new."""
        counters: dict[str, int] = {key: value for key, value in connection.execute(select(meta.c.key, meta.c.value))}
        if counters["experiences"] == self._seen:
            return
        self._add_since(connection, counters["experiences"])
        if counters["removals"] > self._seen_removals:
            self._drop_removed(connection)
        self._seen, self._seen_removals = counters["experiences"], counters["removals"]

    def search(
        self, space: str, query: Vectors, k: int, *, known_before: int, where: Mapping[str, Collection[str]]
    ) -> tuple[Hit, ...]:
        """Return the nearest rows of that space and dimension."""
        index = self._indexes.get((space, query.size))
        return () if index is None else index.search(query, k, known_before=known_before, where=where)

    def count(self, space: str, dimension: int, namespace: str) -> int:
        """Return how many vectors of the namespace can be searched."""
        index = self._indexes.get((space, dimension))
        return 0 if index is None else index.count(namespace)

    def __len__(self) -> int:
        return sum(len(index) for index in self._indexes.values())

    def _add_since(self, connection: Connection, now: int) -> None:
        fresh = (experiences.c.revision > self._seen) & (experiences.c.revision <= now)
        query = select(*LABELS, vectors.c.space, vectors.c.dimension, vectors.c.vector)
        rows = connection.execute(query.join_from(experiences, vectors).where(fresh).order_by(experiences.c.id))
        groups: dict[tuple[str, int], list[Row[*tuple[Any, ...]]]] = defaultdict(list)
        for row in rows:
            groups[row.space, row.dimension].append(row)
        for (space, dimension), group in groups.items():
            index = self._indexes.setdefault((space, dimension), SituationIndex(dimension))
            labels = [Labels(*row[: len(LABELS)]) for row in group]
            index.add(labels, unpacked([row.vector for row in group], dimension))

    def _drop_removed(self, connection: Connection) -> None:
        ids = np.array(connection.scalars(select(vectors.c.experience_id)).all(), dtype=np.int64)
        for index in self._indexes.values():
            index.keep_only(ids)
