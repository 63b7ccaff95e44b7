"""The memory as a LangChain retriever, so that other graphs and chains may ask it."""

from __future__ import annotations

from typing import Any

from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from pydantic import AwareDatetime, Field, FiniteFloat, TypeAdapter, ValidationError

from candlegraph.graph.errors import MemoryStoreError
from candlegraph.graph.state import Case
from candlegraph.memory.experience import Experience
from candlegraph.memory.store import ExperienceMemory

SITUATION = TypeAdapter(tuple[FiniteFloat, ...])


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
