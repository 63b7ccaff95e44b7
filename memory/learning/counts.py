"""What closed trades gave, and what would have done better, set-up by set-up, counted as it becomes known.

outline after outline, complete table after complete table -> the counts of every set-up that it belongs to, at every
level, and of all trades

One more trade costs as much after a hundred thousand as after ten; whoever reads an earlier moment counts anew.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from typing import NamedTuple

from candlegraph.graph.settings.experience import RewardMode
from candlegraph.memory.learning.advice import Gains, Paired
from candlegraph.memory.learning.evidence import Evidence, Result
from candlegraph.memory.learning.outline import Outline, reward_of
from candlegraph.memory.learning.scores import TREND_TRADES, recent_trend
from candlegraph.memory.learning.setups import GRAINS, Setup

MODES: tuple[RewardMode, ...] = ("documented", "quality")
WELL_TRADED = 70
"""The score from which on a win is a success and not luck."""


class Moments:
    """Mean and spread of numbers, one after another (Welford, Technometrics 4, 1962)."""

    def __init__(self) -> None:
        self.count, self.mean, self._squares = 0, 0.0, 0.0

    def add(self, value: float) -> None:
        """Count one more."""
        self.count += 1
        away = value - self.mean
        self.mean += away / self.count
        self._squares += away * (value - self.mean)

    @property
    def deviation(self) -> float:
        """Return the standard deviation of at least two."""
        return math.sqrt(self._squares / (self.count - 1))


class Tally:
    """What the trades of one set-up gave."""

    def __init__(self) -> None:
        self.trades = self.wins = self.losses = self.successes = 0
        self.rewards: Mapping[RewardMode, Moments] = {mode: Moments() for mode in MODES}
        self.evidence = Evidence()
        """Of those with a planned stop: what they risked is known."""

    def add(self, trade: Outline) -> None:
        """Count one more trade."""
        self.trades += 1
        self.wins += trade.profit_pct > 0
        self.losses += trade.profit_pct < 0
        self.successes += trade.profit_pct > 0 and trade.score >= WELL_TRADED
        for mode, moments in self.rewards.items():
            moments.add(reward_of(trade, mode))
        if trade.net_r is not None:
            self.evidence.add(Result(trade.span, trade.net_r, trade.beside))


class Completed(NamedTuple):
    """A trade whose counterfactual table is complete."""

    id: int
    known_at: int
    setup: Setup
    paired: Paired


class Counts:
    """All closed trades and complete tables known at one moment, in the order in which they became known."""

    def __init__(self) -> None:
        self.trades = self.tables = 0
        self.net_result = 0.0
        """Of all trades, quote currency."""
        self.by_setup: dict[Setup, Tally] = {}
        self.gains: dict[Setup, Gains] = {}
        self._earned = dict.fromkeys(MODES, 0.0)
        self._newest = {mode: deque[float](maxlen=2 * TREND_TRADES) for mode in MODES}

    def add(self, trade: Outline) -> None:
        """Count one more trade in every set-up that it belongs to."""
        self.trades += 1
        self.net_result += trade.profit_abs
        for mode in MODES:
            self._earned[mode] += reward_of(trade, mode)
            self._newest[mode].append(reward_of(trade, mode))
        for setup in setups_of(trade):
            self.by_setup.setdefault(setup, Tally()).add(trade)

    def complete(self, table: Completed) -> None:
        """Count one more complete table in every set-up that it belongs to."""
        self.tables += 1
        for grain in GRAINS:
            if (setup := table.setup.at(grain)) is not None:
                self.gains.setdefault(setup, Gains()).add(table.paired)

    def earned(self, mode: RewardMode) -> tuple[float, float | None]:
        """Return the sum of all rewards, and their recent trend."""
        return self._earned[mode], recent_trend(list(self._newest[mode]))


def setups_of(trade: Outline) -> list[Setup]:
    """Return the set-up of a trade at every grain at which it is known, also by band of leverage."""
    wanted = [trade.setup.at(one) for grain in GRAINS for one in (grain, (*grain, "leverage"))]
    return [setup for setup in wanted if setup is not None]
