"""Debate: at depth `deep` one model argues for a long and another for a short, side by side."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from langgraph.runtime import Runtime
from pydantic import Field

from candlegraph.agents.opinion import Answer, ask_typed, asked
from candlegraph.agents.opinions import opinions_text
from candlegraph.graph.context import Context
from candlegraph.graph.state import Argument, CandleState

Point = Annotated[str, Field(min_length=1, max_length=200)]


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
