"""The text space of one model: its vectors and what they cost once, how cosines are read, if it is the same."""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from statistics import fmean

import numpy as np
from sqlalchemy import Engine, delete, insert, select

from candlegraph.graph.schema.errors import EmbeddingError
from candlegraph.graph.schema.scene import Scene
from candlegraph.graph.settings.experience import Embedding
from candlegraph.memory.embeddings.embedder import Embedder
from candlegraph.memory.embeddings.wording import VERSION, SituationWords, words_of
from candlegraph.memory.index.search import Calibration
from candlegraph.memory.learning.setups import Setup
from candlegraph.memory.storage.database import reading, writing
from candlegraph.memory.storage.tables import embedding_cache as cache
from candlegraph.memory.storage.vectors import Vectors, packed, unit, unpacked

logger = logging.getLogger(__name__)

REST_SECONDS = 60.0
"""So long nothing is asked after a model could not be reached: a candle must not wait for it pair after pair."""

SETUPS = (
    (Setup("long", "trend_up", "strong", "70-100", "wild"), Setup("long", "trend_down", "weak", "0-30", "calm")),
    (Setup("long", "trend_up", "strong", "70-100", "calm"), Setup("long", "trend_down", "weak", "0-30", "wild")),
    (Setup("long", "trend_up", "weak", "70-100", "wild"), Setup("long", "trend_down", "strong", "0-30", "calm")),
    (Setup("long", "trend_up", "weak", "70-100", "calm"), Setup("long", "trend_down", "strong", "0-30", "wild")),
)
UP, DOWN = Scene(alignment=4, timeframes=4, touched="support"), Scene(alignment=-4, timeframes=4, touched="resistance")
SAID = (
    "Pull-back to the average in the direction of the trend.",
    "Half of the best profit was given back; take some early.",
)
QUESTIONS = tuple(words_of(one, UP) for one, _ in SETUPS)
SAME = tuple(words_of(one, UP, *SAID) for one, _ in SETUPS)
OPPOSITE = tuple(words_of(other, DOWN, *SAID) for _, other in SETUPS)
PROBES = tuple(dict.fromkeys(text for words in (*SAME, *OPPOSITE) for text in words.texts))
KEPT = 4096
"""Texts in RAM at most; the others are in the table."""
SAME_MODEL = 0.98
"""Least cosine of a model's answers to one text: rounding and another machine keep it above 0.999."""
TOLD_APART = 0.01
"""A model whose cosine of the same situation is not that much above the opposite's tells nothing apart."""


class TextSpace:
    """Texts as unit vectors of one model; safe for many threads."""

    def __init__(
        self, engine: Engine, embedder: Embedder, settings: Embedding, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.model = f"{VERSION}:{embedder.name}"
        """Words, provider and model; the name of a space adds the dimension."""
        self._engine, self._embedder, self._settings, self._clock = engine, embedder, settings, clock
        self._scale: Calibration | None = None
        self._is_probed = False
        self._vectors: dict[str, Vectors] = {}
        self._rests_until, self._why = 0.0, ""
        self._asking = threading.Lock()

    def name_of(self, vector: Vectors) -> str:
        """Return the space that a vector of this model belongs to; vectors of two spaces never meet."""
        return f"{self.model}:{vector.size}"

    def open(self) -> tuple[str, Calibration]:
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
            found = {text: self._vectors[text] for text in texts}
            if len(self._vectors) > KEPT:
                self._vectors = {text: self._vectors[text] for text in PROBES}
            return found

    def vector_of(self, words: SituationWords) -> Vectors:
        """Return the vector of what is known in words; raise EmbeddingError."""
        return combined(words, self.vectors_of(words.texts))

    def scale_of(self, words: SituationWords) -> Calibration:
        """Return how cosines with some words are read: of more than a bare set-up only the very same is alike."""
        _, scale = self.open()
        return scale if words == SituationWords(words.setup) else Calibration(scale.unlike, 1.0)

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
        self._scale = scale_of(probes, self._settings)
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


def hash_of(text: str) -> str:
    """Return the name of a text."""
    return hashlib.sha256(text.encode()).hexdigest()


def cached(engine: Engine, model: str, texts: Collection[str]) -> dict[str, Vectors]:
    """Return the vectors that are there."""
    names = {hash_of(text): text for text in texts}
    ours = (cache.c.model == model) & cache.c.text_hash.in_(names)
    with reading(engine) as connection:
        rows = connection.execute(select(cache.c.text_hash, cache.c.dimension, cache.c.vector).where(ours)).all()
    return {names[row.text_hash]: unpacked([row.vector], row.dimension)[0] for row in rows}


def keep(engine: Engine, model: str, vectors: Mapping[str, Vectors]) -> None:
    """Store vectors; one that another process stored meanwhile is left as it is."""
    with writing(engine, "embeddings") as (connection, _):
        names = {hash_of(text): vector for text, vector in vectors.items()}
        ours = (cache.c.model == model) & cache.c.text_hash.in_(names)
        there = set(connection.scalars(select(cache.c.text_hash).where(ours)))
        new = [
            {"model": model, "text_hash": name, "dimension": vector.size, "vector": packed(vector)}
            for name, vector in names.items()
            if name not in there
        ]
        if new:
            connection.execute(insert(cache), new)


def forget(engine: Engine, model: str) -> None:
    """Delete what is kept of a model: it answers otherwise now."""
    with writing(engine, "embeddings") as (connection, _):
        connection.execute(delete(cache).where(cache.c.model == model))


def scale_of(vectors: Mapping[str, Vectors], settings: Embedding) -> Calibration:
    """Return how cosines of a model are read, by its own probes where the settings leave it open.

    Alike is a bare question and what was said of a trade in the very same situation, unlike the same words of a trade
    in the opposite one. Raise EmbeddingError where the model hardly tells them apart.
    """
    alike, unlike = settings.alike_cosine, settings.unlike_cosine
    alike = mean_cosine(vectors, SAME) if alike is None else alike
    unlike = max(0.0, mean_cosine(vectors, OPPOSITE)) if unlike is None else unlike
    if alike - unlike < TOLD_APART:
        raise EmbeddingError(
            f"the model reads opposite situations as the same (cosines {unlike:.3f} and {alike:.3f}); take another"
        )
    return Calibration(unlike, alike)


def mean_cosine(vectors: Mapping[str, Vectors], answers: Sequence[SituationWords]) -> float:
    """Return the mean cosine of the questions and their answers."""
    pairs = ((combined(one, vectors), combined(two, vectors)) for one, two in zip(QUESTIONS, answers, strict=True))
    return fmean(float(np.dot(one, two)) for one, two in pairs)


def combined(words: SituationWords, vectors: Mapping[str, Vectors]) -> Vectors:
    """Return the unit vector of some words from the unit vectors of their parts."""
    total = unit(np.sum([weight * vectors[text] for text, weight in words.parts], axis=0))
    if total is None:
        raise EmbeddingError(f"the parts of {words.setup!r} cancel each other out")
    return total


def is_same_model(before: Mapping[str, Vectors], now: Mapping[str, Vectors]) -> bool:
    """Return whether the probes that both have were answered alike."""
    return all(float(np.dot(before[text], now[text])) >= SAME_MODEL for text in PROBES if text in before)
