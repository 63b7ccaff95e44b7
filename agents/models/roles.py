"""The role models of one run: opened once, with one circuit per endpoint and one recorder for all."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage
from langchain_core.runnables import Runnable
from langchain_core.tools import BaseTool

from candlegraph.agents.models.breaker import Circuit
from candlegraph.agents.models.engine import FREE, RoleModel
from candlegraph.agents.models.ladder import Ladder
from candlegraph.agents.models.providers import secrets_of
from candlegraph.agents.models.recorder import Recorder
from candlegraph.agents.models.rung import Rung
from candlegraph.graph.schema.calls import Role
from candlegraph.graph.settings.context import Language
from candlegraph.graph.settings.llm import Depth, LlmConfig, ModelSettings

ROLES: tuple[Role, ...] = get_args(Role)
ASKED: dict[Depth, tuple[Role, ...]] = {"fast": ("decision",), "balanced": ("decision", "reviewer"), "deep": ROLES}
"""Which roles are models at each depth."""


class RoleModels:
    """Every role's way to its models; `given` takes the place of all configured ones."""

    def __init__(
        self, config: LlmConfig, cassette: Path, given: BaseChatModel | None = None, language: Language = "en"
    ) -> None:
        self._config = config
        self._language = language
        self._given = given
        self._circuits: dict[str, Circuit] = {}
        self._recorder = Recorder(config.mode, cassette)
        self._roles: dict[Role, RoleModel] = {}
        self._bound: dict[tuple[str, ...], Runnable[LanguageModelInput, AIMessage]] = {}

    def open(self, also: Sequence[Role] = ()) -> None:
        """Open what this depth and `also` ask: a bad endpoint stops the start, not a candle; a replay opens none."""
        self._recorder.open()
        if self._config.mode == "replay":
            return
        for role in dict.fromkeys((*ASKED[self._config.depth], *also)):
            for rung in self.of(role).ladder.rungs:
                rung.model  # noqa: B018

    def of(self, role: Role) -> RoleModel:
        """Return the role's model."""
        if role not in self._roles:
            rungs = tuple(self._rung(settings) for settings in self._config.models_of(role))
            secrets = {secret for rung in rungs for secret in secrets_of(rung.settings)}
            ladder = Ladder(rungs, self._circuit, tuple(secrets))
            free = {rung.settings.model: FREE for rung in rungs if rung.settings.is_free}
            prices = free | self._config.prices
            self._roles[role] = RoleModel(role=role, ladder=ladder, recorder=self._recorder, prices=prices)
        return self._roles[role]

    def bound(
        self, role: Role, tools: Sequence[BaseTool | type | dict[str, Any]]
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Return the role's model bound to `tools`; once per set, since making schemas costs a millisecond."""
        key = (role, *(_name(one) for one in tools))
        if key not in self._bound:
            self._bound[key] = self.of(role).bind_tools(list(tools))
        return self._bound[key]

    def resting(self) -> tuple[str, ...]:
        """Return the names of the models that are left alone after failures."""
        return tuple(sorted({key.rpartition(" ")[2] for key, one in list(self._circuits.items()) if one.is_open}))

    def _rung(self, settings: ModelSettings) -> Rung:
        return Rung(settings=settings, given=self._given, language=self._language)

    def _circuit(self, endpoint: str) -> Circuit:
        if endpoint not in self._circuits:
            self._circuits[endpoint] = Circuit(self._config.breaker)
        return self._circuits[endpoint]


def _name(tool: BaseTool | type | dict[str, Any]) -> str:
    """Return the name of a function, however it is given."""
    if isinstance(tool, dict):
        return str(tool["function"]["name"])
    return tool.name if isinstance(tool, BaseTool) else tool.__name__
