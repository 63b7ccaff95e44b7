"""Whether closed trades prove anything, by a rule that may be read after every one of them.

trades -> observations: trades that overlap on one side are one -> two running products -> verdict of the finest level

Each product is a capital that bets on the mean net result being above (or below) zero. Were it zero, the capital
would reach 20 in at most one course of 20, at any time, ever (Ville, 1939; e-processes, Ramdas and others, 2023).
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from datetime import datetime
from statistics import fmean
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from candlegraph.graph.schema.market import Frozen, Side

FOR = (0.05, 0.15, 0.4)
AGAINST = (0.05, 0.15, 0.25)
WEIGHTS = (0.05, 0.15, 0.8)
"""Share of the capital in each bet."""
LEAST_FACTOR = 0.02
"""No single trade takes more than 98 % of a bet's capital."""
PROOF = 20.0
"""Capital from which on something counts as shown."""
PRIOR_TRADES = 8.0
"""As many trades at the coarser set-up's mean stand behind a displayed mean."""

Judgement = Literal["favoured", "warned", "open"]
Numbers = NDArray[np.float64]


class Span(NamedTuple):
    """When a trade was held, and on which side."""

    side: Side
    opened_at: datetime
    closed_at: datetime


class Result(NamedTuple):
    """What one closed trade says."""

    span: Span
    value: float
    """Net result in losses at the initial stop."""


class Capital(NamedTuple):
    """What a stake of 1 has become."""

    up: float
    down: float


class Cell(NamedTuple):
    """The results of one set-up at one level."""

    key: Hashable
    results: Sequence[Result]


class Verdict(Frozen):
    """What the trades of a set-up prove; `level` counts from the finest, 0, and names whose trades they are."""

    judgement: Judgement
    level: int = Field(ge=0)
    trades: int = Field(ge=0)
    observations: int = Field(ge=0, description="trades that overlap on one side are one")
    wins: int = Field(ge=0)
    mean: float | None = Field(description="net R, shrunk towards the coarser set-ups; only for display")
    for_it: float = Field(description="capital that bets on a positive mean")
    against_it: float = Field(description="capital that bets on a negative mean")


def verdict_of(cells: Sequence[Cell]) -> Verdict:
    """Return the verdict of the finest level that has one, else `open` at the finest that has trades; finest first.

    A cell's trades are among those of the coarser ones after it.
    """
    if not cells:
        raise ValueError("expected the cells of at least one level")
    judged = [(place, judgement_of(capital_of(observed(cell.results)))) for place, cell in enumerate(cells)]
    shown = next((place for place, said in judged if said != "open"), None)
    if shown is None:
        shown = next((place for place, cell in enumerate(cells) if cell.results), len(cells) - 1)
    return _verdict(cells, shown)


def judgement_of(capital: Capital) -> Judgement:
    """Return what the two capitals show."""
    if max(capital) < PROOF:
        return "open"
    return "favoured" if capital.up >= capital.down else "warned"


def capital_of(values: Sequence[float]) -> Capital:
    """Return the capitals after results in the order of their ends."""
    if not values:
        return Capital(1.0, 1.0)
    up, down = running(np.asarray(values, dtype=np.float64))
    return Capital(float(up[-1]), float(down[-1]))


def running(values: Numbers) -> tuple[Numbers, Numbers]:
    """Return both capitals after each result along the last axis."""
    return grown(values, FOR, WEIGHTS), grown(-values, AGAINST, WEIGHTS)


def grown(values: Numbers, bets: Sequence[float], weights: Sequence[float], axis: int = -1) -> Numbers:
    """Return a weighted sum of running products of 1 + bet x value, each factor at least 0.02."""
    total = np.zeros_like(values)
    for bet, weight in zip(bets, weights, strict=True):
        total += weight * np.cumprod(np.maximum(1 + bet * values, LEAST_FACTOR), axis=axis)
    return total


def observed(results: Sequence[Result]) -> list[float]:
    """Return the independent values: of trades that overlap on one side the mean, in the order of their ends."""
    groups = overlapping([one.span for one in results])
    return [fmean(results[place].value for place in group) for group in groups]


def overlapping(spans: Sequence[Span]) -> list[list[int]]:
    """Return the places of the spans in groups that overlap on one side, in the order of the groups' ends.

    A group ends when a trade of that side begins after all of it has ended.
    """
    groups: list[list[int]] = []
    newest: dict[Side, list[int]] = {}
    ends: dict[Side, datetime] = {}
    for place in sorted(range(len(spans)), key=lambda one: (spans[one].opened_at, spans[one].closed_at)):
        side, opened_at, closed_at = spans[place]
        if side not in newest or opened_at >= ends[side]:
            newest[side] = []
            groups.append(newest[side])
        newest[side].append(place)
        ends[side] = closed_at if len(newest[side]) == 1 else max(ends[side], closed_at)
    return sorted(groups, key=lambda group: max(spans[place].closed_at for place in group))


def shrunk_mean(cells: Sequence[Sequence[float]]) -> float | None:
    """Return the finest mean, drawn towards the coarser ones and these towards 0; cells finest first.

    Each coarser mean leaves out the finer cell's own trades, which would count twice. None without any trade.
    """
    sums = [(len(values), float(sum(values))) for values in reversed(cells)]
    if not sums[0][0]:
        return None
    mean = 0.0
    for (count, total), (own, own_total) in zip(sums, [*sums[1:], (0, 0.0)], strict=True):
        mean = (PRIOR_TRADES * mean + total - own_total) / (PRIOR_TRADES + count - own)
    return mean


def _verdict(cells: Sequence[Cell], level: int) -> Verdict:
    results = cells[level].results
    values = observed(results)
    capital = capital_of(values)
    return Verdict(
        judgement=judgement_of(capital),
        level=level,
        trades=len(results),
        observations=len(values),
        wins=sum(one.value > 0 for one in results),
        mean=shrunk_mean([[one.value for one in cell.results] for cell in cells[level:]]),
        for_it=capital.up,
        against_it=capital.down,
    )
