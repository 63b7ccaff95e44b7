"""What stands between a role and its ladder: a cassette that keeps answers, or gives kept ones back.

live: ask   record: kept? else ask and keep   replay: kept? else ReplayMiss, which says what changed
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, InvalidToolCall
from langchain_core.messages.ai import UsageMetadata
from langchain_core.messages.tool import ToolCall

from candlegraph.agents.models.answers import ATTACHED, REASONING
from candlegraph.agents.models.cassette import Cassette, KeptAnswer, Take, components_of, key_of
from candlegraph.graph.schema.calls import Role, Try
from candlegraph.graph.schema.errors import ReplayMiss
from candlegraph.graph.settings.llm import Mode


@dataclass(frozen=True)
class Request:
    """What a model is asked; `pair` and `candle` are for messages only, and no part of the key."""

    role: Role
    params: dict[str, Any]
    messages: tuple[BaseMessage, ...]
    tools: tuple[dict[str, Any], ...]
    prompt_version: str
    pair: str = ""
    candle: str = ""

    @property
    def turn(self) -> int:
        """Return how many answers the request already holds."""
        return sum(isinstance(message, AIMessage) for message in self.messages)


@dataclass(frozen=True)
class Answered:
    """An answer, who gave it, and what failed before."""

    message: AIMessage
    model: str
    tries: tuple[Try, ...] = ()
    seconds: float = 0.0
    key: str = ""
    is_replayed: bool = False


class Recorder:
    """The cassette of one run; opened at the first request, in `live` never."""

    def __init__(self, mode: Mode, path: Path) -> None:
        self._mode = mode
        self._path = path
        self._cassette: Cassette | None = None

    async def answer(self, request: Request, ask: Callable[[], Awaitable[Answered]]) -> Answered:
        """Return the answer to `request`; raise ReplayMiss where a replay has none."""
        if self._mode == "live":
            return await ask()
        components = components_of(request.params, request.messages, request.tools, request.prompt_version)
        key = key_of(components)
        # In a thread: `langgraph dev` refuses to be blocked, and other pairs go on meanwhile.
        if (kept := await asyncio.to_thread(self._kept, key)) is not None:
            return replayed(key, kept)
        if self._mode == "replay":
            raise ReplayMiss(await asyncio.to_thread(self._miss, request, components))
        return await asyncio.to_thread(self._keep, request, key, components, await ask())

    def open(self) -> None:
        """Open the file, so that one that is missing or no cassette stops the start."""
        if self._mode != "live" and self._cassette is None:
            self._cassette = Cassette(self._path, must_exist=self._mode == "replay")

    @property
    def _opened(self) -> Cassette:
        self.open()
        assert self._cassette is not None, "live needs none"
        return self._cassette

    def _kept(self, key: str) -> KeptAnswer | None:
        return self._opened.get(key)

    def _keep(self, request: Request, key: str, components: dict[str, str], answered: Answered) -> Answered:
        take = Take(
            key=key,
            pair=request.pair,
            candle=request.candle,
            role=request.role,
            turn=request.turn,
            components=components,
            answer=kept_of(answered),
        )
        kept = self._opened.keep(take)
        if kept == take.answer:
            return replace(answered, key=key)
        return replace(replayed(key, kept), is_replayed=False)  # another was faster; this call was paid for too

    def _miss(self, request: Request, components: Mapping[str, str]) -> str:
        where = f"{request.pair or 'no pair'} {request.candle or 'no candle'}".strip()
        asked = f"{where}: the cassette {self._path} has no answer of the {request.role} model"
        known = self._opened.components_at(request.pair, request.candle, request.role, request.turn)
        if known is None:
            return f"{asked}; nothing was recorded for this candle (turn {request.turn})"
        changed = [name for name, now in components.items() if known.get(name) != now]
        told = ", ".join(f"{name} ({known.get(name, 'none')[:8]} -> {components[name][:8]})" for name in changed)
        return f"{asked}; changed since it was recorded: {told}"


def kept_of(answered: Answered) -> KeptAnswer:
    """Return what is kept of an answer: all that later code reads."""
    message = answered.message
    return KeptAnswer(
        content=str(message.content),
        reasoning=str(message.additional_kwargs.get(REASONING) or ""),
        attached=dict(message.additional_kwargs.get(ATTACHED) or {}),
        tool_calls=tuple(dict(call) for call in message.tool_calls),
        invalid_tool_calls=tuple(dict(call) for call in message.invalid_tool_calls),
        usage=None if message.usage_metadata is None else dict(message.usage_metadata),
        about=dict(message.response_metadata),
        model=answered.model,
        tries=answered.tries,
        seconds=answered.seconds,
    )


def replayed(key: str, kept: KeptAnswer) -> Answered:
    """Return a kept answer as it came."""
    beside = {REASONING: kept.reasoning, ATTACHED: kept.attached}
    message = AIMessage(
        kept.content,
        tool_calls=[ToolCall(**call) for call in kept.tool_calls],  # type: ignore[typeddict-item]
        invalid_tool_calls=[InvalidToolCall(**call) for call in kept.invalid_tool_calls],  # type: ignore[typeddict-item]
        usage_metadata=None if kept.usage is None else UsageMetadata(**kept.usage),  # type: ignore[typeddict-item]
        additional_kwargs={name: one for name, one in beside.items() if one},
        response_metadata=dict(kept.about),
    )
    return Answered(message, kept.model, kept.tries, kept.seconds, key, is_replayed=True)
