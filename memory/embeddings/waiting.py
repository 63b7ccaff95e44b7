"""Experiences that have no vector of the present text model: which they are, and giving them one.

rows without a vector -> their words -> the model -> vectors in one transaction; what it refuses waits, twice as long
each time

An experience waits because it has no vector, not because a list says so: nothing that kills the process can lose it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import numpy as np
from sqlalchemy import ColumnElement, Connection, Engine, delete, exists, func, insert, select

from candlegraph.graph.schema.errors import EmbeddingError
from candlegraph.graph.schema.market import Frozen
from candlegraph.memory.embeddings.space import TextSpace, combined
from candlegraph.memory.embeddings.wording import SituationWords, words_of_experience
from candlegraph.memory.storage.database import reading, writing
from candlegraph.memory.storage.rows import experiences_by_id, is_retired, micros
from candlegraph.memory.storage.tables import embedding_refusals as refusals
from candlegraph.memory.storage.tables import experiences, text_vectors
from candlegraph.memory.storage.vectors import Vectors, packed

FIRST_WAIT, LONGEST_WAIT = timedelta(minutes=1), timedelta(days=1)
NEVER = 2**62
"""Microseconds; of an experience without words."""
PROBLEM_LENGTH = 400
VectorOrProblem = Vectors | EmbeddingError | None
"""Of one experience; None: it has no words."""


class Embedded(Frozen):
    """What one step did."""

    looked_at: int = 0
    stored: int = 0
    refused: int = 0
    without_words: int = 0
    problem: str | None = None


def embed_waiting(engine: Engine, space: TextSpace, limit: int, *, now: datetime, namespace: str | None) -> Embedded:
    """Give at most `limit` waiting experiences their vector, the newest first; a model that is down is a `problem`."""
    try:
        name, _ = space.open()
        words = _due(engine, space, name, limit, now, namespace)
        outcomes = _outcomes(space, words)
    except EmbeddingError as e:
        return Embedded(problem=str(e))
    return _stored(engine, space, outcomes, now) if outcomes else Embedded()


def count_waiting(connection: Connection, model: str, own: ColumnElement[bool]) -> int:
    """Return how many of `own` may have words, and have no vector of the model in its present dimension."""
    theirs = text_vectors.c.space.startswith(f"{model}:", autoescape=True)
    newest = select(text_vectors.c.space).where(theirs).order_by(text_vectors.c.revision.desc()).limit(1)
    present = text_vectors.c.space == connection.scalar(newest)
    never = _refused(model, refusals.c.not_before == NEVER)
    where = own, _may_have_words(None), ~_embedded(present), ~never
    query = select(func.count()).select_from(experiences).where(*where)
    return connection.execute(query).scalar_one()


def try_again(engine: Engine, model: str, namespace: str | None) -> None:
    """Forget what was refused, so that it is tried at once."""
    ours = select(experiences.c.id).where(_may_have_words(namespace))
    refused = (refusals.c.model == model) & (refusals.c.not_before < NEVER) & refusals.c.experience_id.in_(ours)
    with writing(engine, "embeddings") as (connection, _):
        connection.execute(delete(refusals).where(refused))


def _due(
    engine: Engine, space: TextSpace, name: str, limit: int, now: datetime, namespace: str | None
) -> dict[int, SituationWords | None]:
    later = _refused(space.model, refusals.c.not_before > micros(now))
    where = _may_have_words(namespace), ~_embedded(text_vectors.c.space == name), ~later
    query = select(experiences.c.id).where(*where).order_by(experiences.c.id.desc()).limit(limit)
    with reading(engine) as connection:
        found = experiences_by_id(connection, connection.scalars(query).all())
    return {row_id: words_of_experience(found[row_id]) for row_id in sorted(found, reverse=True)}


def _may_have_words(namespace: str | None) -> ColumnElement[bool]:
    ours = (experiences.c.kind == "trade") & ~experiences.c.forced & ~is_retired()
    return ours if namespace is None else ours & (experiences.c.namespace == namespace)


def _embedded(which: ColumnElement[bool]) -> ColumnElement[bool]:
    return exists().where(text_vectors.c.experience_id == experiences.c.id, which)


def _refused(model: str, which: ColumnElement[bool]) -> ColumnElement[bool]:
    return exists().where(refusals.c.experience_id == experiences.c.id, refusals.c.model == model, which)


def _outcomes(space: TextSpace, words: Mapping[int, SituationWords | None]) -> dict[int, VectorOrProblem]:
    texts = dict.fromkeys(text for one in words.values() if one is not None for text in one.texts)
    answers = _answers(space, list(texts))
    return {row_id: None if one is None else _outcome(one, answers) for row_id, one in words.items()}


def _outcome(words: SituationWords, answers: Mapping[str, Vectors | EmbeddingError]) -> Vectors | EmbeddingError:
    """Return the vector of some words; where a part was refused there is none."""
    vectors: dict[str, Vectors] = {}
    for text in words.texts:
        answer = answers[text]
        if isinstance(answer, EmbeddingError):
            return answer
        vectors[text] = answer
    return combined(words, vectors)


def _answers(space: TextSpace, texts: Sequence[str]) -> dict[str, Vectors | EmbeddingError]:
    """Return a vector or a refusal for each text; one that is refused must not keep its neighbours waiting."""
    try:
        return {**space.vectors_of(texts)}
    except EmbeddingError as e:
        if e.is_down:
            raise
        if len(texts) == 1:
            return {texts[0]: e}
    return {text: answer for one in texts for text, answer in _answers(space, [one]).items()}


def _stored(engine: Engine, space: TextSpace, outcomes: Mapping[int, VectorOrProblem], now: datetime) -> Embedded:
    with writing(engine, "embeddings") as (connection, revision):
        there = set(connection.scalars(select(experiences.c.id).where(experiences.c.id.in_(outcomes))))
        kept = {row_id: outcome for row_id, outcome in outcomes.items() if row_id in there}  # not removed meanwhile
        vectors = {row_id: one for row_id, one in kept.items() if isinstance(one, np.ndarray)}
        refused = {row_id: one for row_id, one in kept.items() if isinstance(one, EmbeddingError)}
        without = [row_id for row_id, one in kept.items() if one is None]
        stored = _insert(connection, revision, space, vectors)
        for row_id, why in refused.items():
            _refuse(connection, row_id, space.model, micros(now), str(why))
        for row_id in without:
            _refuse(connection, row_id, space.model, NEVER, "it has no words")
    return Embedded(looked_at=len(outcomes), stored=stored, refused=len(refused), without_words=len(without))


def _insert(connection: Connection, revision: int, space: TextSpace, vectors: Mapping[int, Vectors]) -> int:
    """Store vectors; one that another process stored meanwhile is left as it is."""
    query = select(text_vectors.c.experience_id, text_vectors.c.space)
    found = connection.execute(query.where(text_vectors.c.experience_id.in_(vectors)))
    there = {(row.experience_id, row.space) for row in found}
    rows = [
        {"experience_id": row_id, "space": name, "dimension": vector.size, "vector": packed(vector)}
        for row_id, vector in vectors.items()
        if (row_id, name := space.name_of(vector)) not in there
    ]
    if rows:
        connection.execute(insert(text_vectors).values(revision=revision), rows)
    ours = (refusals.c.model == space.model) & refusals.c.experience_id.in_(vectors)
    connection.execute(delete(refusals).where(ours))
    return len(rows)


def _refuse(connection: Connection, row_id: int, model: str, at: int, problem: str) -> None:
    ours = (refusals.c.experience_id == row_id) & (refusals.c.model == model)
    tries = connection.scalar(select(refusals.c.tries).where(ours)) or 0
    wait = min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(tries, 20)) // timedelta(microseconds=1)
    row = {
        "experience_id": row_id,
        "model": model,
        "tries": tries + 1,
        "problem": problem.replace("\0", "")[:PROBLEM_LENGTH],
    }
    connection.execute(delete(refusals).where(ours))
    connection.execute(insert(refusals).values(row | {"not_before": NEVER if at == NEVER else at + wait}))
