"""Success and failure patterns: what the closed trades of one setup gave together, their intervals and verdict."""

from __future__ import annotations

import math
from functools import cache
from statistics import NormalDist
from typing import NamedTuple

from candlegraph.graph.schema.facts import ExperienceFacts, Facts
from candlegraph.graph.schema.lessons import Advice, Guidance, Pattern
from candlegraph.graph.schema.market import Side
from candlegraph.graph.settings.experience import Reward
from candlegraph.memory.learning.counts import Counts, Moments, Tally
from candlegraph.memory.learning.evidence import Verdict, shrunk_mean, verdict_of
from candlegraph.memory.learning.setups import BANDS, GRAIN_SHARES, GRAINS, Grain, Setup, setup_of_facts

SIDES: tuple[Side, ...] = ("long", "short")
NORMAL_FROM = 200
"""Degrees of freedom from which on t is taken as normal: the quantiles differ by less than 1 %."""


def guidance_of(counts: Counts, facts: Facts, *, rules: Reward, needed: int) -> Guidance:
    """Return what is known of both sides of the present situation, once `needed` trades were closed."""
    cumulative, trend = counts.earned(rules.mode)
    setups = [setup_of_facts(facts, side) for side in SIDES] if counts.trades >= needed else []
    found = [one for setup in setups if (one := judged(counts, setup, rules)) is not None]
    return Guidance(
        trades=counts.trades,
        needed=needed,
        level=rules.confidence_level,
        patterns=tuple(pattern for _, pattern in found),
        by_leverage=tuple(one for grain, pattern in found for one in by_leverage(counts, grain, pattern, rules)),
        advice=tuple(advice for setup in setups if (advice := advised(counts, setup)) is not None),
        net_result=counts.net_result,
        cumulative_reward=cumulative,
        recent_trend=trend,
    )


def judged(counts: Counts, setup: Setup, rules: Reward) -> tuple[Grain, Pattern] | None:
    """Return the pattern of the finest grain that has a verdict, else of the finest one; None without any.

    A grain is a pattern from `min_pattern_trades` on; it backs off no further than to side and regime.
    """
    grains = [(grain, one) for grain in GRAINS if (one := setup.at(grain)) is not None]
    cells = [(grain, one, counts.by_setup[one]) for grain, one in grains if one in counts.by_setup]
    cells = [cell for cell in cells if cell[2].trades >= rules.min_pattern_trades]
    if not cells:
        return None
    whole = sum(GRAIN_SHARES[grain] for grain, _ in grains)
    verdict = verdict_of([tally.evidence for *_, tally in cells], [GRAIN_SHARES[one] / whole for one, *_ in cells])
    grain, found, tally = cells[verdict.level]
    return grain, pattern_of(found, tally, verdict, rules)


def advised(counts: Counts, setup: Setup) -> Advice | None:
    """Return the standing advice of the finest grain that has any."""
    for grain in GRAINS:
        found = setup.at(grain)
        better = None if found is None or found not in counts.gains else counts.gains[found].better
        if found is not None and better is not None:
            where = {name: value for name, value in found._asdict().items() if name != "leverage"}
            rule = {"kind": better.rule.kind, "value": better.rule.value}
            return Advice(**where, **rule, trades=better.trades, gain_atr=better.gain_atr)
    return None


def pattern_of(setup: Setup, tally: Tally, verdict: Verdict, rules: Reward) -> Pattern:
    """Return what at least two trades of a setup gave, with what they prove."""
    rewards = tally.rewards[rules.mode]
    rate = win_rate_interval(tally.wins, tally.trades, rules.confidence_level)
    reward = mean_interval(rewards, rules.confidence_level)
    return Pattern(
        **setup._asdict(),
        trades=tally.trades,
        observations=tally.evidence.observations,
        wins=tally.wins,
        losses=tally.losses,
        successes=tally.successes,
        win_rate=tally.wins / tally.trades,
        win_rate_low=rate.low,
        win_rate_high=rate.high,
        mean_r=verdict.mean,
        mean_reward=rewards.mean,
        reward_low=reward.low,
        reward_high=reward.high,
        verdict=verdict.judgement,
        favour=verdict.capital.up,
        against=verdict.capital.down,
    )


def by_leverage(counts: Counts, grain: Grain, whole: Pattern, rules: Reward) -> list[Pattern]:
    """Return the bands of leverage whose trades say something else than all trades of the setup do."""
    same = Setup(**{name: getattr(whole, name) for name in ("side", *grain)})
    all_of_them = counts.by_setup[same].evidence
    found = []
    for band in BANDS:
        setup = same._replace(leverage=band)
        tally = counts.by_setup.get(setup)
        if tally is None or tally.trades < rules.min_pattern_trades:
            continue
        verdict = verdict_of([tally.evidence], [1 / len(BANDS)])
        if verdict.judgement not in ("open", whole.verdict):
            mean = shrunk_mean([tally.evidence, all_of_them])
            found.append(pattern_of(setup, tally, verdict.model_copy(update={"mean": mean}), rules))
    return found


def with_patterns(summary: ExperienceFacts, guidance: Guidance) -> ExperienceFacts:
    """Return the summary with the numbers of the pattern that each side matches."""
    numbers: dict[str, str | float] = {}
    for one in guidance.patterns:
        numbers |= {f"{one.side}_pattern": one.verdict, f"{one.side}_against": one.against}
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


def mean_interval(values: Moments, level: float) -> Interval:
    """Return Student's interval of the mean of at least two values."""
    half = t_quantile((1 + level) / 2, values.count - 1) * values.deviation / math.sqrt(values.count)
    return Interval(values.mean - half, values.mean + half)


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
