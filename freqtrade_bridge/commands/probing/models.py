"""A model that is tried: the configuration's, one that a name stands for, or one that reads nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from candlegraph.agents.decision import check_budget
from candlegraph.freqtrade_bridge.commands.run_arguments import named_model
from candlegraph.freqtrade_bridge.scenarios.asking import ScenarioContext
from candlegraph.freqtrade_bridge.scenarios.foils import FOILS, FoilModel
from candlegraph.graph.settings.settings import settings_of

TRIED = {"triage": {"enabled": False}, "mode": "live"}
"""Each situation is asked anew: nothing is left out since it is like the one before, nothing comes from a cassette."""
KEPT = ("language", "max_context_tokens", "allocation", "indicator_history_points")
"""Of context_config; the timeframes are those of the situations."""
LOCAL = "local"
PATIENT = {"timeout": 900.0, "breaker": {"failures": 1000}}
"""Of the model in this process: it answers as fast as the machine lets it, and is never away."""


class Tried(NamedTuple):
    """A model and the context in which it is asked; `at_once` situations at a time."""

    name: str
    context: ScenarioContext
    at_once: int


def tried_models(
    names: Sequence[str] | None, config: Mapping[str, Any], *, timeframes: Sequence[str] = ()
) -> list[Tried]:
    """Return the models; raise ConfigError where one cannot be opened, before any is asked.

    `timeframes`: of the recorded market that they are asked about; without, those of our situations.
    """
    return [_tried(name, config, timeframes) for name in names or (None,)]


def _tried(name: str | None, config: Mapping[str, Any], timeframes: Sequence[str]) -> Tried:
    is_foil = name in FOILS
    chosen = named_model("policy") | {"prompt": "full", "depth": "fast"} if is_foil else named_model(name)
    context = ScenarioContext(settings=settings_of(_asked(config, chosen, timeframes)))
    rules = context.settings.llm_config
    if is_foil:
        context = context.with_model(FoilModel(foil=name))
    check_budget(context.settings)
    context.models.open()
    is_alone = rules.provider == LOCAL
    return Tried(name or context.model_name, context, 1 if is_alone else rules.decision.max_concurrency)


def _asked(config: Mapping[str, Any], chosen: Mapping[str, Any], timeframes: Sequence[str]) -> dict[str, Any]:
    """Return the configuration by which situations are asked: our limits and timeframes, its models and language."""
    llm = {**config.get("llm_config", {}), **chosen, **TRIED}
    llm |= PATIENT if llm.get("provider") == LOCAL else {}
    llm["decision"] = {**llm.get("decision", {}), "max_memory_calls": 0}
    context = {name: value for name, value in config.get("context_config", {}).items() if name in KEPT}
    context |= {"timeframes": list(timeframes)} if timeframes else {}
    return {"llm_config": llm, "context_config": context}
