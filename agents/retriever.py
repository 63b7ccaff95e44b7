"""Retriever: find similar past situations, as of this candle's close."""

from __future__ import annotations

from typing import Any

from langgraph.runtime import Runtime

from candlegraph.graph.context import Context
from candlegraph.graph.state import CandleState, Lessons
from candlegraph.memory.recall import summary_of
from candlegraph.tools.market.situation import space_of

LOOKED_AT = 3
"""Cases looked at for each trade that the summary needs: recorded decisions are among them, at most one a trade."""


def retriever(state: CandleState, runtime: Runtime[Context]) -> dict[str, Any]:
    """Recall the cases; the summary comes once enough of them are there to mean something."""
    context = runtime.context or Context()
    if state.situation is None or state.facts is None or state.snapshot is None:
        return {"lessons": Lessons(unavailable="a component of the situation is unavailable")}
    config = context.settings.experience_config
    cases = context.memory.recall(
        state.situation,
        space_of(state.facts),
        as_of=state.snapshot.as_of,
        namespaces=context.namespaces,
        k=max(config.rag_config.vector_store.top_k, LOOKED_AT * config.min_trades_for_learning),
        threshold=config.rag_config.vector_store.similarity_threshold,
    )
    shown = cases[: config.rag_config.vector_store.top_k]
    enough = sum(case.kind == "trade" for case in cases) >= config.min_trades_for_learning
    return {"lessons": Lessons(cases=shown, summary=summary_of(cases) if enough else None)}
