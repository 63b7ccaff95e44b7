"""What the filters know of each vector: coded columns in RAM, one row per vector, in the order of the index."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

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


class LabelTable:
    """The labels of all vectors of one index; not safe for two threads at once."""

    def __init__(self) -> None:
        self._rows = np.empty(0, COLUMNS)
        self._size = 0
        self._codes: dict[str, dict[str | None, int]] = {name: {} for name in FILTERS}

    def __len__(self) -> int:
        return self._size

    @property
    def ids(self) -> NDArray[np.int64]:
        """Return the ids, in the order of the vectors."""
        ids: NDArray[np.int64] = self._labels["id"]
        return ids

    def of(self, namespace: str, known_before: int) -> NDArray[np.bool_]:
        """Return which rows belong to the namespace and were known before that time."""
        rows = self._labels
        known: NDArray[np.bool_] = rows["known_at"] < known_before
        return known & np.isin(rows["namespace"], self._known_codes("namespace", [namespace]))

    def add(self, labels: Sequence[Labels]) -> None:
        """Append rows."""
        while self._size + len(labels) > len(self._rows):
            # Doubling: adding one row must not copy all others each time.
            self._rows = np.concatenate([self._rows, np.empty(max(1024, len(self._rows)), COLUMNS)])
        self._rows[self._size : self._size + len(labels)] = [self._coded(label) for label in labels]
        self._size += len(labels)

    def keep(self, kept: NDArray[np.bool_]) -> None:
        """Remove every row that is not kept."""
        self._rows = self._labels[kept].copy()
        self._size = len(self._rows)

    def selected(self, known_before: int, where: Mapping[str, Collection[str]]) -> NDArray[np.bool_]:
        """Return which learnable rows known before that time pass every filter."""
        rows = self._labels
        selected: NDArray[np.bool_] = (rows["known_at"] < known_before) & ~rows["forced"]
        for name, values in where.items():
            selected &= self._is_one_of(rows[name], self._known_codes(name, values))
        return selected

    @property
    def _labels(self) -> NDArray[np.void]:
        return self._rows[: self._size]

    @staticmethod
    def _is_one_of(column: NDArray[np.int32], codes: Sequence[int]) -> NDArray[np.bool_]:
        """Return which rows hold one of few codes; `np.isin` takes a multiple of the time."""
        found = np.zeros(len(column), bool)
        for code in codes:
            found |= column == code
        return found

    def _coded(self, label: Labels) -> tuple[int, ...]:
        codes = (self._codes[name].setdefault(getattr(label, name), len(self._codes[name])) for name in FILTERS)
        return label.id, label.known_at, label.forced, *codes

    def _known_codes(self, name: str, values: Collection[str]) -> list[int]:
        return [self._codes[name][value] for value in values if value in self._codes[name]]
