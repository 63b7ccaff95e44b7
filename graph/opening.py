"""Composition root: freqtrade's configuration in, the context of a run out."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from candlegraph.agents.decision import check_budget
from candlegraph.agents.models.providers import POLICY, provider_of
from candlegraph.graph.context import Context
from candlegraph.graph.schema.errors import ConfigError, MemoryAway
from candlegraph.graph.settings.settings import Settings, settings_of

logger = logging.getLogger(__name__)


def open_context(config: Mapping[str, Any], namespace: str) -> Context:
    """Return the context of one run, with model and memory opened; raise ConfigError on a bad or missing setting."""
    context = Context(
        settings=settings_of(config), namespace=namespace, user_data_dir=str(config.get("user_data_dir", "user_data"))
    )
    check_budget(context.settings)
    # here, so that a bad endpoint or database stops the start and not a candle
    context.models.open(also=("reviewer",) if reflects_by_model(context.settings) else ())
    _open_memory(context)
    return context


def _open_memory(context: Context) -> None:
    if context.memory.rag.database_url is None:
        return
    try:
        context.memory.follow()
    except MemoryAway as e:
        if context.is_backtest:
            raise
        # Open positions need their bot more than it needs its memory.
        logger.error("started without the memory, which is asked again at every candle: %s", e)


def reflects_by_model(settings: Settings) -> bool:
    """Return whether closed trades are shown to the reviewer's model; raise ConfigError where that is a rule."""
    if settings.experience_config.reflection.mode == "rules":
        return False
    model = settings.llm_config.models_of("reviewer")[0]
    if provider_of(model) == POLICY:
        raise ConfigError(
            f"config: experience_config.reflection.mode = 'llm': the reviewer's model is {model.model!r}, a rule that "
            "writes no lessons; expected a language model in llm_config.roles.reviewer, or mode 'rules'"
        )
    return True
