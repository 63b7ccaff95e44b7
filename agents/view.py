"""View: at depth `deep` the analyst's model says what the facts mean to it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from langgraph.runtime import Runtime
from pydantic import Field

from candlegraph.agents.opinion import Answer, ask_typed, asked
from candlegraph.graph.context import Context
from candlegraph.graph.state import CandleState, View

Short = Annotated[str, Field(min_length=1, max_length=300)]
MaybeLevel = Annotated[float | None, Field(gt=0)]


class StateView(Answer):
    """State your view of this market."""

    bias: Literal["bullish", "bearish", "neutral"]
    regime: Annotated[str, Field(min_length=1, max_length=80, description="trend, range, breakout, ... in your words")]
    key_support: Annotated[MaybeLevel, Field(description="price; null if you see none")] = None
    key_resistance: Annotated[MaybeLevel, Field(description="price; null if you see none")] = None
    conflicts: Annotated[Short, Field(description="where the timeframes disagree, or none")]
    would_change_mind: Annotated[Short, Field(description="what would prove this view wrong")]


async def view(state: CandleState, runtime: Runtime[Context]) -> dict[str, Any]:
    """Ask the analyst's model for its typed view."""
    context = runtime.context or Context()
    messages = asked("analyst", state, context, StateView)
    found, call = await ask_typed(context, "analyst", messages, StateView)
    return {"view": View(**found.model_dump(), call=call)}
