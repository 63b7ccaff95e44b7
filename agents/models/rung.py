"""One rung of the ladder: a model, and one attempt to have it call a function."""

from __future__ import annotations

from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.runnables import RunnableConfig
from pydantic import BaseModel, ConfigDict, PrivateAttr

from candlegraph.agents.models.providers import open_model
from candlegraph.graph.llm_settings import ModelSettings

UNTRACED: RunnableConfig = {"callbacks": []}
"""The role's model is the run that traces and Studio show; attempts within it would count every token twice."""


class Rung(BaseModel):
    """A configured model, opened on first use: a replay never needs it."""

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)

    settings: ModelSettings
    given: BaseChatModel | None = None
    """Handed in by a caller, instead of the configured one."""

    _bound: dict[tuple[str, ...], Any] = PrivateAttr(default_factory=dict)
    _opened: list[BaseChatModel] = PrivateAttr(default_factory=list)

    @property
    def endpoint(self) -> str:
        """Return what a circuit breaker counts for: models of one endpoint fail together."""
        return self.settings.api_base or self.settings.model

    @property
    def model(self) -> BaseChatModel:
        """Return the LangChain model."""
        if self.given is not None:
            return self.given
        if not self._opened:
            self._opened.append(open_model(self.settings))
        return self._opened[0]

    async def ask(self, messages: list[BaseMessage], tools: tuple[dict[str, Any], ...]) -> AIMessage:
        """Return one answer; whatever the client raises passes through, and the ladder reads it."""
        key = tuple(one["function"]["name"] for one in tools)
        if key not in self._bound:
            arguments: dict[str, Any] = {"tool_choice": "any"}
            self._bound[key] = self.model.bind_tools(list(tools), **arguments)
        answer = await self._bound[key].ainvoke(messages, UNTRACED)
        assert isinstance(answer, AIMessage)
        return answer
