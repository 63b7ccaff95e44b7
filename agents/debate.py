"""Debate: at depth `deep` the analyst's model says what the facts mean, then one argues for a long, one for a short."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from langgraph.runtime import Runtime
from pydantic import Field

from candlegraph.agents.asking.typed import Answer, ask_typed, asked
from candlegraph.agents.prompt.opinions import opinions_text
from candlegraph.graph.context import Context
from candlegraph.graph.schema.opinions import AnalystView, Argument
from candlegraph.graph.state import CandleState

Point = Annotated[str, Field(min_length=1, max_length=200)]

Short = Annotated[str, Field(min_length=1, max_length=300)]
MaybeLevel = Annotated[float | None, Field(gt=0)]


class MakeCase(Answer):
    """Make the best honest case for your side."""

    strength: Annotated[float, Field(ge=1, le=100, description="how strong you find your own case")]
    points: Annotated[tuple[Point, ...], Field(min_length=1, max_length=4, description="each names a fact")]
    risk: Annotated[str, Field(min_length=1, max_length=200, description="what would prove your side wrong")]


async def bull(state: CandleState, runtime: Runtime[Context]) -> dict[str, Any]:
    """Ask for the case for a rise."""
    return {"bull": await case_of("bull", state, runtime.context or Context())}


async def bear(state: CandleState, runtime: Runtime[Context]) -> dict[str, Any]:
    """Ask for the case for a fall."""
    return {"bear": await case_of("bear", state, runtime.context or Context())}


async def case_of(role: Literal["bull", "bear"], state: CandleState, context: Context) -> Argument:
    """Return one side's case; it has read the analyst's view, not the other side."""
    said = opinions_text(state, context.settings.context_config.language)
    messages = asked(role, state, context, MakeCase, said)
    found, call = await ask_typed(context, role, messages, MakeCase)
    return Argument(**found.model_dump(), call=call)


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
    return {"view": AnalystView(**found.model_dump(), call=call)}
