"""The reward of a closed trade: profit, weighed by how well it was traded and by its leverage."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

FACTORS = ((5.0, 1.0), (10.0, 1.1), (20.0, 1.2))
ABOVE = 1.3
TREND_TRADES = 10


def reward(profit_pct: float, score: float, leverage: float) -> float:
    """Return the documented reward; it punishes a well-managed loss more than a careless one."""
    return profit_pct / 100 * score / 100 * leverage_factor(leverage)


def reward_quality(profit_pct: float, score: float, leverage: float) -> float:
    """Return the reward that turns the score around on losses: the better managed, the cheaper."""
    quality = score if profit_pct >= 0 else 100 - score
    return reward(profit_pct, quality, leverage)


def leverage_factor(leverage: float) -> float:
    """Return the weight of the leverage: 1.0 up to 5x, 1.1 up to 10x, 1.2 up to 20x, 1.3 above."""
    return next((factor for most, factor in FACTORS if leverage <= most), ABOVE)


def recent_trend(rewards: Sequence[float]) -> float | None:
    """Return the mean reward of the newest ten trades minus that of the ten before; None below twenty, oldest first."""
    if len(rewards) < 2 * TREND_TRADES:
        return None
    return fmean(rewards[-TREND_TRADES:]) - fmean(rewards[-2 * TREND_TRADES : -TREND_TRADES])
