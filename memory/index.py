"""Nearest unit vectors of one space, exactly, among the rows that pass the filters.

Filter columns lie beside the vectors and become a bitmap, so that a filter never starves the search.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

import faiss
import numpy as np
from numpy.typing import NDArray

from candlegraph.memory.vectors import Vectors

FILTERS = ("namespace", "side", "pair", "regime", "kind")
COLUMNS = np.dtype([("id", "i8"), ("known_at", "i8"), ("forced", "?"), *((name, "i4") for name in FILTERS)])


class Labels(NamedTuple):
    """What the filters know of one vector."""

    id: int
    known_at: int
    forced: bool
    namespace: str
    side: str
    pair: str
    regime: str | None
    kind: str


class Hit(NamedTuple):
    """One vector found."""

    id: int
    similarity: float


class SituationIndex:
    """A flat inner-product index in RAM with its filter columns; not safe for two threads at once."""

    def __init__(self, dimension: int) -> None:
        # One query at a time: a thread pool only costs, and would crowd freqtrade's own threads.
        faiss.omp_set_num_threads(1)
        self._flat = faiss.IndexFlatIP(dimension)
        self._rows = np.empty(0, COLUMNS)
        self._codes: dict[str, dict[str | None, int]] = {name: {} for name in FILTERS}

    def __len__(self) -> int:
        return int(self._flat.ntotal)

    def count(self, namespace: str) -> int:
        """Return how many vectors belong to the namespace."""
        return int(np.isin(self._labels["namespace"], self._known_codes("namespace", [namespace])).sum())

    def add(self, labels: Sequence[Labels], vectors: Vectors) -> None:
        """Append vectors with their labels."""
        size = len(self)
        while size + len(labels) > len(self._rows):
            # Doubling: adding one row must not copy all others each time.
            self._rows = np.concatenate([self._rows, np.empty(max(1024, len(self._rows)), COLUMNS)])
        self._rows[size : size + len(labels)] = [self._coded(label) for label in labels]
        self._flat.add(np.ascontiguousarray(vectors))

    def keep_only(self, ids: NDArray[np.int64]) -> None:
        """Remove every vector whose id is not among `ids`."""
        gone = ~np.isin(self._labels["id"], ids)
        if gone.any():
            kept = self._labels[~gone].copy()
            bits = np.packbits(gone, bitorder="little")
            self._flat.remove_ids(faiss.IDSelectorBitmap(len(bits), faiss.swig_ptr(bits)))
            self._rows = kept

    def search(
        self, query: Vectors, k: int, *, known_before: int, where: Mapping[str, Collection[str]]
    ) -> tuple[Hit, ...]:
        """Return the `k` most similar learnable rows known before that time; ties go to the lower id."""
        selected = self._selected(known_before, where)
        available = int(selected.sum())
        asked = 2 * k
        while True:
            hits = self._nearest(query, min(asked, available), selected)
            # The last of them may tie with rows not seen yet: look further until it does not.
            if asked >= available or hits[-1].similarity < hits[k - 1].similarity:
                return hits[:k]
            asked *= 4

    @property
    def _labels(self) -> NDArray[np.void]:
        return self._rows[: len(self)]

    def _coded(self, label: Labels) -> tuple[int, ...]:
        codes = (self._codes[name].setdefault(getattr(label, name), len(self._codes[name])) for name in FILTERS)
        return label.id, label.known_at, label.forced, *codes

    def _known_codes(self, name: str, values: Collection[str]) -> list[int]:
        return [self._codes[name][value] for value in values if value in self._codes[name]]

    def _selected(self, known_before: int, where: Mapping[str, Collection[str]]) -> NDArray[np.bool_]:
        rows = self._labels
        selected: NDArray[np.bool_] = (rows["known_at"] < known_before) & ~rows["forced"]
        for name, values in where.items():
            selected &= np.isin(rows[name], self._known_codes(name, values))
        return selected

    def _nearest(self, query: Vectors, k: int, selected: NDArray[np.bool_]) -> tuple[Hit, ...]:
        if k == 0:
            return ()
        bits = np.packbits(selected, bitorder="little")
        selector = faiss.IDSelectorBitmap(len(bits), faiss.swig_ptr(bits))  # faiss only borrows bits and selector
        chosen = faiss.SearchParameters()
        chosen.sel = selector
        cosines, places = self._flat.search(query.reshape(1, -1), k, params=chosen)
        # Rounded: the digits below are the order in which a CPU adds, and would make two machines disagree.
        similar = np.round(np.clip(cosines[0].astype(np.float64), 0.0, 1.0), 6)
        ids = self._labels["id"][places[0]]
        return tuple(Hit(int(ids[i]), float(similar[i])) for i in np.lexsort((ids, -similar)))
