"""The memory for LangChain: as a retriever, and as langchain-community's FAISS class (extra `community`)."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.retrievers import BaseRetriever
from langchain_core.vectorstores import VectorStore
from pydantic import AwareDatetime, Field, FiniteFloat, TypeAdapter, ValidationError

from candlegraph.graph.schema.errors import ConfigError, MemoryStoreError
from candlegraph.graph.schema.experience import Experience
from candlegraph.graph.schema.lessons import Case
from candlegraph.memory.storage.vectors import unit
from candlegraph.memory.store import ExperienceMemory
from candlegraph.memory.transfer.files import stored_docs

SITUATION = TypeAdapter(tuple[FiniteFloat, ...])


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
    docs = stored_docs(memory.engine, namespace, with_retired=False)
    found = (Experience.model_validate_json(doc) for doc in docs)
    return [one for one in found if one.source.known_at < as_of and not one.forced]


def _faiss_class() -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # it says that it is archived; so does our extra
            return importlib.import_module("langchain_community.vectorstores").FAISS
    except ImportError as e:
        raise ConfigError(f"langchain-community is missing ({e}): pip install 'candlegraph[community]'") from e


class ExperienceRetriever(BaseRetriever):
    """Finds what was known before `as_of`; the query is a situation as a JSON list of numbers."""

    memory: ExperienceMemory
    namespaces: tuple[str, ...] = Field(min_length=1)
    as_of: AwareDatetime
    space: str = Field(min_length=1, description="name of the situation's scales, see tools/market/situation.py")
    k: int = Field(5, ge=1)
    threshold: float = Field(0.7, ge=0, le=1)

    def _get_relevant_documents(self, query: str, *, run_manager: CallbackManagerForRetrieverRun) -> list[Document]:
        """Return the most similar experiences, most similar first."""
        cases = self.memory.recall(
            situation_from(query),
            self.space,
            as_of=self.as_of,
            namespaces=self.namespaces,
            k=self.k,
            threshold=self.threshold,
        )
        known = ((case, self.memory.get(case.id)) for case in cases)
        return [document_of(one, case) for case, one in known if one is not None]


def situation_from(query: str) -> tuple[float, ...]:
    """Return the numbers of a query."""
    try:
        return SITUATION.validate_json(query)
    except ValidationError as e:
        raise MemoryStoreError(f"expected a situation, a JSON list of finite numbers, was {query[:60]!r}") from e


def document_of(experience: Experience, case: Case | None = None) -> Document:
    """Return the experience's words, and its facts beside them in plain JSON types."""
    source, scores = experience.source, experience.scores
    facts: dict[str, Any] = {
        "namespace": source.namespace,
        "kind": experience.kind,
        "key": experience.key,
        "pair": source.pair,
        "side": source.side,
        "regime": source.regime,
        "opened_at": source.opened_at.isoformat(),
        "known_at": source.known_at.isoformat(),
        "entry_price": source.entry_price,
        "duration_minutes": experience.duration_minutes,
        "profit_pct": experience.profit_pct,
        "score": scores and scores.total,
        "grade": scores and scores.grade,
        "reward": experience.reward,
        "lesson": experience.lesson,
    }
    found = {} if case is None else {"id": case.id, "similarity": case.similarity}
    return Document(page_content=experience.text, metadata=found | facts)
