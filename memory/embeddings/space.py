"""The text space of one model: which vectors belong to it, how their cosines are read, and when it cannot be had.

texts -> RAM -> cache in the database -> the model, after its probes have shown which model it is
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from sqlalchemy import Engine

from candlegraph.graph.errors import EmbeddingError
from candlegraph.graph.experience_settings import Embedding
from candlegraph.memory.embeddings.cache import cached, forget, keep
from candlegraph.memory.embeddings.embedder import Embedder
from candlegraph.memory.embeddings.probes import PROBES, is_same_model, unlike_cosine
from candlegraph.memory.embeddings.wording import VERSION
from candlegraph.memory.vectors import Vectors, packed, unpacked

logger = logging.getLogger(__name__)

REST_SECONDS = 60.0
"""So long nothing is asked after a model could not be reached: a candle must not wait for it pair after pair."""


class Scale(NamedTuple):
    """How cosines of a space are read."""

    unlike: float = 0.0
    alike: float = 1.0

    def similarities(self, cosines: ArrayLike) -> list[float]:
        """Return 0 for unlike, 1 for alike, linear between; rounded, so that two machines agree."""
        between = (np.asarray(cosines, dtype=np.float64) - self.unlike) / (self.alike - self.unlike)
        found: list[float] = np.round(np.clip(between, 0.0, 1.0), 6).tolist()
        return found


class TextSpace:
    """Texts as unit vectors of one model; safe for many threads."""

    def __init__(
        self, engine: Engine, embedder: Embedder, settings: Embedding, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.model = f"{VERSION}:{embedder.name}"
        """Words, provider and model; the name of a space adds the dimension."""
        self._engine, self._embedder, self._settings, self._clock = engine, embedder, settings, clock
        self._scale: Scale | None = None
        self._is_probed = False
        self._vectors: dict[str, Vectors] = {}
        self._rests_until, self._why = 0.0, ""
        self._asking = threading.Lock()

    def name_of(self, vector: Vectors) -> str:
        """Return the space that a vector of this model belongs to; vectors of two spaces never meet."""
        return f"{self.model}:{vector.size}"

    def open(self) -> tuple[str, Scale]:
        """Return name and scale: shown by the model once a process, else by the cache; raise EmbeddingError."""
        with self._asking:
            if self._scale is None:
                self._open()
            assert self._scale is not None
            return self.name_of(self._vectors[PROBES[0]]), self._scale

    def vectors_of(self, texts: Collection[str]) -> dict[str, Vectors]:
        """Return the vector of each text; raise EmbeddingError."""
        self.open()
        with self._asking:
            if missing := [text for text in dict.fromkeys(texts) if text not in self._vectors]:
                self._vectors |= cached(self._engine, self.model, missing)
            if missing := [text for text in missing if text not in self._vectors]:
                self._ask(missing)
            return {text: self._vectors[text] for text in texts}

    def _open(self) -> None:
        before = cached(self._engine, self.model, PROBES)
        try:
            self._probe(before)
        except EmbeddingError as e:
            if not e.is_down or len(before) < len(PROBES):
                raise
            self._start_from(before)

    def _ask(self, texts: Sequence[str]) -> None:
        if not self._is_probed:
            self._probe(cached(self._engine, self.model, PROBES))
        found = self._request(texts)
        keep(self._engine, self.model, found)
        self._vectors |= found

    def _probe(self, before: Mapping[str, Vectors]) -> None:
        """Ask the model itself once a process, so that another one behind the same name is not taken for it."""
        try:
            self._accept(before, self._request(PROBES))
        except EmbeddingError as e:
            raise e if e.is_down else self._resting(str(e)) from e
        self._is_probed = True

    def _accept(self, before: Mapping[str, Vectors], now: Mapping[str, Vectors]) -> None:
        if before and (was := _dimension(before)) != (given := _dimension(now)):
            logger.warning(
                "%s: the dimension changed from %d to %d; run `candlegraph memory reembed`", self.model, was, given
            )
            forget(self._engine, self.model)
        elif not is_same_model(before, now):
            raise EmbeddingError(
                f"{self.model}: another model answers behind this name, and vectors of two models never meet; "
                "name it otherwise in experience_config.rag_config.embedding.model, then `candlegraph memory reembed`"
            )
        keep(self._engine, self.model, now)
        self._start_from(cached(self._engine, self.model, PROBES))

    def _start_from(self, probes: Mapping[str, Vectors]) -> None:
        unlike = self._settings.unlike_cosine
        self._scale = Scale(unlike_cosine(probes) if unlike is None else unlike, self._settings.alike_cosine)
        self._vectors = dict(probes)

    def _request(self, texts: Sequence[str]) -> dict[str, Vectors]:
        if self._clock() < self._rests_until:
            raise EmbeddingError(self._why, is_down=True)
        size = self._settings.batch_size
        found: dict[str, Vectors] = {}
        try:
            for start in range(0, len(texts), size):
                batch = texts[start : start + size]
                found |= dict(zip(batch, map(_as_stored, self._embedder.embed(batch)), strict=True))
        except EmbeddingError as e:
            raise self._resting(str(e)) if e.is_down else e from e
        return found

    def _resting(self, why: str) -> EmbeddingError:
        logger.warning("no new text is embedded for %.0f seconds: %s", REST_SECONDS, why)
        self._rests_until, self._why = self._clock() + REST_SECONDS, why
        return EmbeddingError(why, is_down=True)


def _as_stored(vector: Vectors) -> Vectors:
    """Return the vector as the database gives it back, so that a cached answer is the same as a fresh one."""
    stored: Vectors = unpacked([packed(vector)], vector.size)[0]
    return stored


def _dimension(vectors: Mapping[str, Vectors]) -> int:
    return int(next(iter(vectors.values())).size)
