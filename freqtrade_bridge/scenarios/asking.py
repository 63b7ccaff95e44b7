"""A model asked about situations, by the whole graph: what it proposed, whether the first answer was right in form.

scenario -> graph, the memory's part already written -> reply; the same reworded, and with its sections turned around
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable, Sequence
from typing import TypeVar

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from langchain_core.tools import BaseTool
from pydantic import Field

from candlegraph.agents.asking.evidence import model_calls
from candlegraph.agents.asking.transcript import proposal_of, repairs
from candlegraph.agents.prompt.budget import SEPARATOR
from candlegraph.freqtrade_bridge.scenarios.scenario import Scenario, Told
from candlegraph.freqtrade_bridge.scenarios.written import Answer
from candlegraph.graph.builder import graph
from candlegraph.graph.context import Context
from candlegraph.graph.schema.calls import CallRecord, Role
from candlegraph.graph.schema.errors import ModelError
from candlegraph.graph.schema.facts import Facts
from candlegraph.graph.schema.frozen import Frozen
from candlegraph.graph.schema.lessons import Lessons
from candlegraph.graph.settings.settings import Settings, settings_of
from candlegraph.graph.state import CandleInput, CandleState

Answered = TypeVar("Answered")


class Reply(Frozen):
    """What a model made of one asking; without a valid answer `answer` is None and `fault` says why."""

    answer: Answer | None
    leverage: float | None = None
    is_valid: bool = Field(description="answered rightly in form at once, without a repair")
    calls: tuple[CallRecord, ...] = ()
    fault: str = ""
    is_asked: bool = Field(True, description="no: every door was closed, which is answered without a model")


class Replies(Frozen):
    """All that a model answered to one situation."""

    scenario: Scenario
    runs: tuple[Reply, ...] = Field(min_length=1, description="the first wording, again and again")
    reworded: tuple[Reply, ...] = ()
    reordered: tuple[Reply, ...] = Field((), description="the first wording, its sections from last to first")

    @property
    def all(self) -> tuple[Reply, ...]:
        """Return every reply."""
        return (*self.runs, *self.reworded, *self.reordered)


class ScenarioContext(Context):
    """A context whose memory says what is written, and which may turn the sections of every prompt around."""

    lessons: Lessons = Lessons()
    is_reordered: bool = False

    def recalled_then(self, facts: Facts) -> Lessons | None:
        """Return what the situation says of the past."""
        return self.lessons

    async def ask(
        self,
        role: Role,
        messages: Sequence[BaseMessage],
        tools: Sequence[BaseTool | type | dict[str, object]],
        *,
        prompt_version: str,
        late_counts: bool = False,
    ) -> AIMessage:
        """Return the model's answer to the prompt, whose order may be another one."""
        sent = [reordered(one) for one in messages] if self.is_reordered else messages
        return await super().ask(role, sent, tools, prompt_version=prompt_version, late_counts=late_counts)


def reordered(message: BaseMessage) -> BaseMessage:
    """Return a prompt's message with its sections from last to first; of the compact one its lines."""
    if not isinstance(message, HumanMessage):
        return message
    sections = str(message.content).split(SEPARATOR)
    if len(sections) > 1:
        return HumanMessage(SEPARATOR.join(reversed(sections)))
    text = str(message.content)
    return message if text.startswith("<") else HumanMessage("\n".join(reversed(text.splitlines())))


async def ask_all(
    scenarios: Sequence[Scenario], context: ScenarioContext, *, runs: int, at_once: int
) -> tuple[Replies, ...]:
    """Return what the context's model answers to every situation, some of them at a time."""
    return await some_at_a_time((replies_to(one, context, runs) for one in scenarios), at_once)


async def some_at_a_time(asked: Iterable[Awaitable[Answered]], at_once: int) -> tuple[Answered, ...]:
    """Return what is answered, in the order in which it was asked; `at_once` are under way."""
    free = asyncio.Semaphore(at_once)

    async def one(waited: Awaitable[Answered]) -> Answered:
        async with free:
            return await waited

    return tuple(await asyncio.gather(*map(one, asked)))


async def replies_to(scenario: Scenario, context: ScenarioContext, runs: int) -> Replies:
    """Return what is answered to one situation: again and again, reworded, turned around."""
    own = context.model_copy(update={"settings": settings_for(scenario, context.settings)})
    turned = own.model_copy(update={"is_reordered": True})
    first, *others = scenario.wordings
    return Replies(
        scenario=scenario,
        runs=tuple([await reply_to(first, own) for _ in range(runs)]),
        reworded=tuple([await reply_to(told, own) for told in others]),
        reordered=(await reply_to(first, turned),),
    )


def settings_for(scenario: Scenario, settings: Settings) -> Settings:
    """Return the settings with the blocks that a situation brings along."""
    if not scenario.settings:
        return settings
    brought = settings_of(scenario.settings)
    return settings.model_copy(update={name: getattr(brought, name) for name in scenario.settings})


async def reply_to(told: Told, context: ScenarioContext) -> Reply:
    """Return what the model proposes; the gate comes after, and plays no part."""
    asked = context.model_copy(update={"lessons": told.lessons})
    try:
        state = CandleState.model_validate(await graph.ainvoke(CandleInput(snapshot=told.snapshot), context=asked))
    except ModelError as e:
        return Reply(answer=None, is_valid=False, fault=str(e).splitlines()[0][:200])
    return reply_of(state)


def reply_of(state: CandleState) -> Reply:
    """Return what was answered, from the messages of the decision."""
    proposal, calls = proposal_of(state.messages), model_calls(state)
    if state.skipped is not None:
        return Reply(answer=None, is_valid=False, is_asked=False, fault=state.skipped.reason[:200])
    if proposal is None:
        why = "" if state.signal is None else state.signal.reason
        return Reply(answer=None, is_valid=False, calls=calls, fault=why[:200])
    is_valid = not repairs(state.messages)
    return Reply(answer=proposal.kind, leverage=proposal.leverage, is_valid=is_valid, calls=calls)
