"""A question to the memory, and one ranking from the spaces that can answer it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from sqlalchemy import Connection, Table

from candlegraph.memory.index.index import Hit
from candlegraph.memory.index.mirror import Mirror
from candlegraph.memory.storage.rows import vectors_by_id
from candlegraph.memory.storage.tables import text_vectors, vectors
from candlegraph.memory.storage.vectors import Vectors

FIRST, MOST = 256, 4096
"""How many of the nearest of each space are looked at, at first and at most."""


class Calibration(NamedTuple):
    """How cosines of a space are read."""

    unlike: float = 0.0
    alike: float = 1.0

    def similarities(self, cosines: ArrayLike) -> list[float]:
        """Return 0 for unlike, 1 for alike, linear between; rounded, so that two machines agree."""
        between = (np.asarray(cosines, dtype=np.float64) - self.unlike) / (self.alike - self.unlike)
        found: list[float] = np.round(np.clip(between, 0.0, 1.0), 6).tolist()
        return found


COSINE = Calibration()
"""Of situations: numbers on fixed scales, where 0 is unlike and 1 is alike."""


class Query(NamedTuple):
    """The present in one space."""

    table: Table
    space: str
    vector: Vectors
    scale: Calibration
    weight: float

    @property
    def is_text(self) -> bool:
        """Return whether this is the space of texts."""
        return self.table is text_vectors


class Filters(NamedTuple):
    """Which experiences may be found."""

    known_before: int
    where: Mapping[str, Collection[str]]


def situation_asked(space: str, vector: Vectors, weight: float) -> Query:
    """Return the question to the numeric space."""
    return Query(vectors, space, vector, COSINE, weight)


def text_asked(space: str, vector: Vectors, scale: Calibration, weight: float) -> Query:
    """Return the question to the text space."""
    return Query(text_vectors, space, vector, scale, weight)


def search(
    mirror: Mirror, connection: Connection, asked: Sequence[Query], filters: Filters, k: int, threshold: float
) -> tuple[Hit, ...]:
    """Return the `k` most similar experiences over all spaces asked; the mirror must have been refreshed."""
    return fused([_searched(mirror, connection, one, filters) for one in asked], k, threshold)


def _searched(mirror: Mirror, connection: Connection, one: Query, filters: Filters) -> Searched:
    def nearest(count: int) -> list[Hit]:
        hits = mirror.search(one.space, one.vector, count, known_before=filters.known_before, where=filters.where)
        similarities = one.scale.similarities([hit.similarity for hit in hits])
        return [Hit(hit.id, similarity) for hit, similarity in zip(hits, similarities, strict=True)]

    def similar(ids: Collection[int]) -> dict[int, float]:
        found, rows = vectors_by_id(connection, one.table, one.space, one.vector.size, ids)
        return dict(zip(found, one.scale.similarities(rows @ one.vector), strict=True))

    return Searched(one.weight, nearest, similar)


class Searched(NamedTuple):
    """One space and the query in it; similarities are calibrated, 0-1."""

    weight: float
    nearest: Callable[[int], Sequence[Hit]]
    """The most similar that pass the filters, the best first; fewer than asked where there are no more."""
    similar: Callable[[Collection[int]], Mapping[int, float]]
    """The similarities of given ones; those without a vector in this space are left out."""


def fused(spaces: Sequence[Searched], k: int, threshold: float, *, first: int = FIRST) -> tuple[Hit, ...]:
    """Return the `k` most similar at or above the threshold, the best first, then by id."""
    if not spaces:
        return ()
    asked = k if len(spaces) == 1 else max(first, 4 * k)
    while True:
        nearest = [space.nearest(asked) for space in spaces]
        found = [hit for hit in _merged(spaces, nearest) if hit.similarity >= threshold]
        unseen = _best_unseen(spaces, nearest, asked)
        enough = len(found) >= k and found[k - 1].similarity > unseen
        if len(spaces) == 1 or enough or unseen < threshold or asked >= MOST:
            return tuple(found[:k])
        asked *= 4


def mean_of(similarities: Sequence[float | None], weights: Sequence[float]) -> float:
    """Return the weighted mean over the spaces that have a similarity; at least one has."""
    known = [(weight, one) for weight, one in zip(weights, similarities, strict=True) if one is not None]
    return round(sum(weight * one for weight, one in known) / sum(weight for weight, _ in known), 6)


def _merged(spaces: Sequence[Searched], nearest: Sequence[Sequence[Hit]]) -> list[Hit]:
    ids = {hit.id for hits in nearest for hit in hits}
    known = [_completed(space, hits, ids) for space, hits in zip(spaces, nearest, strict=True)]
    weights = [space.weight for space in spaces]
    merged = (Hit(one, mean_of([similarities.get(one) for similarities in known], weights)) for one in ids)
    return sorted(merged, key=lambda hit: (-hit.similarity, hit.id))


def _completed(space: Searched, hits: Sequence[Hit], ids: Collection[int]) -> dict[int, float]:
    seen = {hit.id: hit.similarity for hit in hits}
    missing = sorted(set(ids) - set(seen))
    return {**seen, **(space.similar(missing) if missing else {})}


def _best_unseen(spaces: Sequence[Searched], nearest: Sequence[Sequence[Hit]], asked: int) -> float:
    """Return the most that a case with a vector in the first space can have that no space has shown; -1: none is."""
    last = [hits[-1].similarity if len(hits) >= asked else None for hits in nearest]
    if last[0] is None:
        return -1.0
    return max(last[0], mean_of(last, [space.weight for space in spaces]))
