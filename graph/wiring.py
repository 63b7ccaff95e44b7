"""Composition root: freqtrade's configuration in, the context of a run out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from candlegraph.agents.decision import check_budget
from candlegraph.graph.context import Context
from candlegraph.graph.settings import settings_of


def open_context(config: Mapping[str, Any], namespace: str) -> Context:
    """Return the context of one run, with model and memory opened; raise ConfigError on a bad or missing setting."""
    context = Context(
        settings=settings_of(config), namespace=namespace, user_data_dir=str(config.get("user_data_dir", "user_data"))
    )
    check_budget(context.settings)
    context.models.open()  # here, so that a bad endpoint or database stops the start and not a candle
    context.memory  # noqa: B018
    return context
