"""The committed vectors in RAM: one index per space and dimension, following the database."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
from sqlalchemy import Connection, Row, Select, select

from candlegraph.graph.experience_settings import IndexType
from candlegraph.memory.index import Hit, SituationIndex, type_for
from candlegraph.memory.labels import Labels
from candlegraph.memory.tables import experiences, meta, text_vectors, vectors
from candlegraph.memory.vectors import Vectors, unpacked

LABELS = [experiences.c[name] for name in Labels._fields]


class Mirror:
    """All situations of one database, and the texts of the spaces that are searched; not safe for two threads."""

    def __init__(self, wanted: IndexType = "auto") -> None:
        self._wanted = wanted
        self._indexes: dict[tuple[str, int], SituationIndex] = {}
        self._seen = self._seen_removals = 0
        self._seen_texts: dict[str, int] = {}

    def refresh(self, connection: Connection, text_space: str | None = None) -> None:
        """Follow what any process has committed since the last call; one small query where there is nothing new."""
        counters: dict[str, int] = {key: value for key, value in connection.execute(select(meta.c.key, meta.c.value))}
        if counters["experiences"] != self._seen:
            self._add_situations(connection, counters["experiences"])
            self._seen = counters["experiences"]
        if text_space is not None and counters["embeddings"] != self._seen_texts.get(text_space, 0):
            self._add_texts(connection, text_space, counters["embeddings"])
            self._seen_texts[text_space] = counters["embeddings"]
        if counters["removals"] > self._seen_removals:
            self._drop_removed(connection)
            self._seen_removals = counters["removals"]

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

    def kind(self, space: str, dimension: int) -> IndexType:
        """Return the type of an index; of one that is not there yet, the type it would begin with."""
        index = self._indexes.get((space, dimension))
        return type_for(0, self._wanted) if index is None else index.kind

    def __len__(self) -> int:
        return sum(len(index) for index in self._indexes.values())

    def _add_situations(self, connection: Connection, now: int) -> None:
        fresh = (experiences.c.revision > self._seen) & (experiences.c.revision <= now)
        columns = vectors.c.space, vectors.c.dimension, vectors.c.vector
        self._add(connection, select(*LABELS, *columns).join_from(experiences, vectors).where(fresh))

    def _add_texts(self, connection: Connection, space: str, now: int) -> None:
        one = text_vectors.c
        fresh = (one.revision > self._seen_texts.get(space, 0)) & (one.revision <= now) & (one.space == space)
        columns = one.space, one.dimension, one.vector
        self._add(connection, select(*LABELS, *columns).join_from(experiences, text_vectors).where(fresh))

    def _add(self, connection: Connection, query: Select[Any]) -> None:
        groups: dict[tuple[str, int], list[Row[*tuple[Any, ...]]]] = defaultdict(list)
        for row in connection.execute(query.order_by(experiences.c.id)):
            groups[row.space, row.dimension].append(row)
        for (space, dimension), group in groups.items():
            index = self._indexes.setdefault((space, dimension), SituationIndex(dimension, self._wanted))
            labels = [Labels(*row[: len(LABELS)]) for row in group]
            index.add(labels, unpacked([row.vector for row in group], dimension))

    def _drop_removed(self, connection: Connection) -> None:
        ids = np.array(connection.scalars(select(experiences.c.id)).all(), dtype=np.int64)
        for index in self._indexes.values():
            index.keep_only(ids)
