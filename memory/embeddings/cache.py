"""Vectors of texts that were asked for before, in the database: a text is paid once, and is there with no network."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping

from sqlalchemy import Engine, delete, insert, select

from candlegraph.memory.database import reading, writing
from candlegraph.memory.tables import embedding_cache as cache
from candlegraph.memory.vectors import Vectors, packed, unpacked


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
