"""The committed vectors in RAM: one index per space and dimension, following the database.

first refresh: snapshots of the large indexes, then the rows that these lack; later ones: rows committed since
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from sqlalchemy import Column, Connection, Row, Select, Table, func, select

from candlegraph.graph.settings.experience import IndexType
from candlegraph.memory.index.index import Hit, SituationIndex, type_for
from candlegraph.memory.index.labels import Labels
from candlegraph.memory.index.saved import index_path, load, save
from candlegraph.memory.storage.rows import counters_of, is_retired
from candlegraph.memory.storage.tables import experiences, text_vectors, vectors
from candlegraph.memory.storage.vectors import Vectors, unpacked

LABELS = [experiences.c[name] for name in Labels._fields]
KEPT_GROWTH = 0.1
"""A snapshot is written anew once so large a share of the index is not in it."""


class VectorSource(NamedTuple):
    """A table of vectors, and the column that numbers its rows in the order of their commits."""

    table: Table
    revision: Column[int]

    def rows(self, since: int, until: int) -> Select[Any]:
        """Return the query for labels and vectors that were committed after `since`, up to `until`."""
        columns = self.table.c.space, self.table.c.dimension, self.table.c.vector
        fresh = (self.revision > since) & (self.revision <= until)
        return select(*LABELS, *columns).join_from(experiences, self.table).where(fresh).order_by(experiences.c.id)


SITUATIONS = VectorSource(vectors, experiences.c.revision)
TEXTS = VectorSource(text_vectors, text_vectors.c.revision)


class Mirror:
    """All situations of one database, and the texts of the spaces that are searched; not safe for two threads.

    `folder` holds the snapshots of indexes that are slow to build; None: there are none.
    """

    def __init__(self, wanted: IndexType = "auto", folder: Path | None = None) -> None:
        self._wanted, self._folder = wanted, folder
        self._indexes: dict[tuple[str, int], SituationIndex] = {}
        self._seen: int | None = None
        self._seen_texts: dict[str, int] = {}
        self._seen_removals = 0

    def refresh(self, connection: Connection, text_space: str | None = None) -> dict[str, int]:
        """Follow what any process has committed since the last call; return the counters.

        Where there is nothing new this is one small query.
        """
        counters = counters_of(connection)
        if counters["experiences"] != self._seen:
            self._follow(connection, SITUATIONS, counters, self._seen, counters["experiences"])
            self._seen = counters["experiences"]
        if text_space is not None and counters["embeddings"] != self._seen_texts.get(text_space):
            since = self._seen_texts.get(text_space)
            self._follow(connection, TEXTS, counters, since, counters["embeddings"], text_space)
            self._seen_texts[text_space] = counters["embeddings"]
        if counters["removals"] > self._seen_removals:
            self._drop_removed(connection)
            self._seen_removals = counters["removals"]
        return counters

    def search(
        self, space: str, query: Vectors, k: int, *, known_before: int, where: Mapping[str, Collection[str]]
    ) -> tuple[Hit, ...]:
        """Return the nearest rows of that space and dimension."""
        index = self._indexes.get((space, query.size))
        return () if index is None else index.search(query, k, known_before=known_before, where=where)

    def count(self, space: str, dimension: int, namespace: str, known_before: int) -> int:
        """Return how many vectors of the namespace that were known before that time can be searched."""
        index = self._indexes.get((space, dimension))
        return 0 if index is None else index.count(namespace, known_before)

    def kind(self, space: str, dimension: int) -> IndexType:
        """Return the type of an index; of one that is not there yet, the type it would begin with."""
        index = self._indexes.get((space, dimension))
        return type_for(0, self._wanted) if index is None else index.kind

    def __len__(self) -> int:
        return sum(len(index) for index in self._indexes.values())

    def _follow(
        self,
        connection: Connection,
        source: VectorSource,
        counters: Mapping[str, int],
        since: int | None,
        now: int,
        space: str | None = None,
    ) -> None:
        """Add the rows of one space, None: of all; `since` None: for the first time, from snapshots where there are."""
        if since is None and self._folder is not None:
            for name, dimension, count in _groups(connection, source, space):
                self._fill(connection, source, counters["identity"], now, (name, dimension), count)
        else:
            query = source.rows(since or 0, now)
            self._add(connection, query if space is None else query.where(source.table.c.space == space))

    def _fill(
        self, connection: Connection, source: VectorSource, identity: int, now: int, key: tuple[str, int], count: int
    ) -> None:
        """Fill one index for the first time, and keep a snapshot where much of it was not in one."""
        space, dimension = key
        since = self._restored(connection, source, identity, now, key, count)
        before = len(self._indexes[key]) if key in self._indexes else 0
        table = source.table.c
        self._add(connection, source.rows(since, now).where(table.space == space, table.dimension == dimension))
        index = self._indexes.get(key)
        if index is None or len(index) - before <= KEPT_GROWTH * len(index):
            return
        if (snapshot := index.snapshot(identity, now)) is not None:
            save(self._path(key, index.kind), snapshot)

    def _restored(
        self, connection: Connection, source: VectorSource, identity: int, now: int, key: tuple[str, int], count: int
    ) -> int:
        """Return the revision up to which a snapshot has filled the index; 0 where there is none of use."""
        space, dimension = key
        kind = type_for(count, self._wanted)
        snapshot = None if kind == "flat" else load(self._path(key, kind))
        if snapshot is None or not snapshot.is_of(identity, now):
            return 0
        of_space = (source.table.c.space == space) & (source.table.c.dimension == dimension)
        rows = connection.execute(select(*LABELS).join_from(experiences, source.table).where(of_space))
        index = self._indexes[key] = SituationIndex(dimension, self._wanted)
        index.restore(snapshot, kind, {row.id: Labels(*row) for row in rows})
        return snapshot.revision

    def _path(self, key: tuple[str, int], kind: IndexType) -> Path:
        assert self._folder is not None, "only asked where snapshots are kept"
        return index_path(self._folder, *key, kind)

    def _add(self, connection: Connection, query: Select[Any]) -> None:
        groups: dict[tuple[str, int], list[Row[*tuple[Any, ...]]]] = defaultdict(list)
        for row in connection.execute(query):
            groups[row.space, row.dimension].append(row)
        for (space, dimension), group in groups.items():
            index = self._indexes.setdefault((space, dimension), SituationIndex(dimension, self._wanted))
            labels = [Labels(*row[: len(LABELS)]) for row in group]
            index.add(labels, unpacked([row.vector for row in group], dimension))

    def _drop_removed(self, connection: Connection) -> None:
        ids = np.array(connection.scalars(select(experiences.c.id).where(~is_retired())).all(), dtype=np.int64)
        for index in self._indexes.values():
            index.keep_only(ids)


def _groups(connection: Connection, source: VectorSource, space: str | None) -> list[tuple[str, int, int]]:
    """Return space, dimension and number of the vectors, of one space or of all."""
    table = source.table.c
    query = select(table.space, table.dimension, func.count()).group_by(table.space, table.dimension)
    rows = connection.execute(query if space is None else query.where(table.space == space))
    return [(row[0], row[1], row[2]) for row in rows]
