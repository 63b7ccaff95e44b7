"""All four blocks of the configuration, read through freqtrade's file; a bad key is named with what is valid."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any, get_args

from pydantic import ValidationError

from candlegraph.graph.schema.errors import ConfigError
from candlegraph.graph.settings.block import Block
from candlegraph.graph.settings.context import ContextConfig
from candlegraph.graph.settings.experience import ExperienceConfig
from candlegraph.graph.settings.llm import LlmConfig
from candlegraph.graph.settings.risk import RiskManagement


class Settings(Block):
    """All four blocks."""

    llm_config: LlmConfig = LlmConfig()
    experience_config: ExperienceConfig = ExperienceConfig()
    risk_management: RiskManagement = RiskManagement()
    context_config: ContextConfig = ContextConfig()


def settings_of(config: Mapping[str, Any]) -> Settings:
    """Return the settings in freqtrade's `config`; raise ConfigError naming key, value and what is valid."""
    blocks = {name: config[name] for name in Settings.model_fields if name in config}
    try:
        return Settings.model_validate(blocks)
    except ValidationError as e:
        raise ConfigError("\n".join(_explain(error) for error in e.errors())) from e


def _explain(error: Any) -> str:
    path = [str(part) for part in error["loc"]]
    key = ".".join(path)
    if error["type"] != "extra_forbidden":
        # A block may hold one.
        is_secret = "api_key" in key or "database_url" in key or isinstance(error["input"], Mapping)
        shown = "***" if is_secret else repr(error["input"])
        return f"config: {key} = {shown}: {error['msg']}"
    names = list(_block_at(path[:-1]).model_fields)
    near = difflib.get_close_matches(path[-1], names, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"valid: {', '.join(names)}"
    return f"config: {key}: unknown key; {hint}"


def _block_at(path: Sequence[str]) -> Any:
    """Return the block that `path` leads to, through lists and tables of blocks."""
    inner: Any = Settings
    for part in path:
        is_block = isinstance(inner, type) and issubclass(inner, Block)
        inner = (
            inner.model_fields[part].annotation if is_block else [one for one in get_args(inner) if one is not ...][-1]
        )
    return inner
