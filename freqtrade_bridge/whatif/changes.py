"""What is changed in a what-if: risk limits, the leverage or stop of every entry, the memory, the reviewing model."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, Literal

from pydantic import Field, ValidationError

from candlegraph.graph.schema.errors import ConfigError
from candlegraph.graph.schema.frozen import Frozen
from candlegraph.graph.schema.lessons import Lessons
from candlegraph.graph.schema.market import SIGN, MarketSnapshot
from candlegraph.graph.schema.signal import Proposal
from candlegraph.graph.settings.settings import Settings, settings_of
from candlegraph.tools.risk.stops import stop_atr

BLOCK = "risk_management"
Part = Literal["memory", "reviewer"]
NO_MEMORY = Lessons(unavailable="experience_config.use_experience is off")


class Changes(Frozen):
    """All that is otherwise; nothing named is as it was."""

    rules: dict[str, Any] = Field({}, description="keys below risk_management, dotted, with their values")
    leverage: float | None = Field(None, ge=1, le=100, description="that every entry asks for, before the gate")
    stop_atr: float | None = Field(None, gt=0, le=20, description="ATR from the price to the stop of every entry")
    without: frozenset[Part] = frozenset()

    @property
    def needs_graph(self) -> bool:
        """Return whether the gate alone cannot answer."""
        return bool(self.without)

    @cached_property
    def _known(self) -> dict[str, Settings]:
        return {}

    def settings(self, then: Mapping[str, Any]) -> Settings:
        """Return the settings of a decision with these changes; raise ConfigError, naming the key, for a bad value."""
        key = json.dumps(then, sort_keys=True)
        if key not in self._known:
            self._known[key] = settings_of(self._changed(then))
        return self._known[key]

    def _changed(self, then: Mapping[str, Any]) -> dict[str, Any]:
        block = json.loads(json.dumps(then.get(BLOCK, {})))
        for dotted, value in self.rules.items():
            place, *path = block, *dotted.split(".")
            for name in path[:-1]:
                place = place.setdefault(name, {})
            place[path[-1]] = value
        return {**then, BLOCK: block}

    def proposal(self, given: Proposal, snapshot: MarketSnapshot) -> Proposal:
        """Return what was proposed, with the leverage and stop of a changed entry."""
        if not given.is_entry:
            return given
        changed: dict[str, float] = {} if self.leverage is None else {"leverage": self.leverage}
        atr, side = stop_atr(snapshot), given.entry_side
        if self.stop_atr is not None and atr and side is not None:
            changed["stop"] = snapshot.price - SIGN[side] * self.stop_atr * atr
        return given.model_copy(update=changed)

    def lessons(self, then: Lessons | None) -> Lessons | None:
        """Return what a decision is told of the past."""
        return NO_MEMORY if "memory" in self.without else then


def changes_of(rules: Sequence[str], leverage: float | None, stop: float | None, without: Sequence[Part]) -> Changes:
    """Return the changes of a command line; raise ConfigError where one is no `KEY=VALUE`, or nothing is changed."""
    pairs = [one.partition("=") for one in rules]
    if wrong := [key for key, equals, value in pairs if not (key and equals and value)]:
        raise ConfigError(f"whatif: --set {wrong[0]}: expected KEY=VALUE, like max_leverage=3 or checks.cooldown=block")
    named = {key.removeprefix(f"{BLOCK}."): _value(value) for key, _, value in pairs}
    try:
        found = Changes(rules=named, leverage=leverage, stop_atr=stop, without=frozenset(without))
    except ValidationError as e:
        told = "; ".join(f"--{one['loc'][0]}: {one['msg']}".replace("_", "-") for one in e.errors())
        raise ConfigError(f"whatif: {told}") from e
    if found == Changes():
        raise ConfigError("whatif: nothing is changed; expected --set KEY=VALUE, --leverage, --stop-atr or --without")
    found.settings({})
    return found


def _value(text: str) -> Any:
    """Return a value as JSON reads it, a word as a word."""
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text
