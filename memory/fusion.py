"""One ranking from several spaces: the weighted mean of the similarities in those spaces that a case has a vector in.

nearest of each space -> what one found, compared in the others too -> weighted mean -> threshold -> `k`

Looked at are more and more of the nearest until no case that was not seen could still come in: unseen, it is at most
as similar as the last that was seen in each space. A case that the first space has no vector of is found only among
the nearest of the others.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple

from candlegraph.memory.index import Hit

FIRST, MOST = 256, 4096
"""How many of the nearest of each space are looked at, at first and at most."""


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
