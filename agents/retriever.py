"""Retriever: find similar past situations, as of this candle's close, and say what is learnt from all trades.

situation -> similar cases -> the ones to show, by rank; all cases -> summary; all closed trades -> guidance
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from langgraph.runtime import Runtime

from candlegraph.graph.context import Context
from candlegraph.graph.schema.errors import EmbeddingError, MemoryStoreError
from candlegraph.graph.schema.facts import Facts
from candlegraph.graph.schema.lessons import Case, Lessons
from candlegraph.graph.state import CandleState
from candlegraph.memory.embeddings.wording import words_of_facts
from candlegraph.memory.learning.patterns import guidance_of, with_patterns
from candlegraph.memory.learning.ranking import Candidate, ranked, summary_of
from candlegraph.tools.market.situation import space_of

logger = logging.getLogger(__name__)

LOOKED_AT = 40
"""Most similar cases that the summary counts, and that places are given from; four for each place if that is more."""


async def retriever(state: CandleState, runtime: Runtime[Context]) -> dict[str, Any]:
    """Recall the cases that may be shown; a backtest reads its own file at once, all else may wait in a thread."""
    context = runtime.context or Context()
    if context.is_backtest and context.memory.is_local:
        return recalled(state, context)
    return await asyncio.to_thread(recalled, state, context)


def recalled(state: CandleState, context: Context) -> dict[str, Any]:
    """Return the lessons; summary and guidance come once enough trades were closed."""
    if not context.settings.experience_config.use_experience:
        return {"lessons": Lessons(unavailable="experience_config.use_experience is off")}
    if state.situation is None or state.facts is None or state.snapshot is None:
        return {"lessons": Lessons(unavailable="a component of the situation is unavailable")}
    as_of = state.snapshot.as_of
    try:
        cases = similar(context, state.situation, state.facts, as_of)
        return {"lessons": lessons_of(context, cases, state.facts, as_of)}
    except (EmbeddingError, MemoryStoreError) as e:
        if context.is_backtest:  # a run must not differ because a memory was away
            raise
        logger.error("%s: decided without memory: %s", state.snapshot.pair, e)
        return {"lessons": Lessons(unavailable="the memory could not be read")}


def similar(context: Context, situation: Sequence[float], facts: Facts, as_of: datetime) -> tuple[Case, ...]:
    """Return the similar cases known before `as_of`, more of them than are shown."""
    rag = context.settings.experience_config.rag_config
    return context.memory.recall(
        situation,
        space_of(facts),
        as_of=as_of,
        namespaces=context.namespaces,
        k=max(LOOKED_AT, 4 * rag.vector_store.top_k),
        threshold=rag.vector_store.similarity_threshold,
        words=words_of_facts(facts),
        weights=rag.spaces,
        is_strict=context.is_backtest,
    )


def lessons_of(context: Context, cases: Sequence[Case], facts: Facts, as_of: datetime) -> Lessons:
    """Return the cases to show, and what they and all trades say."""
    config = context.settings.experience_config
    reader = context.memory.outlines(context.namespaces)
    guidance = reader.asked(
        as_of,
        lambda counts: guidance_of(counts, facts, rules=config.reward, needed=config.min_trades_for_learning),
    )
    known = zip(cases, reader.of([case.id for case in cases]), strict=True)
    candidates = [Candidate(case, outline) for case, outline in known if outline is not None]
    shown = ranked(
        candidates,
        as_of=as_of,
        places=config.rag_config.vector_store.top_k,
        rules=config.rag_config.ranking,
        mode=config.reward.mode,
    )
    enough = guidance.trades >= guidance.needed
    summary = with_patterns(summary_of(cases), guidance) if enough else None
    return Lessons(cases=shown, summary=summary, guidance=guidance)
