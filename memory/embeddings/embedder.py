"""A text model behind one small contract: a name, and texts to unit vectors; no answer is believed unseen."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from candlegraph.graph.schema.errors import EmbeddingError
from candlegraph.memory.storage.vectors import Vectors, unit

Embed = Callable[[Sequence[str]], Sequence[ArrayLike]]
"""What a provider is: texts in, one row of numbers for each out; raises EmbeddingError."""


class Embedder:
    """A text model; `dimension` is known after its first answer, and holds from then on."""

    def __init__(self, name: str, ask: Embed) -> None:
        self.name, self._ask = name, ask
        self.dimension: int | None = None

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return one unit vector a text; raise EmbeddingError for anything else, so that nothing else is stored."""
        rows = self._ask(texts)
        if len(rows) != len(texts):
            raise EmbeddingError(f"{self.name}: expected {len(texts)} vectors, was {len(rows)}")
        vectors = [self._checked(row, text) for row, text in zip(rows, texts, strict=True)]
        return np.stack(vectors)

    def _checked(self, row: ArrayLike, text: str) -> Vectors:
        numbers = np.asarray(row, dtype=np.float64)
        if numbers.ndim != 1 or not numbers.size or self.dimension not in (None, numbers.size):
            raise EmbeddingError(
                f"{self.name}: expected {self.dimension or 'some'} numbers for a text, was {numbers.shape}; "
                "if the model was changed, restart, and run `candlegraph memory reembed`"
            )
        if not np.isfinite(numbers).all():
            raise EmbeddingError(f"{self.name}: the vector of {text!r} is not finite")
        vector = unit(numbers)
        if vector is None:
            raise EmbeddingError(f"{self.name}: the vector of {text!r} is all zero")
        self.dimension = vector.size
        return vector
