"""All blocks of the configuration, read through freqtrade's file; a bad key is named with what is valid."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from candlegraph.graph.schema.errors import ConfigError
from candlegraph.graph.settings.block import Block
from candlegraph.graph.settings.context import ContextConfig, minutes_of, timeframes_above
from candlegraph.graph.settings.experience import ExperienceConfig
from candlegraph.graph.settings.llm import LlmConfig
from candlegraph.graph.settings.monitoring import Monitoring
from candlegraph.graph.settings.prompts import texts_in
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
    asked = place or (lambda path: "config")
    try:
        return Settings.model_validate(_with_prompts(blocks, asked))
    except ValidationError as e:
        # Without the cause: pydantic's own report would stand above ours.
        raise ConfigError(explained(e, asked, Settings)) from None


def _with_prompts(blocks: dict[str, Any], place: PlaceOf) -> dict[str, Any]:
    """Return the blocks with the texts that `llm_config.prompts_dir` names."""
    llm_config = blocks.get("llm_config")
    folder = llm_config.get("prompts_dir") if isinstance(llm_config, Mapping) else None
    if not (folder and isinstance(folder, str) and isinstance(llm_config, Mapping)):
        return blocks
    try:
        texts = texts_in(Path(folder))
    except ConfigError as e:
        where = place(("llm_config", "prompts_dir"))
        raise ConfigError(f"{where}: llm_config.prompts_dir = {folder!r}: {e}") from None
    return blocks | {"llm_config": {**llm_config, "own_prompts": texts | (llm_config.get("own_prompts") or {})}}
