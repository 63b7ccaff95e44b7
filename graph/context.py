"""Run-scoped context of both graphs: plain values that Studio can edit, and the seams to model, memory and candles."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage
from langchain_core.runnables import Runnable
from langchain_core.tools import BaseTool
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr

from candlegraph.agents.models.endpoint import open_model
from candlegraph.graph.settings import Settings
from candlegraph.memory.store import ExperienceMemory, open_memory

DATABASE = Path("rag") / "candlegraph.sqlite"


class Context(BaseModel):
    """What every node may reach; objects only through methods, opened on first use."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    settings: Settings = Settings()
    namespace: str = Field("studio", min_length=1, description="whose experiences are read and written")
    user_data_dir: str = Field("user_data", description="holds rag/ and logs/")
    datadir: str = Field("user_data/data/sample", description="candle folder for inputs of pair and candle only")
    wallet: float = Field(10_000, gt=0, description="free equity assumed for such inputs, quote currency")

    _model: BaseChatModel | None = PrivateAttr(default=None)
    _memory: ExperienceMemory | None = PrivateAttr(default=None)
    _bound: dict[tuple[str, ...], Runnable[LanguageModelInput, AIMessage]] = PrivateAttr(default_factory=dict)

    def with_model(self, model: BaseChatModel) -> Context:
        """Return this context deciding with `model` instead of the configured one."""
        copy = self.model_copy()
        copy._model, copy._bound = model, {}
        return copy

    @property
    def chat_model(self) -> BaseChatModel:
        """Return the chat model."""
        if self._model is None:
            self._model = open_model(self.settings.llm_config)
        return self._model

    @property
    def model_name(self) -> str:
        """Return the name that logs and experiences carry."""
        return self.settings.llm_config.model

    def bound_model(self, tools: Sequence[BaseTool]) -> Runnable[LanguageModelInput, AIMessage]:
        """Return the chat model bound to `tools`; once per set, since making schemas costs a millisecond."""
        key = tuple(one.name for one in tools)
        if key not in self._bound:
            arguments: dict[str, Any] = {"tool_choice": "any"}
            self._bound[key] = self.chat_model.bind_tools(list(tools), **arguments)
        return self._bound[key]

    @property
    def database(self) -> Path:
        """Return the file that holds memory and ledger."""
        return Path(self.user_data_dir) / DATABASE

    @property
    def memory(self) -> ExperienceMemory:
        """Return the experience memory."""
        if self._memory is None:
            self._memory = open_memory(self.database)
        return self._memory

    @property
    def namespaces(self) -> tuple[str, ...]:
        """Return the namespaces that retrieval may read: the own one first."""
        return (self.namespace, *self.settings.experience_config.rag_config.read_namespaces)
