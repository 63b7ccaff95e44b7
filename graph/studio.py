"""Both graphs as `langgraph dev` serves them (langgraph.json): the bot's own nodes, in the namespace `studio` only."""

from __future__ import annotations

import logging
from copy import copy
from typing import Annotated, Any, Literal

from langgraph.graph import StateGraph
from langgraph.graph.state import CompiledStateGraph
from pydantic import BeforeValidator, Field

from candlegraph.graph import builder, reflection
from candlegraph.graph.context import STUDIO, Context

logger = logging.getLogger(__name__)


def pinned(given: object) -> str:
    """Return `studio`, and say so where another namespace was asked for."""
    if given != STUDIO:
        logger.warning("expected namespace %r, was %r: LangGraph's server runs in its own only", STUDIO, given)
    return STUDIO


class StudioContext(Context):
    """A context that keeps its namespace whatever it is given: a click must not write where a bot learns."""

    namespace: Annotated[Literal["studio"], BeforeValidator(pinned)] = Field(
        STUDIO, description="always studio; rag_config.read_namespaces says what else may be read"
    )


def served(made: StateGraph[Any, Context, Any, Any], name: str) -> CompiledStateGraph[Any, Context, Any, Any]:
    """Return the graph with a context that stays in its namespace."""
    same = copy(made)
    same.context_schema = StudioContext
    return same.compile(name=name)


candle_graph = served(builder.builder, builder.graph.name)
reflection_graph = served(reflection.builder, reflection.reflection.name)
