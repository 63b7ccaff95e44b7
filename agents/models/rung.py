"""One rung of the ladder: a model, and one attempt to have it call a function.

messages, without earlier thoughts -> in the manner that the endpoint understands -> normalised answer
"""

from __future__ import annotations

import asyncio
import logging
import re
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.messages.ai import add_usage
from langchain_core.runnables import RunnableConfig
from langsmith import tracing_context
from pydantic import BaseModel, ConfigDict, PrivateAttr

from candlegraph.agents.models.answers import is_cut, normalised, without_thoughts
from candlegraph.agents.models.failures import REQUEST_IS_WRONG
from candlegraph.agents.models.json_calls import as_text, bound, called
from candlegraph.agents.models.policy import PolicyModel
from candlegraph.agents.models.profiles import Manner, Profile
from candlegraph.agents.models.providers import open_model, profile_for
from candlegraph.agents.models.wire.failed_generation import FAILED, failed_answer
from candlegraph.agents.models.wire.unwrapping import unwrapped
from candlegraph.graph.settings.context import Language
from candlegraph.graph.settings.llm import ModelSettings

logger = logging.getLogger(__name__)

Tools = tuple[dict[str, Any], ...]
Result = AIMessage | BaseException

UNTRACED: RunnableConfig = {"callbacks": []}
"""The role's model is the run that traces and Studio show; attempts within it would count every token twice, and an
error of theirs may quote a key."""
OF_CHOICE = re.compile(r"tool.?choice", re.IGNORECASE)
OF_TOOLS = re.compile(r"tool|function", re.IGNORECASE)
OF_ACCESS = frozenset({401, 403, 408, 425, 429})
"""Such an error says nothing of what the endpoint can do, whatever words it uses."""


class Rung(BaseModel):
    """A configured model, opened on first use: a replay never needs it."""

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)

    settings: ModelSettings
    given: BaseChatModel | None = None
    """Handed in by a caller, instead of the configured one."""
    language: Language = "en"
    """Of the order to answer with one JSON object, where that is how functions are called."""

    _bound: dict[tuple[str, ...], Any] = PrivateAttr(default_factory=dict)
    _opened: list[BaseChatModel] = PrivateAttr(default_factory=list)
    _own: Profile = PrivateAttr(default_factory=lambda: Profile("a given model"))

    @property
    def endpoint(self) -> str:
        """Return what a circuit breaker counts for: models of one endpoint fail together."""
        named = self.settings.model if self.settings.provider == "auto" else self.settings.provider
        return self.settings.api_base or named

    @property
    def profile(self) -> Profile:
        """Return what is known of the model at its endpoint, in this process and by every role."""
        return self._own if self.given is not None else profile_for(self.settings)

    @property
    def model(self) -> BaseChatModel:
        """Return the LangChain model."""
        if self.given is not None:
            return self.given
        if not self._opened:
            self._opened.append(open_model(self.settings))
        return self._opened[0]

    async def ask(self, messages: list[BaseMessage], tools: Tools) -> AIMessage:
        """Return one answer; whatever the client raises passes through, and the ladder reads it."""
        told = self._told(messages)
        if manner := self._manner():
            return await self._answer(manner, told, tools)
        return await self._explored(told, tools)

    def _told(self, messages: list[BaseMessage]) -> list[BaseMessage]:
        """Return what the model is sent: without earlier thoughts, unless it knows itself which of them may go back."""
        if not isinstance(self.model, PolicyModel):
            from candlegraph.agents.models.wire.compatible import CompatibleChat  # the rule needs no client: 1 s of CPU

            if isinstance(self.model, CompatibleChat):
                return messages
        return [without_thoughts(one) if isinstance(one, AIMessage) else one for one in messages]

    def _manner(self) -> Manner | None:
        """Return how functions are called; None while nobody knows what the endpoint can do."""
        mode = self.settings.tool_mode
        if mode == "json_schema" and not isinstance(self.model, PolicyModel):
            return "json_schema"
        if mode == "auto" and self.given is None and not isinstance(self.model, PolicyModel):
            return "json_schema" if self.settings.provider == "local" else self.profile.manner
        return "forced"

    async def _explored(self, told: list[BaseMessage], tools: Tools) -> AIMessage:
        """Return the answer in the first manner that brings a call, and stay with that manner.

        Thinking models often refuse only to be forced; a server without tool calls says so, or answers with text.
        """
        manner: Manner = "forced"
        first = await self._result(manner, told, tools)
        if lacks(first, OF_CHOICE):
            manner = "offered"
            first = await self._result(manner, told, tools)
        if has_call(first):
            self.profile.manner = manner
        elif isinstance(first, AIMessage) and is_cut(first):
            return first  # it says nothing of what the endpoint can do, and would be cut again
        elif isinstance(first, AIMessage) or lacks(first, OF_TOOLS):
            second = await self._result("json_schema", told, tools)
            if isinstance(second, AIMessage) and has_call(second):
                self.profile.manner = "json_schema"
                logger.info("%s calls no functions by itself: it is asked for JSON from now on", self.settings.model)
                return counted_with(second, first)
            if isinstance(first, AIMessage) and knows_no_more(second):
                self.profile.manner = manner
                return counted_with(first, second)
        if isinstance(first, BaseException):
            raise first
        return first

    async def _result(self, manner: Manner, told: list[BaseMessage], tools: Tools) -> Result:
        work = self._answer(manner, told, tools)
        return (await asyncio.gather(work, return_exceptions=True))[0]

    async def _answer(self, manner: Manner, told: list[BaseMessage], tools: Tools) -> AIMessage:
        key = (manner, *(one["function"]["name"] for one in tools))
        if key not in self._bound:
            self._bound[key] = self._binding(manner, tools)
        sent = as_text(told, tools, self.language) if manner == "json_schema" else told
        if isinstance(rule := self._bound[key], PolicyModel):  # in process: a layer of callbacks would only cost time
            return normalised(rule.answered(sent))
        with tracing_context(enabled=False):
            work = self._bound[key].ainvoke(sent, UNTRACED)
            answer = (await asyncio.gather(work, return_exceptions=True))[0]
        if isinstance(answer, BaseException):
            failed = failed_answer(answer)
            if failed is None:
                raise answer
            answer = failed
        assert isinstance(answer, AIMessage)
        read = unwrapped(normalised(answer), tools)
        if manner == "json_schema" and not has_call(read):
            read = unwrapped(normalised(called(read)), tools)
        return normalised(read)

    def _binding(self, manner: Manner, tools: Tools) -> Any:
        if manner == "json_schema":
            return bound(self.model, tools)
        choice: dict[str, Any] = {"tool_choice": "any"} if manner == "forced" else {}
        return self.model.bind_tools(list(tools), **choice)


def has_call(result: Result) -> bool:
    """Return whether an answer calls a function, be it with broken arguments or so that its server cannot read it."""
    if not isinstance(result, AIMessage):
        return False
    return bool(result.tool_calls or result.invalid_tool_calls or result.response_metadata.get(FAILED))


def counted_with(answer: AIMessage, other: Result) -> AIMessage:
    """Return `answer` with the tokens of the `other` one, which was paid for too."""
    if not isinstance(other, AIMessage) or answer.usage_metadata is None or other.usage_metadata is None:
        return answer
    return answer.model_copy(update={"usage_metadata": add_usage(answer.usage_metadata, other.usage_metadata)})


def lacks(result: Result, of: re.Pattern[str]) -> bool:
    """Return whether an error says that the endpoint cannot do what was asked of it."""
    status = getattr(result, "status_code", None)
    return isinstance(status, int) and status >= 400 and status not in OF_ACCESS and bool(of.search(str(result)))


def knows_no_more(result: Result) -> bool:
    """Return whether asking for JSON was understood without a call, or refused: it need not be tried again."""
    return isinstance(result, AIMessage) or getattr(result, "status_code", None) in REQUEST_IS_WRONG
