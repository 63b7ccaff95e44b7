"""Both graphs as `langgraph dev` serves them: the bot's nodes, and one that tells the story; in `studio` only.

A bot's decision that is opened again (`candlegraph open`) brings what was recalled and answered then with its context.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from copy import copy
from typing import Annotated, Any

from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.tools import BaseTool
from langgraph.graph import StateGraph
from langgraph.graph.state import CompiledStateGraph
from pydantic import BeforeValidator, Field

from candlegraph.agents.asking.transcript import prompt_hash
from candlegraph.agents.storyteller import story
from candlegraph.graph import builder, reflection
from candlegraph.graph.context import STUDIO, ClosedOne, Context
from candlegraph.graph.schema.calls import Role
from candlegraph.graph.schema.facts import Facts
from candlegraph.graph.schema.lessons import Lessons
from candlegraph.graph.schema.reopened import Reopened, question_key
from candlegraph.graph.settings.places import STUDIO_NAMESPACES
from candlegraph.graph.state import CandleInput, CandleState

logger = logging.getLogger(__name__)
SHORTEST_ID = 8
"""Digits of a decision's id: fewer may be a trade's key."""


def pinned(given: object) -> str:
    """Return `studio`, and say so where another namespace was asked for that the server does not allow."""
    allowed = (STUDIO, *os.environ.get(STUDIO_NAMESPACES, "").split())
    if given in allowed:
        return str(given)
    told = "expected namespace %s, was %r: LangGraph's server runs in its own only; %s=%s would allow it"
    logger.warning(told, " or ".join(map(repr, allowed)), given, STUDIO_NAMESPACES, given)
    return STUDIO


class StudioState(CandleState):
    """One candle's journey, and its story."""

    story: str = Field("", description="what was seen, remembered, proposed, objected, lowered, decided")


class StudioContext(Context):
    """A context that keeps its namespace whatever it is given: a click must not write where a bot learns."""

    namespace: Annotated[str, BeforeValidator(pinned)] = Field(
        STUDIO,
        description="always studio, unless the server was started with more; read_namespaces says what else is read",
        examples=[STUDIO],
    )
    reopened: Reopened | None = Field(
        None,
        description="a bot's decision, as `candlegraph open` gives it; empty: memory and models answer",
        examples=[None],
    )

    @property
    def namespaces(self) -> tuple[str, ...]:
        """Return the namespaces that retrieval may read: of a decision opened again those of its run."""
        own = self.namespace if self.reopened is None else self.reopened.namespace
        return (own, *self.settings.experience_config.rag_config.read_namespaces)

    def recalled_then(self, facts: Facts) -> Lessons | None:
        """Return what was recalled for these very facts."""
        return None if self.reopened is None else self.reopened.recalled(facts)

    def closed_trade(self, key: str) -> ClosedOne | None:
        """Return a trade that waits, or that a decision opened; a copy where it is another namespace's."""
        if (own := super().closed_trade(key)) is not None:
            return own
        found = next((one for name in self.namespaces if (one := self.memory.take(name, key)) is not None), None)
        if found is None and len(key) >= SHORTEST_ID:
            found = self.memory.opened_by(key)
        if found is None:
            return None
        trade, track = found
        moved = {"namespace": self.namespace}
        return ClosedOne(trade.model_copy(update=moved), track and track.model_copy(update=moved), is_queued=False)

    async def ask(
        self,
        role: Role,
        messages: Sequence[BaseMessage],
        tools: Sequence[BaseTool | type | dict[str, Any]],
        *,
        prompt_version: str,
        late_counts: bool = False,
    ) -> AIMessage:
        """Return what was answered to this very question then, else what the model answers now."""
        turn = sum(isinstance(one, AIMessage) for one in messages)
        question = question_key(role, prompt_hash(messages))
        then = None if self.reopened is None else self.reopened.answer(question, turn)
        if then is not None:
            return then
        return await super().ask(role, messages, tools, prompt_version=prompt_version, late_counts=late_counts)


def served(made: StateGraph[Any, Context, Any, Any], name: str) -> CompiledStateGraph[Any, Context, Any, Any]:
    """Return the graph with a context that stays in its namespace."""
    same = copy(made)
    same.context_schema = StudioContext
    return same.compile(name=name)


candle_builder = builder.wired("analyst", CandleInput, StudioState, story)
candle_graph = served(candle_builder, builder.graph.name)
reflection_graph = served(reflection.builder, reflection.reflection.name)
