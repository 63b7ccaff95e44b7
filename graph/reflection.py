"""The graph of a closed trade, or of a part of one: START -> evaluate -> review -> remember -> reward -> END.

Its input is a trade, or the key of one that waits in the outbox. Nodes are thin; the parts that they call are pure.
"""

from __future__ import annotations

import logging
from typing import Any

from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime
from pydantic import BaseModel, ConfigDict, Field

from candlegraph.agents.reflector import insight_into
from candlegraph.graph.context import Context
from candlegraph.graph.nodes import TwoWayNode
from candlegraph.graph.schema.calls import CallRecord
from candlegraph.graph.schema.errors import MemoryStoreError, ModelError
from candlegraph.graph.schema.experience import ClosedTrade, Closing, Experience, Occasion, PartialExit, Scores
from candlegraph.memory.counterfactual.outcomes import table_of
from candlegraph.memory.counterfactual.path import TradePath
from candlegraph.memory.counterfactual.table import Table
from candlegraph.memory.counterfactual.trades import first_known_at
from candlegraph.memory.learning.report import Insight, experience_of, experience_of_part
from candlegraph.memory.learning.scores import evaluate as marks_of
from candlegraph.memory.learning.track import Track

logger = logging.getLogger(__name__)


class ReflectionInput(BaseModel):
    """A closed trade or partial exit; or the key of one that waits in the outbox of the context's namespace."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    trade_key: str | None = Field(
        None,
        description="of a trade that waits in the outbox; in Studio also the id of the decision that opened a trade",
        examples=["48042f5d"],
    )
    trade: ClosedTrade | PartialExit | None = Field(
        None, description="a closed trade or partial exit, instead of a key; its namespace is studio", examples=[None]
    )
    path: TradePath | None = Field(
        None, description="its candles; None: they are not known, or not yet", examples=[None]
    )


class ReflectionState(ReflectionInput):
    """One trade's way into the memory; every key has one writer."""

    track: Track | None = Field(None, description="how it went while it was open")
    is_queued: bool = Field(False, description="it came from the outbox")
    scores: Scores | None = None
    table: Table | None = Field(None, description="what it would have made otherwise, as known at its close")
    insight: Insight | None = None
    call: CallRecord | None = Field(None, description="of the reviewer model")
    experience: Experience | None = None
    experience_id: int | None = Field(None, description="None: it had been learnt already")
    reward: float | None = Field(None, description="by `experience_config.reward.mode`")
    reward_stats: dict[str, Any] = Field({}, description="of all closed trades of the namespace, this one included")


def evaluate(state: ReflectionState, runtime: Runtime[Context]) -> dict[str, Any]:
    """Fetch the trade, mark it, and replay it over its candles with one thing changed at a time."""
    context = runtime.context or Context()
    if state.trade is not None:
        refuse_foreign(state.trade, context)
        return {"scores": marks(state.trade), "table": counterfactuals(state.trade, state.path), "is_queued": False}
    if state.trade_key is None:
        raise MemoryStoreError('expected a "trade", or the "trade_key" of one in the outbox; found neither')
    found = context.closed_trade(state.trade_key)
    if found is None:
        raise MemoryStoreError(f"no closed trade {state.trade_key} waits in namespace {context.namespace}")
    table = counterfactuals(found.trade, state.path)
    return {**found._asdict(), "scores": marks(found.trade), "table": table}


async def review(state: ReflectionState, runtime: Runtime[Context]) -> dict[str, Any]:
    """Write the report: by rules, and by the reviewer model where the configuration asks for it."""
    context = runtime.context or Context()
    assert state.trade is not None, "evaluate runs first"
    language = context.settings.context_config.language
    if isinstance(state.trade, PartialExit):
        return {"experience": experience_of_part(state.trade, language)}
    assert state.scores is not None, "evaluate marks a trade"
    insight, call = None, None
    is_asked = context.settings.experience_config.reflection.mode == "llm" and context.spent is None
    if is_asked and not state.trade.forced:
        insight, call = await _asked(state.trade, state.track, state.scores, state.table, context)
    learnt = experience_of(state.trade, state.track, insight, state.table, language)
    return {"insight": insight, "call": call, "experience": learnt}


def remember(state: ReflectionState, runtime: Runtime[Context]) -> dict[str, Any]:
    """Store the experience and empty the outbox of the trade."""
    context = runtime.context or Context()
    assert state.experience is not None, "review runs first"
    refuse_foreign(state.experience.source, context)  # a person may have changed what evaluate let pass
    learnt = context.memory.settle(state.experience, state.track, state.table, is_queued=state.is_queued)
    return {"experience_id": learnt}


def reward(state: ReflectionState, runtime: Runtime[Context]) -> dict[str, Any]:
    """State the reward, and what it makes of the namespace's rewards so far."""
    context = runtime.context or Context()
    assert state.experience is not None, "review runs first"
    mode = context.settings.experience_config.reward.mode
    earned = state.experience.reward if mode == "documented" else state.experience.reward_quality
    stats = context.memory.stats(context.namespace)
    return {"reward": earned, "reward_stats": stats["reward_stats"]}


def marks(closing: Closing) -> Scores | None:
    """Return the marks of a trade; a part is no whole trade, and has none."""
    return marks_of(closing) if isinstance(closing, ClosedTrade) else None


def counterfactuals(closing: Closing, path: TradePath | None) -> Table | None:
    """Return what a trade would have made otherwise, as far as was known at its close."""
    if path is None or not isinstance(closing, ClosedTrade) or closing.forced:
        return None
    return table_of(path, first_known_at(closing))


def refuse_foreign(trade: Occasion, context: Context) -> None:
    """Raise MemoryStoreError unless the trade belongs to the context's namespace: Studio writes into its own only."""
    if trade.namespace != context.namespace:
        raise MemoryStoreError(f"expected a trade of namespace {context.namespace}, was {trade.namespace}")


async def _asked(
    trade: ClosedTrade, track: Track | None, scores: Scores, table: Table | None, context: Context
) -> tuple[Insight | None, CallRecord | None]:
    """Return what the model adds; when none answers it costs its lesson, and stops a backtest."""
    try:
        return await insight_into(trade, track, scores, table, context)
    except ModelError as e:
        if context.is_backtest:
            raise
        logger.error("%s: no lesson by a model, the rules' lesson stands: %s", trade.trade_key, e)
        return None, None


builder = StateGraph(ReflectionState, Context, input_schema=ReflectionInput)

builder.add_node("evaluate", evaluate)
builder.add_node("review", TwoWayNode(review))
builder.add_node("remember", remember)
builder.add_node("reward", reward)

builder.add_edge(START, "evaluate")
builder.add_edge("evaluate", "review")
builder.add_edge("review", "remember")
builder.add_edge("remember", "reward")
builder.add_edge("reward", END)

reflection = builder.compile(name="reflection")
