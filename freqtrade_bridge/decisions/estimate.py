"""What a backtest will ask and cost at most, before it does."""

from __future__ import annotations

import logging
from datetime import timedelta

from freqtrade.configuration import TimeRange

from candlegraph.agents.models.roles import ASKED
from candlegraph.graph.schema.calls import Role
from candlegraph.graph.schema.market import Frozen
from candlegraph.graph.settings.llm import LlmConfig
from candlegraph.graph.settings.settings import Settings

logger = logging.getLogger(__name__)

ANSWER_TOKENS = 250
"""A usual answer: one function with its reasons."""
ENTRY_SHARE = 0.05
"""Of decisions that end in an entry, which the reviewing model then sees; and the closed trade again, if configured."""


class Estimate(Frozen):
    """Upper bounds by model; money None: the price of a model is unknown."""

    decisions: int
    calls: dict[str, int]
    tokens_in: int
    tokens_out: int
    cost: float | None
    unpriced: tuple[str, ...]
    limit: str | None


def announce(settings: Settings, pairs: int, candles: int | None) -> None:
    """Say what a backtest that costs money will ask at most, before it asks; `candles` None: the end is open."""
    if not is_paid(settings):
        return
    if candles is None:
        logger.warning("Estimate: none, since the timerange has an open end")
        return
    for line in lines(estimate_of(settings, pairs, candles)):
        logger.warning("%s", line)


def is_paid(settings: Settings) -> bool:
    """Return whether a backtest may cost money: some model is asked that is neither in process nor replayed."""
    config = settings.llm_config
    return config.mode != "replay" and any(not config.models_of(role)[0].is_free for role in _asked(settings))


def estimate_of(settings: Settings, pairs: int, candles: int) -> Estimate:
    """Return what `candles` candles of `pairs` pairs will ask, without repairs and triage."""
    config, decisions = settings.llm_config, pairs * candles
    calls: dict[str, int] = {}
    cost = 0.0
    most_in = settings.context_config.max_context_tokens
    for role in _asked(settings):
        model, count = config.models_of(role)[0], _calls(role, decisions)
        if model.is_free:
            continue
        calls[model.model] = calls.get(model.model, 0) + count
        price = config.prices.get(model.model)
        cost += 0.0 if price is None else count * (most_in * price.input + ANSWER_TOKENS * price.output) / 1e6
    total = sum(calls.values())
    unpriced = tuple(sorted(calls.keys() - config.prices.keys()))
    return Estimate(
        decisions=decisions,
        calls=calls,
        tokens_in=total * most_in,
        tokens_out=total * ANSWER_TOKENS,
        cost=None if unpriced else cost,
        unpriced=unpriced,
        limit=_limit(config, None if unpriced else cost),
    )


def lines(estimate: Estimate) -> list[str]:
    """Return the estimate in words."""
    asked = ", ".join(f"{model} {count:,}" for model, count in estimate.calls.items())
    told = [
        f"Estimate: {estimate.decisions:,} decisions, up to {sum(estimate.calls.values()):,} calls ({asked}) "
        f"before repairs; at most {estimate.tokens_in:,} tokens in, about {estimate.tokens_out:,} out.",
    ]
    if estimate.cost is None:
        told.append(f"Cost: unknown, llm_config.prices has no price of {', '.join(estimate.unpriced)}.")
    else:
        told.append(f"Cost: at most about {estimate.cost:,.2f}, by llm_config.prices.")
    return told if estimate.limit is None else [*told, estimate.limit]


def candles_in(timerange: str, length: timedelta) -> int | None:
    """Return the candles of freqtrade's `timerange`; None where an end is open."""
    found = TimeRange.parse_timerange(timerange)
    if not (found.startdt and found.stopdt):
        return None
    return max(0, int((found.stopdt - found.startdt) / length))


def _asked(settings: Settings) -> list[Role]:
    """Return the roles that are models; a role that is asked on two occasions stands twice."""
    closed: list[Role] = ["reviewer"] if settings.experience_config.reflection.mode == "llm" else []
    return [*ASKED[settings.llm_config.depth], *closed]


def _calls(role: Role, decisions: int) -> int:
    return max(1, round(decisions * ENTRY_SHARE)) if role == "reviewer" else decisions


def _limit(config: LlmConfig, cost: float | None) -> str | None:
    most = config.budget.run_cost
    if most is None:
        return "No llm_config.budget.run_cost limits it."
    if cost is not None and cost > most:
        return f"llm_config.budget.run_cost = {most:g} may be reached: then no model is asked any more, hold or wait."
    return None
