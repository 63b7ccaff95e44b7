"""A question to the memory: what the present is like, who asks and as of when, and the spaces that can answer."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, Table

from candlegraph.memory.embeddings.space import Scale
from candlegraph.memory.fusion import Searched, fused
from candlegraph.memory.index import Hit
from candlegraph.memory.mirror import Mirror
from candlegraph.memory.rows import vectors_by_id
from candlegraph.memory.tables import text_vectors, vectors
from candlegraph.memory.vectors import Vectors

COSINE = Scale()
"""Of situations: numbers on fixed scales, where 0 is unlike and 1 is alike."""


class Asked(NamedTuple):
    """The present in one space."""

    table: Table
    space: str
    vector: Vectors
    scale: Scale
    weight: float

    @property
    def is_text(self) -> bool:
        """Return whether this is the space of texts."""
        return self.table is text_vectors


class Filters(NamedTuple):
    """Which experiences may be found."""

    known_before: int
    where: Mapping[str, Collection[str]]


def situation_asked(space: str, vector: Vectors, weight: float) -> Asked:
    """Return the question to the numeric space."""
    return Asked(vectors, space, vector, COSINE, weight)


def text_asked(space: str, vector: Vectors, scale: Scale, weight: float) -> Asked:
    """Return the question to the text space."""
    return Asked(text_vectors, space, vector, scale, weight)


def search(
    mirror: Mirror, connection: Connection, asked: Sequence[Asked], filters: Filters, k: int, threshold: float
) -> tuple[Hit, ...]:
    """Return the `k` most similar experiences over all spaces asked; the mirror must have been refreshed."""
    return fused([_searched(mirror, connection, one, filters) for one in asked], k, threshold)


def _searched(mirror: Mirror, connection: Connection, one: Asked, filters: Filters) -> Searched:
    def nearest(count: int) -> list[Hit]:
        hits = mirror.search(one.space, one.vector, count, known_before=filters.known_before, where=filters.where)
        similarities = one.scale.similarities([hit.similarity for hit in hits])
        return [Hit(hit.id, similarity) for hit, similarity in zip(hits, similarities, strict=True)]

    def similar(ids: Collection[int]) -> dict[int, float]:
        found, rows = vectors_by_id(connection, one.table, one.space, one.vector.size, ids)
        return dict(zip(found, one.scale.similarities(rows @ one.vector), strict=True))

    return Searched(one.weight, nearest, similar)
