"""Random agents that trade like the run: what chance alone would have made of its trades.

An agent keeps each pair's gaps, sides, stops, targets and stakes in their order, begins at a random candle of the
circle (all pairs by one offset, so that what moved together still does) and plays the exits anew. A holding time of the
run is never used: how long a trade lasted says how it went.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from candlegraph.freqtrade_bridge.truth.circle import Circle, Exits
from candlegraph.graph.schema.frozen import Frozen

DRAWS = 499
"""Agents; with the run itself 500, so that the smallest p is 0.002."""


class MatchedEntry(NamedTuple):
    """One entry of the run, as an agent makes it again."""

    gap: int
    """Candles since the pair's trade before it ended, of its first: since the run began."""
    sign: int
    exits: Exits
    notional: float
    """Stake times leverage, as a share of the starting balance."""


class Luck(Frozen):
    """A result beside those of random agents; ratios are of the starting balance."""

    agents: int = Field(gt=0)
    median: float
    low: float = Field(description="5 % of the agents made less")
    high: float = Field(description="5 % of the agents made more")
    as_good: float = Field(gt=0, le=1, description="share at least as good as the run, which is counted among them")


def luck_of(results: NDArray[np.float64], result: float) -> Luck:
    """Return a run's result beside the agents'; `as_good` is the p-value of a Monte Carlo test.

    Davison and Hinkley, Bootstrap Methods and their Application (1997), 4.11.
    """
    low, median, high = (float(one) for one in np.quantile(results, [0.05, 0.5, 0.95]))
    as_good = float(1 + (results >= result).sum()) / (1 + len(results))
    return Luck(agents=len(results), median=median, low=low, high=high, as_good=as_good)


def agents_of(
    circles: Mapping[str, Circle], entries: Mapping[str, Sequence[MatchedEntry]], *, fee: float, seed: int
) -> NDArray[np.float64]:
    """Return what the agents make, each a share of the starting balance; the same seed gives the same agents.

    `fee` is the share of the notional that each fill costs; funding is left out.
    """
    rng = np.random.default_rng(seed)
    offsets = rng.integers(max(circle.count for circle in circles.values()), size=DRAWS)
    results = [
        sum(result_of(circles[pair], given, int(one), fee) for pair, given in entries.items()) for one in offsets
    ]
    return np.asarray(results, dtype=np.float64)


def result_of(circle: Circle, entries: Sequence[MatchedEntry], offset: int, fee: float) -> float:
    """Return what one pair's entries come to from a candle of the circle on, a share of the starting balance."""
    at, result = offset, 0.0
    for entry in entries:
        at += entry.gap
        play = circle.played(at, entry.sign, entry.exits)
        at += play.candles
        result += entry.notional * (play.move - fee * (2 + entry.sign * play.move))
    return result
