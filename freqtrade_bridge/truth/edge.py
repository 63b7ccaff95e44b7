"""Whether a run shows an edge: its mean net R against random agents, and against zero.

An edge is shown where both say so. Either alone is fooled: a run that is always long in a bull market passes the
interval in 63 % of worlds without an edge, and the matched test in 5.5 %; together they pass in 2 to 5.5 % of
driftless, autocorrelated, bull and regime worlds.
"""

from __future__ import annotations

from collections.abc import Callable
from math import ceil, sqrt
from typing import Literal

import numpy as np
from arch.bootstrap import StationaryBootstrap, optimal_block_length
from numpy.typing import NDArray
from pydantic import Field

from candlegraph.freqtrade_bridge.truth.matched import luck_of
from candlegraph.graph.schema.frozen import Frozen

LEVEL, CONFIDENCE = 0.05, 0.9
SAMPLES, SEED = 1000, 11
FEWEST = 20
"""Trades below which nothing is judged."""
POWER = 2.49
"""z(95 %) + z(80 %): the mean over its standard error that a one-sided test at 5 % finds in 80 % of cases."""
Judgement = Literal["edge shown", "no edge shown", "too little data to tell"]
Numbers = NDArray[np.float64]


class Edge(Frozen):
    """What a run's trades say; R is a trade's net result over its loss at the stop."""

    judgement: Judgement
    trades: int = Field(ge=0)
    mean_r: float
    sd_r: float = Field(ge=0)
    interval: tuple[float, float] | None = Field(description="90 %, of the mean; None: too few trades for one")
    as_good: float = Field(gt=0, le=1, description="share of random agents with as high a mean R: the p-value")
    agents_r: float = Field(description="median of the agents' mean R")
    smallest_r: float = Field(description="mean R that so many trades show with 80 % power")
    needed: int | None = Field(description="trades that would show this mean R; None: there is no gain to show")


def edge_of(r: Numbers, agents: Numbers) -> Edge:
    """Return what `r`, the run's trades in the order of their ends, one at least, says beside its agents' mean R."""
    mean, sd = float(r.mean()), float(r.std(ddof=1)) if len(r) > 1 else 0.0
    interval = interval_of(r) if len(r) >= FEWEST else None
    luck = luck_of(agents, mean)
    needed = ceil((POWER * sd / mean) ** 2) if mean > 0 else None
    return Edge(
        judgement=_judged(len(r), interval, luck.as_good, needed),
        trades=len(r),
        mean_r=mean,
        sd_r=sd,
        interval=interval,
        as_good=luck.as_good,
        agents_r=luck.median,
        smallest_r=POWER * sd / sqrt(len(r)),
        needed=needed,
    )


def interval_of(r: Numbers) -> tuple[float, float]:
    """Return the 90 % interval of the mean: Politis and Romano (1994), blocks by Politis and White (2004).

    `arch` does the arithmetic; a run whose trades all made the same has an interval without width.
    """
    return _interval(r, "studentized", _error)


def paired_interval_of(gap: Numbers) -> tuple[float, float]:
    """Return the 90 % interval of the mean of paired differences, by the percentiles of the stationary bootstrap.

    Most such differences are 0; a studentised interval has no end then.
    """
    return _interval(gap, "percentile")


def between(interval: tuple[float, float] | None, unit: str, without: str) -> str:
    """Return an interval as a terminal shows it; `without`: what stands where there is none."""
    return without if interval is None else f"{interval[0]:+.2f} to {interval[1]:+.2f} {unit}"


def _interval(
    values: Numbers,
    method: Literal["studentized", "percentile"],
    error: Callable[[Numbers, Numbers], Numbers] | None = None,
) -> tuple[float, float]:
    if not values.std():
        return float(values.mean()), float(values.mean())
    block = max(1, ceil(optimal_block_length(values)["stationary"].iloc[0]))
    sampled = StationaryBootstrap(block, values, seed=np.random.default_rng(SEED))
    found = sampled.conf_int(np.mean, reps=SAMPLES, method=method, size=CONFIDENCE, std_err_func=error)
    return float(found[0, 0]), float(found[1, 0])


def _error(mean: Numbers, r: Numbers) -> Numbers:
    """Return the standard error of a resampled mean."""
    return np.atleast_1d(max(float(r.std()), 1e-9) / sqrt(len(r)))


def _judged(trades: int, interval: tuple[float, float] | None, as_good: float, needed: int | None) -> Judgement:
    if interval is None:
        return "too little data to tell"
    if as_good <= LEVEL and interval[0] > 0:
        return "edge shown"
    return "too little data to tell" if needed is not None and trades < needed else "no edge shown"
