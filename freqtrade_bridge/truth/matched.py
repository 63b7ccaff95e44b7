"""Random agents that trade like the run: what chance alone would have made of its trades.

An agent keeps each pair's gaps, sides, stops, targets and stakes in their order, begins at a random candle of the
circle (all pairs by one offset, so that what moved together still does) and plays the exits anew. A holding time of the
run is never used: how long a trade lasted says how it went.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from candlegraph.freqtrade_bridge.truth.circle import Circle, Exits, Places
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


class AgentTrade(NamedTuple):
    """One entry, as every agent makes it."""

    entry: MatchedEntry
    net: NDArray[np.float64]
    """What it makes, as a share of its notional, after fees."""
    ended: Places
    """Candles from the agent's beginning to the trade's end."""


class Agents(NamedTuple):
    """What each random agent made, in two measures of equal length."""

    results: NDArray[np.float64]
    """Share of the starting balance."""
    mean_r: NDArray[np.float64]
    """Mean of its trades, each net and in units of its loss at the stop."""


def agents_of(
    circles: Mapping[str, Circle], entries: Mapping[str, Sequence[MatchedEntry]], *, fee: float, seed: int
) -> Agents:
    """Return what the agents make; the same seed gives the same agents.

    `fee` is the share of the notional that each fill costs; funding is left out.
    """
    offsets = offsets_of(circles, seed)
    results, r = np.zeros(DRAWS), np.zeros(DRAWS)
    for pair, given in entries.items():
        for entry, net, _ in trades_of(circles[pair], given, offsets, fee):
            results += entry.notional * net
            r += net / entry.exits.stop
    return Agents(results, r / sum(map(len, entries.values())))


def offsets_of(circles: Mapping[str, Circle], seed: int) -> Places:
    """Return where on the circle each agent begins."""
    return np.random.default_rng(seed).integers(max(circle.count for circle in circles.values()), size=DRAWS)


def trades_of(circle: Circle, entries: Sequence[MatchedEntry], offsets: Places, fee: float) -> Iterator[AgentTrade]:
    """Yield one pair's entries, each with what every agent makes of it.

    An agent begins at its offset on the circle, and waits each entry's gap after the end of the trade before.
    """
    at = offsets.copy()
    for entry in entries:
        at += entry.gap
        plays = circle.played(at, entry.sign, entry.exits)
        at += plays.candles
        yield AgentTrade(entry, plays.move - fee * (2 + entry.sign * plays.move), at - offsets)
