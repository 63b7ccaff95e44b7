"""Nearest unit vectors of one space among the rows that pass the filters.

Filter columns lie beside the vectors and become a bitmap, so that a filter never starves the search. A removed row
stays as a tombstone until half of all are; then the index is built anew.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from candlegraph.graph.settings.experience import IndexType
from candlegraph.memory.index.ann import Mask, Searchable, make
from candlegraph.memory.index.labels import Labels, LabelTable
from candlegraph.memory.index.saved import SavedIndex
from candlegraph.memory.storage.vectors import Vectors

GONE = Labels(0, 0, True, "", "", "", None, "")
FLAT_BELOW, HNSW_BELOW = 10_000, 1_000_000
"""Sizes at which `auto` changes the type (SPEC 4)."""


class Hit(NamedTuple):
    """One vector found."""

    id: int
    similarity: float


def type_for(size: int, wanted: IndexType) -> IndexType:
    """Return the type for so many vectors: as wanted, `auto` by size."""
    if wanted != "auto":
        return wanted
    if size < FLAT_BELOW:
        return "flat"
    return "hnsw" if size < HNSW_BELOW else "ivf"


class SituationIndex:
    """Vectors in RAM with their labels; not safe for two threads at once."""

    def __init__(self, dimension: int, wanted: IndexType = "auto") -> None:
        self._dimension, self._wanted = dimension, wanted
        self._vectors: Searchable = make(type_for(0, wanted), dimension)
        self._labels = LabelTable()
        self._alive: Mask = np.empty(0, bool)

    def __len__(self) -> int:
        return int(self._alive.sum())

    @property
    def kind(self) -> IndexType:
        """Return the type in use."""
        return self._vectors.kind

    def count(self, namespace: str, known_before: int) -> int:
        """Return how many vectors belong to the namespace and were known before that time."""
        return int((self._alive & self._labels.of(namespace, known_before)).sum())

    def add(self, labels: Sequence[Labels], vectors: Vectors) -> None:
        """Append vectors with their labels."""
        self._labels.add(labels)
        self._alive = np.concatenate([self._alive, np.ones(len(labels), bool)])
        kind = type_for(len(self._alive), self._wanted)
        if kind == self.kind:
            self._vectors.add(vectors)
        else:
            self._build(kind, np.concatenate([self._vectors.all(), vectors]))

    def keep_only(self, ids: NDArray[np.int64]) -> None:
        """Remove every vector whose id is not among `ids`."""
        self._alive &= np.isin(self._labels.ids, ids)
        if 2 * len(self) < self._alive.size:
            kept = self._alive
            self._labels.keep(kept)
            self._alive = np.ones(len(self._labels), bool)
            self._build(type_for(len(self._labels), self._wanted), self._vectors.all()[kept])

    def search(
        self, query: Vectors, k: int, *, known_before: int, where: Mapping[str, Collection[str]]
    ) -> tuple[Hit, ...]:
        """Return the `k` most similar learnable rows known before that time; ties go to the lower id."""
        selected = self._alive & self._labels.selected(known_before, where)
        available = int(selected.sum())
        asked = 2 * k
        while available:
            hits = self._nearest(query, min(asked, available), selected)
            # The last of them may tie with rows not seen yet: look further until it does not.
            if asked >= available or len(hits) < asked or hits[-1].similarity < hits[k - 1].similarity:
                return hits[:k]
            asked *= 4
        return ()

    def snapshot(self, identity: int = 0, revision: int = 0) -> SavedIndex | None:
        """Return what makes building the index again needless; None where it would save nothing."""
        frozen = self._vectors.frozen()
        return None if frozen is None else SavedIndex(self._labels.ids.copy(), frozen, identity, revision)

    def restore(self, snapshot: SavedIndex, kind: IndexType, labels: Mapping[int, Labels]) -> None:
        """Become what was saved; rows whose ids have no label any more are removed."""
        self._vectors = make(kind, self._dimension)
        self._vectors.thaw(snapshot.content)
        self._labels.add([labels.get(int(one), GONE._replace(id=int(one))) for one in snapshot.ids])
        self._alive = np.isin(snapshot.ids, list(labels))

    def _build(self, kind: IndexType, vectors: Vectors) -> None:
        self._vectors = make(kind, self._dimension)
        self._vectors.add(vectors)

    def _nearest(self, query: Vectors, k: int, selected: Mask) -> tuple[Hit, ...]:
        places, cosines = self._vectors.nearest(query, k, selected)
        # Rounded: the digits below are the order in which a CPU adds, and would make two machines disagree.
        similar = np.round(np.clip(cosines.astype(np.float64), 0.0, 1.0), 6)
        ids = self._labels.ids[places]
        return tuple(Hit(int(ids[i]), float(similar[i])) for i in np.lexsort((ids, -similar)))
