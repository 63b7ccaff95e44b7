"""The models: one real function call of the deciding one and its price; one vector of the embedding one."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import select

from candlegraph.freqtrade_bridge.commands.doctor.diagnosis import Diagnosis, Patient, fail, ok, warn
from candlegraph.freqtrade_bridge.commands.model_check import asked_once
from candlegraph.graph.schema.errors import ConfigError, EmbeddingError, ModelError
from candlegraph.graph.settings.places import DATABASE
from candlegraph.memory.embeddings.opening import open_embedder
from candlegraph.memory.embeddings.wording import VERSION
from candlegraph.memory.storage.database import open_engine, reading
from candlegraph.memory.storage.tables import embedding_cache

SLOW = 0.5
"""Share of the deadline from which on a first call is worth a look."""


def model(patient: Patient) -> Iterator[Diagnosis]:
    """Yield whether it answers with a function call, how fast, and what it costs."""
    llm = patient.settings.llm_config
    first = llm.models_of("decision")[0]
    if llm.mode == "replay" or (first.is_free and first.provider != "local"):
        yield ok("model", "a replay asks nobody" if llm.mode == "replay" else "none: a fixed rule decides")
        return
    try:
        answer = asked_once(patient.settings)
    except (ModelError, ConfigError) as e:
        yield fail("model", f"{first.model}: {e}".replace("\n", " "), "`candlegraph check -c … --model` asks it alone")
        return
    told = f"{first.model}: {answer.told}"
    if answer.seconds > SLOW * llm.decision.deadline_seconds:
        yield warn("model", told, f"the deadline of a decision is {llm.decision.deadline_seconds:g} s")
    else:
        yield ok("model", told)
    yield _price(patient)


def _price(patient: Patient) -> Diagnosis:
    llm = patient.settings.llm_config
    paid = [one.model for one in llm.models_of("decision") if not one.is_free]
    if not paid:
        return ok("price", "none: it runs here")
    if unknown := [name for name in dict.fromkeys(paid) if name not in llm.prices]:
        return warn("price", f"unknown of {', '.join(unknown)}: no budget can hold it", "llm_config.prices")
    if llm.budget.daily_cost is None:
        return warn("price", "known, but nothing limits what a day costs", "llm_config.budget.daily_cost")
    return ok("price", f"at most {llm.budget.daily_cost:g} a day")


def embedding(patient: Patient) -> Iterator[Diagnosis]:
    """Yield whether the text model answers, and whether its vectors fit those that are stored."""
    try:
        embedder = open_embedder(patient.settings.experience_config.rag_config.embedding)
        if embedder is None:
            yield ok("embedding", "none: situations alone are compared")
            return
        embedder.embed(["candlegraph doctor"])
    except (EmbeddingError, ConfigError) as e:
        yield fail("embedding", str(e).replace("\n", " "), "without it the bot goes on, and finds fewer similar trades")
        return
    stored, now = _stored_dimensions(patient, f"{VERSION}:{embedder.name}"), embedder.dimension
    if stored - {now}:
        was = ", ".join(map(str, sorted(stored - {now})))
        what = f"{embedder.name}: dimension {now}, stored vectors have {was}"
        yield fail("embedding", what, "`candlegraph memory reembed`, or name the former model")
    else:
        yield ok("embedding", f"{embedder.name}: dimension {now}")


def _stored_dimensions(patient: Patient, name: str) -> set[int]:
    database = patient.userdir / DATABASE
    if not database.is_file():
        return set()
    query = select(embedding_cache.c.dimension).where(embedding_cache.c.model == name).distinct()
    with reading(open_engine(database)) as connection:
        return set(connection.scalars(query))
