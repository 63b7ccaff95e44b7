"""Composition root: freqtrade's configuration in, the context of a run out."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from langchain_core.language_models import BaseChatModel

from candlegraph.agents.decision import check_budget
from candlegraph.agents.models.providers import POLICY, provider_of
from candlegraph.graph.context import Context
from candlegraph.graph.schema.errors import ConfigError, MemoryAway
from candlegraph.graph.settings.settings import Settings, settings_of
from candlegraph.tools.market.situation_versions import space_now

logger = logging.getLogger(__name__)

OTHER_SPACES = (
    "situations are compared in %s; %d experiences of other spaces (%s) are found %s. `candlegraph memory reembed` "
    "with a text model in experience_config.rag_config.embedding lets them be found by their words; the "
    "context_config.timeframes that a space names, by their situation"
)
BY_WORDS, NEVER = "by their words alone", "no more, though patterns and statistics count them"


def open_context(config: Mapping[str, Any], namespace: str, model: BaseChatModel | None = None) -> Context:
    """Return the context of one run, with model and memory opened; raise ConfigError on a bad or missing setting.

    `model` decides in every role, instead of the configured ones.
    """
    context = Context(
        settings=settings_of(config), namespace=namespace, user_data_dir=str(config.get("user_data_dir", "user_data"))
    )
    context = context if model is None else context.with_model(model)
    check_budget(context.settings)
    # here, so that a bad endpoint or database stops the start and not a candle
    context.models.open(also=("reviewer",) if reflects_by_model(context.settings) else ())
    _open_memory(context)
    return context


def _open_memory(context: Context) -> None:
    try:
        if context.memory.rag.database_url is not None:
            context.memory.follow()
        _say_other_spaces(context)
    except MemoryAway as e:
        if context.is_backtest:
            raise
        # Open positions need their bot more than it needs its memory.
        logger.error("started without the memory, which is asked again at every candle: %s", e)


def _say_other_spaces(context: Context) -> None:
    """Warn of experiences whose situation is no longer compared: after a new version, or with other timeframes."""
    now = space_now(context.settings.context_config.timeframes)
    others = {name: count for name, count in context.memory.situation_spaces(context.namespaces).items() if name != now}
    if others:
        told = ", ".join(f"{name}: {count}" for name, count in others.items())
        how = BY_WORDS if context.memory.has_texts else NEVER
        logger.warning(OTHER_SPACES, now, sum(others.values()), told, how)


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
