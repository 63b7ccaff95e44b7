"""How the accounts of the random agents went, day by day: the cone that a run's own account is seen against."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from candlegraph.freqtrade_bridge.truth.circle import Circle
from candlegraph.freqtrade_bridge.truth.matched import DRAWS, MatchedEntry, offsets_of, trades_of

Paths = NDArray[np.float64]
"""One row an agent, one column a day: its account as a share of what it began with."""
SHARES = (0.05, 0.5, 0.95)


class CircleDays(NamedTuple):
    """The length of a window."""

    days: int
    candles_a_day: int


def paths_of(
    circles: Mapping[str, Circle],
    entries: Mapping[str, Sequence[MatchedEntry]],
    fee: float,
    seed: int,
    span: CircleDays,
) -> Paths:
    """Return the accounts of the agents that `agents_of` has with the same seed, closed trades alone.

    An agent whose trades last longer than the run's closes the rest on the last day.
    """
    earned = np.zeros((DRAWS, span.days))
    if entries:
        offsets, rows = offsets_of(circles, seed), np.arange(DRAWS)
        for pair, given in entries.items():
            for entry, net, ended in trades_of(circles[pair], given, offsets, fee):
                days = np.minimum(ended // span.candles_a_day, span.days - 1)
                earned[rows, days] += entry.notional * net
    return 1 + earned.cumsum(axis=1)


def joined(windows: Sequence[Paths]) -> Paths:
    """Return the accounts over windows that follow one another, each begun with what the one before left."""
    begun, parts = np.ones((DRAWS, 1)), []
    for paths in windows:
        parts.append(begun * np.maximum(paths, 0.0))
        begun = parts[-1][:, -1:]
    return np.concatenate(parts, axis=1)


def cone_of(paths: Paths) -> tuple[list[float], list[float], list[float]]:
    """Return what 5 %, half and 95 % of the agents had at most, by day."""
    low, middle, high = (np.quantile(paths, share, axis=0).tolist() for share in SHARES)
    return low, middle, high
