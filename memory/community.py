"""Export to langchain-community's FAISS class, for tools that expect one (extra `community`).

That class saves its texts as a pickle, and loading a pickle runs whatever its author wrote into it. So the way is
out only: nothing of ours reads an `index.pkl`, and the database stays the truth.
"""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from langchain_core.embeddings import Embeddings
from langchain_core.vectorstores import VectorStore

from candlegraph.graph.errors import ConfigError, MemoryStoreError
from candlegraph.memory.experience import Experience
from candlegraph.memory.retriever import document_of, situation_from
from candlegraph.memory.store import ExperienceMemory
from candlegraph.memory.transfer import stored_docs
from candlegraph.memory.vectors import unit


class SituationEmbeddings(Embeddings):
    """Reads a query as a situation, a JSON list of numbers, since the vectors are situations and not texts."""

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Return each situation as a unit vector."""
        return [self.embed_query(text) for text in texts]

    def embed_query(self, text: str) -> list[float]:
        """Return the situation as a unit vector."""
        return unit_of(situation_from(text))


def community_faiss(memory: ExperienceMemory, namespace: str, space: str, *, as_of: datetime) -> VectorStore:
    """Return what the namespace knew before `as_of` in one space, as a FAISS store of langchain-community."""
    documents, facts = list[tuple[str, list[float]]](), list[dict[str, object]]()
    for experience in _known(memory, namespace, as_of):
        source = experience.source
        if source.situation is not None and source.space == space and any(source.situation):
            document = document_of(experience)
            documents.append((document.page_content, unit_of(source.situation)))
            facts.append(document.metadata)
    if not documents:
        raise MemoryStoreError(f"{namespace!r} knew nothing in the space {space!r} before {as_of:%Y-%m-%d %H:%M}")
    store: VectorStore = _faiss_class().from_embeddings(documents, SituationEmbeddings(), facts)
    return store


def unit_of(situation: Sequence[float]) -> list[float]:
    """Return the direction of the situation; raise MemoryStoreError where it has none."""
    vector = unit(situation)
    if vector is None:
        raise MemoryStoreError("a situation of zeros is like nothing")
    return [float(part) for part in vector]


def _known(memory: ExperienceMemory, namespace: str, as_of: datetime) -> list[Experience]:
    found = (Experience.model_validate_json(doc) for doc in stored_docs(memory.engine, namespace))
    return [one for one in found if one.source.known_at < as_of and not one.forced]


def _faiss_class() -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # it says that it is archived; so does our extra
            return importlib.import_module("langchain_community.vectorstores").FAISS
    except ImportError as e:
        raise ConfigError(f"langchain-community is missing ({e}): pip install 'candlegraph[community]'") from e
