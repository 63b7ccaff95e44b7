"""All blocks of the configuration, read through freqtrade's file; a bad key is named with what is valid."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from candlegraph.graph.schema.errors import ConfigError
from candlegraph.graph.settings.block import Block
from candlegraph.graph.settings.context import ContextConfig, minutes_of, timeframes_above
from candlegraph.graph.settings.experience import ExperienceConfig
from candlegraph.graph.settings.llm import LlmConfig
from candlegraph.graph.settings.monitoring import Monitoring
from candlegraph.graph.settings.refusal import PlaceOf, explained
from candlegraph.graph.settings.risk import RiskManagement
from candlegraph.graph.settings.tracing import Tracing


class Settings(Block):
    """All blocks."""

    llm_config: LlmConfig = LlmConfig()
    experience_config: ExperienceConfig = ExperienceConfig()
    risk_management: RiskManagement = RiskManagement()
    context_config: ContextConfig = ContextConfig()
    monitoring: Monitoring = Monitoring()
    tracing: Tracing = Tracing()


def settings_of(config: Mapping[str, Any], place: PlaceOf | None = None) -> Settings:
    """Return the settings in freqtrade's `config`; raise ConfigError naming file, key, value and what is valid.

    `place` names the file, or the variable, that a key was read from. Timeframes that are not named follow freqtrade's
    `timeframe`.
    """
    blocks = {name: config[name] for name in Settings.model_fields if name in config}
    context, main = blocks.get("context_config", {}), config.get("timeframe")
    if isinstance(context, Mapping) and "timeframes" not in context and minutes_of(main) is not None:
        blocks["context_config"] = {**context, "timeframes": timeframes_above(str(main))}
    try:
        return Settings.model_validate(blocks)
    except ValidationError as e:
        # Without the cause: pydantic's own report would stand above ours.
        raise ConfigError(explained(e, place or (lambda path: "config"), Settings)) from None
