"""One role's models behind LangChain's protocol: cassette -> ladder -> answer with its record."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import ConfigDict, Field

from candlegraph.agents.models.answers import NOTES
from candlegraph.agents.models.ladder import Inquiry, Ladder
from candlegraph.agents.models.recorder import Answered, Recorder, Request
from candlegraph.graph.schema.calls import CallRecord, Role
from candlegraph.graph.settings.llm import ModelSettings, TokenPrice

RECORD = "candlegraph"
"""Where an answer's CallRecord lies in its `response_metadata`, as a plain dict."""
FREE = TokenPrice(input=0, output=0)
IDENTITY = ("provider", "model", "temperature", "max_tokens", "tool_mode", "options")
"""What of a model's settings decides its answers; where it is reached and how patiently does not."""


class RoleModel(BaseChatModel):
    """Asks the role's models for a function call; every answer carries its CallRecord."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    role: Role
    ladder: Ladder = Field(exclude=True)
    recorder: Recorder = Field(exclude=True)
    prices: Mapping[str, TokenPrice] = {}
    bound: tuple[dict[str, Any], ...] = ()

    @property
    def _llm_type(self) -> str:
        return "candlegraph"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"role": self.role, "models": [rung.settings.model for rung in self.ladder.rungs]}

    def bind_tools(
        self,
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool],
        *,
        tool_choice: str | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Return this model, restricted to `tools`; one of them is always called."""
        return self.model_copy(update={"bound": tuple(convert_to_openai_tool(one) for one in tools)})

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        raise NotImplementedError("ask with ainvoke: pairs are decided side by side")

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        *,
        prompt_version: str = "",
        deadline: float | None = None,
        late_counts: bool = False,
        **kwargs: Any,
    ) -> ChatResult:
        async def ask() -> Answered:
            started = time.perf_counter()
            asked = Inquiry(messages, self.bound, deadline, late_counts)
            answer, rung = await self.ladder.ask(asked)
            return Answered(answer, rung.settings.model, tuple(asked.tries), time.perf_counter() - started)

        about = (run_manager and run_manager.metadata) or {}
        request = Request(
            role=self.role,
            params=params_of(self.ladder.rungs[0].settings),
            messages=tuple(messages),
            tools=self.bound,
            prompt_version=prompt_version,
            pair=str(about.get("pair", "")),
            candle=str(about.get("candle", "")),
        )
        answered = await self.recorder.answer(request, ask)
        message = answered.message
        record = record_of(self.role, answered, self.prices.get(answered.model))
        message.response_metadata[RECORD] = record.model_dump(mode="json")
        return ChatResult(generations=[ChatGeneration(message=message)])


def params_of(settings: ModelSettings) -> dict[str, Any]:
    """Return what of the settings decides the answers."""
    return {name: getattr(settings, name) for name in IDENTITY}


def record_of(role: Role, answered: Answered, price: TokenPrice | None) -> CallRecord:
    """Return the record of one answered call; without a price, or without counted tokens, its cost is unknown."""
    usage: Mapping[str, Any] = answered.message.usage_metadata or {}
    details: Mapping[str, Any] = usage.get("input_token_details") or {}
    tokens_in, tokens_out = usage.get("input_tokens", 0), usage.get("output_tokens", 0)
    cached = min(details.get("cache_read") or 0, tokens_in)
    return CallRecord(
        role=role,
        model=answered.model,
        tokens_in=tokens_in,
        tokens_cached=cached,
        tokens_out=tokens_out,
        cost=None if price is None or not (usage or price == FREE) else cost_of(price, tokens_in, cached, tokens_out),
        seconds=answered.seconds,
        tries=answered.tries,
        notes=tuple(answered.message.response_metadata.get(NOTES, ())),
        key=answered.key,
        is_replayed=answered.is_replayed,
    )


def cost_of(price: TokenPrice, tokens_in: int, tokens_cached: int, tokens_out: int) -> float:
    """Return the money of one call; prices are per million tokens."""
    cached = price.input if price.cached_input is None else price.cached_input
    return ((tokens_in - tokens_cached) * price.input + tokens_cached * cached + tokens_out * price.output) / 1e6


def call_of(answer: AIMessage) -> CallRecord | None:
    """Return the record that an answer carries; None for one that no role model gave."""
    found = answer.response_metadata.get(RECORD)
    return None if found is None else CallRecord.model_validate(found)
