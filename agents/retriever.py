"""Retriever: find similar past situations, as of this candle's close, and say what is learnt from all trades.

situation -> similar trades -> the ones to show, by share; all of them -> summary; all closed trades -> guidance
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from langgraph.runtime import Runtime

from candlegraph.graph.context import Context
from candlegraph.graph.schema.errors import EmbeddingError, MemoryStoreError
from candlegraph.graph.schema.facts import Facts
from candlegraph.graph.schema.lessons import Kind, Lessons
from candlegraph.graph.schema.market import MarketSnapshot, Side
from candlegraph.graph.state import CandleState
from candlegraph.memory.cases import SIDES, Question, cases_of, similar_trades
from candlegraph.memory.embeddings.wording import SituationWords, words_now
from candlegraph.memory.learning.outline import TradeId
from candlegraph.memory.learning.patterns import guidance_of, with_patterns
from candlegraph.memory.learning.ranking import drawn, placed, summary_of
from candlegraph.memory.learning.self_scores import told_to_model
from candlegraph.memory.storage.rows import micros
from candlegraph.memory.store import RECALLED
from candlegraph.tools.market.scene import scene_of
from candlegraph.tools.market.situation import space_of

logger = logging.getLogger(__name__)

LOOKED_AT = 40
"""Most similar trades that the summary counts, and that places are given from; four for each place if that is more."""
ENTRIES: tuple[Kind, ...] = ("trade",)


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
    if (then := context.recalled_then(state.facts)) is not None:
        return {"lessons": then}
    try:
        return {"lessons": lessons_of(context, question_of(context, state), state.facts)}
    except (EmbeddingError, MemoryStoreError) as e:
        if context.is_backtest:  # a run must not differ because a memory was away
            raise
        logger.error("%s: decided without memory: %s", state.snapshot.pair, e)
        return {"lessons": Lessons(unavailable="the memory could not be read")}


def question_of(context: Context, state: CandleState) -> Question:
    """Return what the memory is asked: flat how entries in such a market ended, in a position also how holding did."""
    assert state.situation is not None and state.facts is not None and state.snapshot is not None, "see above"
    rag, snapshot = context.settings.experience_config.rag_config, state.snapshot
    return Question(
        situation=state.situation,
        space=space_of(state.facts),
        as_of=snapshot.as_of,
        namespaces=context.namespaces,
        kinds=ENTRIES if snapshot.position is None else RECALLED,
        threshold=rag.vector_store.similarity_threshold,
        words=words_now_of(state.snapshot, state.facts) if context.memory.has_texts else {},
        weights=rag.spaces,
        is_strict=context.is_backtest,
        without=open_trade(context, snapshot),
    )


def words_now_of(snapshot: MarketSnapshot, facts: Facts) -> dict[Side, SituationWords]:
    """Return the present set-up in words, as an entry of either side would have it."""
    scene = scene_of(snapshot, facts)
    return {side: words_now(facts, scene, side) for side in SIDES}


def open_trade(context: Context, snapshot: MarketSnapshot) -> TradeId | None:
    """Return which trade is open."""
    if snapshot.position is None:
        return None
    return TradeId(context.namespace, snapshot.pair, micros(snapshot.position.opened_at))


def lessons_of(context: Context, asked: Question, facts: Facts) -> Lessons:
    """Return the cases to show, and what they and all trades say."""
    config, memory = context.settings.experience_config, context.memory
    reader = memory.outlines(asked.namespaces)
    rules, places = config.rag_config.ranking, config.rag_config.vector_store.top_k
    similar = similar_trades(memory, reader, asked, count=max(LOOKED_AT, 4 * places), most_of_a_day=rules.most_of_a_day)
    shown = placed(similar, places=places, least_losing=rules.least_losing, draw=drawn(asked.situation))
    cases = cases_of(memory, reader, shown.taken, asked)
    guidance = reader.asked(
        asked.as_of,
        lambda counts: guidance_of(counts, facts, rules=config.reward, needed=config.min_trades_for_learning),
    )
    enough = guidance.trades >= guidance.needed
    summary = with_patterns(summary_of(similar, cases), guidance) if enough else None
    own = None if asked.without is None else told_to_model(reader.newest_first(asked.as_of), context.model_name)
    return Lessons(cases=cases, summary=summary, guidance=guidance, similar=shown.similar, self_scores=own)
