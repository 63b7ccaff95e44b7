"""Run-scoped context of both graphs: plain values that Studio can edit, and the seams to model, memory and candles."""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.tools import BaseTool
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr

from candlegraph.agents.models.roles import RoleModels
from candlegraph.graph.schema.calls import Role
from candlegraph.graph.schema.experience import Closing
from candlegraph.graph.schema.facts import Facts
from candlegraph.graph.schema.lessons import Lessons
from candlegraph.graph.settings.llm import Depth
from candlegraph.graph.settings.places import BACKTEST, CASSETTE, DATABASE
from candlegraph.graph.settings.settings import Settings
from candlegraph.memory.learning.track import Track
from candlegraph.memory.store import ExperienceMemory, open_memory

STUDIO: Literal["studio"] = "studio"
"""Where everything runs that is no bot: LangGraph's server, notebooks, `candlegraph decide`."""


class ClosedOne(NamedTuple):
    """A closed trade, or a part of one, how it went, and whether it came from the outbox of the own namespace."""

    trade: Closing
    track: Track | None
    is_queued: bool


class Context(BaseModel):
    """What every node may reach; objects only through methods, opened on first use."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    settings: Settings = Field(
        Settings(),
        description="the blocks of the configuration, see docs/configuration.md; empty: all defaults, the rule decides",
        examples=[{"llm_config": {"depth": "balanced"}, "context_config": {"language": "zh"}}],
    )
    namespace: str = Field(STUDIO, min_length=1, description="whose experiences are read and written")
    user_data_dir: str = Field("user_data", description="holds rag/ and logs/", examples=["/srv/bot/user_data"])
    datadir: str = Field(
        "user_data/data/month",
        description="candle folder for inputs of pair and candle only; it holds futures/",
        examples=["/srv/bot/user_data/data/binance"],
    )
    wallet: float = Field(
        10_000, gt=0, description="free equity assumed for such inputs, quote currency", examples=[10_000]
    )

    _models: RoleModels | None = PrivateAttr(default=None)
    _memory: ExperienceMemory | None = PrivateAttr(default=None)
    _depth: Depth | None = PrivateAttr(default=None)
    _deadline: float | None = PrivateAttr(default=None)
    _spent: str | None = PrivateAttr(default=None)

    def with_model(self, model: BaseChatModel) -> Self:
        """Return this context with `model` in every role instead of the configured ones."""
        copy = self.model_copy()
        copy._models = self._role_models(model)
        return copy

    def for_candle(
        self, *, depth: Depth | None = None, deadline: float | None = None, spent: str | None = None
    ) -> Context:
        """Return this context for one decision: its depth, and until when (monotonic clock, seconds) models are asked.

        `spent` names the budget that is used up; then no model is asked.
        """
        copy = self.model_copy()
        copy._models = self.models  # shared: circuits and connections outlive a candle
        copy._depth, copy._deadline, copy._spent = depth, deadline, spent
        return copy

    @property
    def models(self) -> RoleModels:
        """Return the models of all roles."""
        if self._models is None:
            self._models = self._role_models()
        return self._models

    def _role_models(self, given: BaseChatModel | None = None) -> RoleModels:
        language = self.settings.context_config.language
        return RoleModels(self.settings.llm_config, self.cassette, given, language)

    @property
    def model_name(self) -> str:
        """Return the name of the deciding model that logs and experiences carry."""
        return self.settings.llm_config.models_of("decision")[0].model

    @property
    def depth(self) -> Depth:
        """Return how many roles are models."""
        return self._depth or self.settings.llm_config.depth

    @property
    def spent(self) -> str | None:
        """Return which budget is used up."""
        return self._spent

    def ask(
        self,
        role: Role,
        messages: Sequence[BaseMessage],
        tools: Sequence[BaseTool | type | dict[str, Any]],
        *,
        prompt_version: str,
        late_counts: bool = False,
    ) -> Coroutine[Any, Any, AIMessage]:
        """Return what gives a role's answer: a call of one of `tools` if the model obeys; may raise ModelError."""
        model = self.models.bound(role, tools)
        return model.ainvoke(
            list(messages), prompt_version=prompt_version, deadline=self._deadline, late_counts=late_counts
        )

    def recalled_then(self, facts: Facts) -> Lessons | None:
        """Return what was recalled for these very facts, where a decision is opened again (`graph/studio.py`)."""
        return None

    def closed_trade(self, key: str) -> ClosedOne | None:
        """Return a trade that waits to be learnt from, None where none of this key waits."""
        found = self.memory.take(self.namespace, key)
        return None if found is None else ClosedOne(*found, is_queued=True)

    @property
    def cassette(self) -> Path:
        """Return the file that keeps the models' answers."""
        named = self.settings.llm_config.cassette
        return Path(named) if named else Path(self.user_data_dir) / CASSETTE

    @property
    def database(self) -> Path:
        """Return the file that holds memory and ledger."""
        return Path(self.user_data_dir) / DATABASE

    @property
    def is_backtest(self) -> bool:
        """Return whether this is a run that must come out the same again: where live goes on without, it stops."""
        return self.namespace.startswith(BACKTEST)

    @property
    def memory(self) -> ExperienceMemory:
        """Return the experience memory."""
        if self._memory is None:
            self._memory = open_memory(self.database, self.settings.experience_config.rag_config)
        return self._memory

    @property
    def namespaces(self) -> tuple[str, ...]:
        """Return the namespaces that retrieval may read: the own one first."""
        return (self.namespace, *self.settings.experience_config.rag_config.read_namespaces)
