"""Success and failure patterns: what the closed trades of one setup gave together, with intervals, and what follows."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from statistics import NormalDist, fmean, stdev
from typing import NamedTuple

from candlegraph.graph.schema.facts import ExperienceFacts, Facts, Verdict
from candlegraph.graph.schema.lessons import Guidance, Pattern
from candlegraph.graph.schema.market import Side
from candlegraph.graph.settings.experience import Reward, RewardMode
from candlegraph.memory.learning.outlines import Known, Outline
from candlegraph.memory.learning.scores import recent_trend
from candlegraph.memory.learning.setups import LEVELS, Level, Setup, setup_of_facts

SIDES: tuple[Side, ...] = ("long", "short")
WELL_TRADED = 70
"""The score from which on a win is a success and not luck."""

Patterns = Mapping[Setup, Pattern]

NORMAL_FROM = 200
"""Degrees of freedom from which on t is taken as normal: the quantiles differ by less than 1 %."""


@lru_cache(maxsize=16)  # the known trades change when one is closed, not at every candle
def patterns_of(known: Known, rules: Reward) -> Patterns:
    """Return every pattern of every level, each also by band of leverage; forced trades taught nothing."""
    groups: dict[Setup, list[Outline]] = defaultdict(list)
    for trade in known.trades:
        for level in LEVELS:
            for wanted in (level, (*level, "leverage")):
                if (setup := trade.setup.at(wanted)) is not None:
                    groups[setup].append(trade)
    enough = rules.min_pattern_trades
    return {setup: pattern_of(setup, group, rules) for setup, group in groups.items() if len(group) >= enough}


def pattern_of(setup: Setup, trades: Sequence[Outline], rules: Reward) -> Pattern:
    """Return what at least two trades of a setup gave."""
    wins, losses = sum(one.profit_pct > 0 for one in trades), sum(one.profit_pct < 0 for one in trades)
    successes = sum(one.profit_pct > 0 and one.score >= WELL_TRADED for one in trades)
    rewards = [reward_of(one, rules.mode) for one in trades]
    rate = win_rate_interval(wins, len(trades), rules.confidence_level)
    reward = mean_interval(rewards, rules.confidence_level)
    return Pattern(
        **setup._asdict(),
        trades=len(trades),
        wins=wins,
        losses=losses,
        successes=successes,
        win_rate=wins / len(trades),
        win_rate_low=rate.low,
        win_rate_high=rate.high,
        mean_reward=fmean(rewards),
        reward_low=reward.low,
        reward_high=reward.high,
        verdict=verdict_of(rate, reward, is_well_traded=successes > losses),
    )


def verdict_of(rate: Interval, reward: Interval, *, is_well_traded: bool) -> Verdict:
    """Return what the intervals say: warned or favoured by one of them, if the other does not say the opposite.

    A trend follower loses often and earns on the whole: that is open, not warned. More lucky or lost trades than
    successes are nothing to recommend.
    """
    bad = rate.high < 0.5 or reward.high < 0
    good = rate.low > 0.5 or reward.low > 0
    if bad and not good:
        return "warned"
    return "favoured" if good and not bad and is_well_traded else "open"


def guidance_of(known: Known, facts: Facts, *, rules: Reward, needed: int) -> Guidance:
    """Return what is known of both sides of the present situation, once `needed` trades were closed."""
    patterns = patterns_of(known, rules) if len(known.trades) >= needed else {}
    cumulative, trend = earned(known, rules.mode)
    found = [one for side in SIDES if (one := finest(patterns, setup_of_facts(facts, side))) is not None]
    return Guidance(
        trades=len(known.trades),
        needed=needed,
        level=rules.confidence_level,
        patterns=tuple(pattern for _, pattern in found),
        by_leverage=tuple(one for level, pattern in found for one in by_leverage(patterns, level, pattern)),
        cumulative_reward=cumulative,
        recent_trend=trend,
    )


@lru_cache(maxsize=16)
def earned(known: Known, mode: RewardMode) -> tuple[float, float | None]:
    """Return the sum of all rewards, and their recent trend."""
    rewards = [reward_of(one, mode) for one in known.trades]
    return sum(rewards), recent_trend(rewards)


def finest(patterns: Patterns, setup: Setup) -> tuple[Level, Pattern] | None:
    """Return the pattern of the finest level that has enough trades; the coarsest is side and regime."""
    for level in LEVELS:
        wanted = setup.at(level)
        if wanted is not None and wanted in patterns:
            return level, patterns[wanted]
    return None


def by_leverage(patterns: Patterns, level: Level, whole: Pattern) -> list[Pattern]:
    """Return the bands of leverage whose trades say something else than all trades of the setup do."""
    same = {name: getattr(whole, name) for name in ("side", *level)}
    bands = [one for setup, one in patterns.items() if setup == Setup(**same, leverage=setup.leverage)]
    telling = [one for one in bands if one.leverage is not None and one.verdict not in ("open", whole.verdict)]
    return sorted(telling, key=lambda one: str(one.leverage))


def reward_of(trade: Outline, mode: RewardMode) -> float:
    """Return the stored reward of the configured mode."""
    return trade.reward if mode == "documented" else trade.reward_quality


def with_patterns(summary: ExperienceFacts, guidance: Guidance) -> ExperienceFacts:
    """Return the summary with the numbers of the pattern that each side matches."""
    numbers: dict[str, str | float] = {}
    for one in guidance.patterns:
        numbers |= {
            f"{one.side}_pattern": one.verdict,
            f"{one.side}_pattern_trades": one.trades,
            f"{one.side}_pattern_rate": one.win_rate,
        }
    return summary.model_copy(update=numbers)


class Interval(NamedTuple):
    """Where a value lies, by the data alone."""

    low: float
    high: float


def win_rate_interval(wins: int, trades: int, level: float) -> Interval:
    """Return Wilson's interval of a rate, 0-1, after `trades` > 0 trials."""
    z = NormalDist().inv_cdf((1 + level) / 2)
    rate, spread = wins / trades, z * z / trades
    centre = (rate + spread / 2) / (1 + spread)
    half = z * math.sqrt(rate * (1 - rate) / trades + spread / (4 * trades)) / (1 + spread)
    # At the ends the interval reaches 0 or 1 exactly; rounding would leave a hair.
    return Interval(0.0 if wins == 0 else centre - half, 1.0 if wins == trades else centre + half)


def mean_interval(values: Sequence[float], level: float) -> Interval:
    """Return Student's interval of the mean of at least two values."""
    mean = fmean(values)
    half = t_quantile((1 + level) / 2, len(values) - 1) * stdev(values) / math.sqrt(len(values))
    return Interval(mean - half, mean + half)


@cache
def t_quantile(probability: float, degrees: int) -> float:
    """Return the quantile of Student's distribution for 0.5 <= probability < 1, by bisection."""
    if degrees >= NORMAL_FROM:
        return NormalDist().inv_cdf(probability)
    low, high = 0.0, math.pi / 2  # of atan(t / sqrt(degrees)): a bounded range for any t
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _central_share(middle, degrees) < 2 * probability - 1 else (low, middle)
    return math.tan(low) * math.sqrt(degrees)


def _central_share(angle: float, degrees: int) -> float:
    """Return P(|T| < t) for tan(angle) = t / sqrt(degrees): Abramowitz and Stegun, 26.7.3 and 26.7.4."""
    sine, cosine = math.sin(angle), math.cos(angle)
    term, total = (cosine if degrees % 2 else 1.0), 0.0
    for k in range(1 + degrees % 2, degrees, 2):
        total += term
        term *= cosine * cosine * k / (k + 1)
    return 2 / math.pi * (angle + sine * total) if degrees % 2 else sine * total
