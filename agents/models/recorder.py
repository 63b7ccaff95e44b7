"""What stands between a role and its ladder: a cassette that keeps answers, or gives kept ones back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage

from candlegraph.graph.calls import Try
from candlegraph.graph.llm_settings import Role


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
    """Mode `live`: every request is asked, and nothing is kept."""

    async def answer(self, request: Request, ask: Callable[[], Awaitable[Answered]]) -> Answered:
        """Return the answer to `request`."""
        return await ask()
