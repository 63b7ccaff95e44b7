"""Two-sided confidence intervals for few observations, which are taken as independent.

Win rate: Wilson's score interval (E. B. Wilson, JASA 22, 1927), which keeps near its level for few trials where the
textbook interval does not (Brown, Cai, DasGupta, Statistical Science 16, 2001). Mean: Student's t (Biometrika 6, 1908).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from statistics import NormalDist, fmean, stdev
from typing import NamedTuple

NORMAL_FROM = 200
"""Degrees of freedom from which on t is taken as normal: the quantiles differ by less than 1 %."""


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
