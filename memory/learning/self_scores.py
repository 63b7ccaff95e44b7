"""The scores that a model gives its own trades at their exits, against the evaluator's."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from candlegraph.graph.schema.lessons import SelfScores
from candlegraph.memory.learning.outline import Outline

NEWEST = 20
"""Of so many of its newest scores a model is told."""
LEAST = 10
"""Of fewer it is told nothing."""
LEAST_RANKED = 3


def self_scores_of(trades: Iterable[Outline]) -> SelfScores | None:
    """Return how far off the self-scores are; None where no trade has one."""
    pairs = [(one.self_score, one.score) for one in trades if one.self_score is not None]
    if not pairs:
        return None
    bias = fmean(own - ours for own, ours in pairs)
    return SelfScores(trades=len(pairs), bias=bias, rank_correlation=rank_correlation(pairs))


def told_to_model(newest_first: Iterable[Outline], model: str) -> SelfScores | None:
    """Return how far off the newest scores of this model are; None before it has given enough of them."""
    scored = (one for one in newest_first if one.model == model and one.self_score is not None)
    own = list(islice(scored, NEWEST))
    return self_scores_of(own) if len(own) >= LEAST else None


def rank_correlation(pairs: Sequence[tuple[float, float]]) -> float | None:
    """Return Spearman's rho, equal values sharing their rank; None where it has no meaning."""
    own, ours = (_ranks(values) for values in zip(*pairs, strict=True))
    if len(pairs) < LEAST_RANKED or np.ptp(own) == 0 or np.ptp(ours) == 0:
        return None
    return float(np.corrcoef(own, ours)[0, 1])


def _ranks(values: Sequence[float]) -> NDArray[np.float64]:
    _, place, counts = np.unique(np.asarray(values), return_inverse=True, return_counts=True)
    middle: NDArray[np.float64] = np.cumsum(counts) - (counts - 1) / 2
    return middle[place]
