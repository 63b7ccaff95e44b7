"""Vectors that can be searched: flat (exact), hnsw (a graph) and ivf (trained cells), behind one small contract.

Whatever the type, where few rows pass a filter every one of them is compared: a graph or a cell would starve there.
Vectors are unit length, so the inner product is the cosine. hnsw and ivf keep them as float16, as the database does.
"""

from __future__ import annotations

from typing import Any, Protocol

import faiss as faiss_module
import numpy as np
from numpy.typing import NDArray

from candlegraph.graph.settings.experience import IndexType
from candlegraph.memory.storage.vectors import Vectors

faiss: Any = faiss_module
"""Its own types know only a part of what it has."""
Mask = NDArray[np.bool_]
IndexBytes = NDArray[np.uint8]
"""The bytes of a built FAISS index."""
Found = tuple[NDArray[np.int64], NDArray[np.float32]]
"""Places and cosines, most similar first; fewer than asked where fewer are selected."""

FEW = 15_000
FEW_SHARE = 0.1
"""Up to so many selected rows, or such a share of all, every one is compared."""
NEIGHBOURS, BUILD_BREADTH, SEARCH_BREADTH = 32, 80, 192
LEAST_TRAINED = 1_000
CELLS_PER_ROOT, PROBED_SHARE = 4, 1 / 12
RETRAIN_GROWTH = 4


class Searchable(Protocol):
    """Rows are numbered in the order in which they were added; none is ever removed."""

    kind: IndexType

    def __len__(self) -> int:
        """Return how many vectors there are."""
        ...

    def add(self, vectors: Vectors) -> None:
        """Append unit vectors, one a row."""
        ...

    def nearest(self, query: Vectors, k: int, selected: Mask) -> Found:
        """Return the nearest selected rows."""
        ...

    def all(self) -> Vectors:
        """Return every vector, one a row."""
        ...

    def frozen(self) -> IndexBytes | None:
        """Return what makes building it again needless; None where building costs nothing."""
        ...

    def thaw(self, frozen: IndexBytes) -> None:
        """Become what was frozen."""
        ...


def make(kind: IndexType, dimension: int) -> Searchable:
    """Return an empty index; `auto` begins flat."""
    # One query at a time: a thread pool only costs, and would crowd freqtrade's own threads.
    faiss.omp_set_num_threads(1)
    if kind == "hnsw":
        return Hnsw(dimension)
    return Ivf(dimension) if kind == "ivf" else Flat(dimension)


class Flat:
    """Every row compared, in float32."""

    kind: IndexType = "flat"

    def __init__(self, dimension: int) -> None:
        self._index = faiss.IndexFlatIP(dimension)

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def add(self, vectors: Vectors) -> None:
        """Append unit vectors."""
        self._index.add(np.ascontiguousarray(vectors))

    def nearest(self, query: Vectors, k: int, selected: Mask) -> Found:
        """Return the nearest selected rows, exactly."""
        return _search(self._index, query, k, selected, faiss.SearchParameters())

    def all(self) -> Vectors:
        """Return every vector."""
        return _rows(self._index)

    def frozen(self) -> IndexBytes | None:
        """Return nothing: adding the rows again is as fast."""
        return None

    def thaw(self, frozen: IndexBytes) -> None:
        """Refuse: a flat index is never frozen."""
        raise TypeError("a flat index has no frozen form")


class Hnsw:
    """A navigable graph: milliseconds where all may be found, exact where few may."""

    kind: IndexType = "hnsw"

    def __init__(self, dimension: int) -> None:
        self._index = faiss.IndexHNSWSQ(
            dimension, faiss.ScalarQuantizer.QT_fp16, NEIGHBOURS, faiss.METRIC_INNER_PRODUCT
        )
        self._index.hnsw.efConstruction = BUILD_BREADTH
        self._index.train(np.zeros((1, dimension), np.float32))  # float16 has nothing to learn

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def add(self, vectors: Vectors) -> None:
        """Append unit vectors; a second or so for ten thousand."""
        self._index.add(np.ascontiguousarray(vectors))

    def nearest(self, query: Vectors, k: int, selected: Mask) -> Found:
        """Return the nearest selected rows."""
        if _are_few(selected):
            return _search(self._index.storage, query, k, selected, faiss.SearchParameters())
        breadth = max(SEARCH_BREADTH, 4 * k) * selected.size // max(1, int(selected.sum()))
        return _search(self._index, query, k, selected, faiss.SearchParametersHNSW(efSearch=breadth))

    def all(self) -> Vectors:
        """Return every vector."""
        return _rows(self._index)

    def frozen(self) -> IndexBytes | None:
        """Return the bytes of the graph."""
        return _bytes_of(self._index)

    def thaw(self, frozen: IndexBytes) -> None:
        """Become the frozen graph."""
        self._index = faiss.deserialize_index(frozen)


class Ivf:
    """Cells around trained centres; flat until there is enough to train on, trained anew when it has grown."""

    kind: IndexType = "ivf"

    def __init__(self, dimension: int) -> None:
        self._dimension = dimension
        self._index: Any = faiss.IndexFlatIP(dimension)
        self._trained_on = 0

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def add(self, vectors: Vectors) -> None:
        """Append unit vectors."""
        size = len(self) + len(vectors)
        if size < max(LEAST_TRAINED, RETRAIN_GROWTH * self._trained_on):
            self._index.add(np.ascontiguousarray(vectors))
            return
        self._train(np.concatenate([self.all(), vectors]))

    def nearest(self, query: Vectors, k: int, selected: Mask) -> Found:
        """Return the nearest selected rows."""
        if not self._trained_on:
            return _search(self._index, query, k, selected, faiss.SearchParameters())
        cells = self._index.nlist
        probed = cells if _are_few(selected) else max(8, int(cells * PROBED_SHARE))
        return _search(self._index, query, k, selected, faiss.SearchParametersIVF(nprobe=probed))

    def all(self) -> Vectors:
        """Return every vector."""
        return _rows(self._index)

    def frozen(self) -> IndexBytes | None:
        """Return the bytes of the cells; nothing before there are any."""
        return _bytes_of(self._index) if self._trained_on else None

    def thaw(self, frozen: IndexBytes) -> None:
        """Become the frozen cells."""
        self._index = faiss.deserialize_index(frozen)
        self._trained_on = len(self)

    def _train(self, vectors: Vectors) -> None:
        cells = int(CELLS_PER_ROOT * len(vectors) ** 0.5)
        centres = faiss.IndexFlatIP(self._dimension)
        made = faiss.IndexIVFScalarQuantizer(
            centres, self._dimension, cells, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT
        )
        made.cp.min_points_per_centroid, made.cp.max_points_per_centroid = 1, 40  # more points, hardly better centres
        made.cp.niter, made.cp.seed = 10, 1
        made.train(np.ascontiguousarray(vectors))
        made.add(np.ascontiguousarray(vectors))
        made.set_direct_map_type(faiss.DirectMap.Array)
        made.own_fields, _ = True, centres.this.disown()
        self._index, self._trained_on = made, len(vectors)


def _are_few(selected: Mask) -> bool:
    count = int(selected.sum())
    return count <= FEW or count <= FEW_SHARE * selected.size


def _search(index: Any, query: Vectors, k: int, selected: Mask, how: Any) -> Found:
    bits = np.packbits(selected, bitorder="little")
    how.sel = faiss.IDSelectorBitmap(len(bits), faiss.swig_ptr(bits))  # faiss only borrows both
    cosines, places = index.search(query.reshape(1, -1), k, params=how)
    found = places[0] >= 0
    return places[0][found], cosines[0][found]


def _rows(index: Any) -> Vectors:
    rows: Vectors = index.reconstruct_n(0, index.ntotal) if index.ntotal else np.empty((0, index.d), np.float32)
    return rows


def _bytes_of(index: Any) -> IndexBytes:
    content: IndexBytes = faiss.serialize_index(index)
    return content
