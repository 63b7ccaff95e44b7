"""Whether closed trades prove anything, by a rule that may be read after every one of them.

trades, one after another -> observations: trades that overlap on one side are one -> running products -> verdict of
the finest level

Each product is a capital that bets on the mean net result being above (or below) zero. Were it zero, the capital
would reach 20 in at most one course of 20, at any time, ever (Ville, 1939; e-processes, Ramdas and others, 2023).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
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
BETS: Numbers = np.array([*FOR, *(-bet for bet in AGAINST)])
BEGIN, END, COUNT, FIRST = 0, 1, 2, 3
"""Columns of a group of trades; behind them the sums of its values, then the products up to it."""


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


class Running:
    """One side's trades as observations in the order of time, and the product of every bet on every value.

    Trades that overlap are one observation, their mean; one begins when all before it have ended. A factor is
    1 + bet x value, at least 0.02. What comes out depends on the trades and their order alone, not on when it is read.
    """

    def __init__(self, values: int, bets: Numbers) -> None:
        self._bets, self._values, self._products = bets, values, values * bets.size
        self._sums = slice(FIRST, FIRST + values)
        self._rows = np.empty((4, FIRST + values + self._products))
        self._size = 0

    def __len__(self) -> int:
        return self._size

    @property
    def means(self) -> Numbers:
        """Return the observations, one row each."""
        rows = self._rows[: self._size]
        means: Numbers = rows[:, self._sums] / rows[:, COUNT, None]
        return means

    @property
    def products(self) -> Numbers:
        """Return the products over all observations, one row for each value."""
        return self._before(self._size).reshape(self._values, self._bets.size)

    def add(self, span: Span, values: Sequence[float] | Numbers) -> None:
        """Add one more trade, whether it closed after those before it or not."""
        opened, closed = span.opened_at.timestamp(), span.closed_at.timestamp()
        first = last = self._size
        while first and self._rows[first - 1, END] > opened:
            first -= 1
        while last > first and self._rows[last - 1, BEGIN] >= closed:
            last -= 1
        group = np.array([opened, closed, 1.0, *values])
        self._put(first, last, group if first == last else _joined(group, self._rows[first:last, : self._sums.stop]))

    def _put(self, first: int, last: int, group: Numbers) -> None:
        """Let a group take the place of those from `first` to before `last`."""
        later = self._rows[last : self._size].copy()
        self._size = first + 1 + len(later)
        if self._size > len(self._rows):
            self._rows = np.concatenate([self._rows, np.empty_like(self._rows)])
        self._rows[first, : self._sums.stop] = group
        self._rows[first + 1 : self._size] = later
        for place in range(first, self._size):
            row = self._rows[place]
            factors = 1 + (row[self._sums, None] / row[COUNT] * self._bets).ravel()
            np.maximum(factors, LEAST_FACTOR, out=factors)
            np.multiply(factors, self._before(place), out=row[self._sums.stop :])

    def _before(self, place: int) -> Numbers:
        """Return the products over the groups before a place."""
        products: Numbers = self._rows[place - 1, self._sums.stop :] if place else np.ones(self._products)
        return products


def _joined(group: Numbers, others: Numbers) -> Numbers:
    """Return a group and those that it overlaps as one."""
    all_of_them = np.vstack([others, group])
    begin, end = all_of_them[:, BEGIN].min(), all_of_them[:, END].max()
    joined: Numbers = np.concatenate([[begin, end], all_of_them[:, COUNT:].sum(0)])
    return joined


class Evidence:
    """The trades of one set-up at one level, as far as they can be judged."""

    def __init__(self) -> None:
        self.trades = self.wins = 0
        self.total = 0.0
        """Sum of the net results, R."""
        self._running = Running(1, BETS)

    def add(self, result: Result) -> None:
        """Count one more trade."""
        self.trades += 1
        self.wins += result.value > 0
        self.total += result.value
        self._running.add(result.span, [result.value])

    @property
    def observations(self) -> int:
        """Return how many they are where those that overlap are one."""
        return len(self._running)

    @property
    def capital(self) -> Capital:
        """Return what the bets on a mean above and below zero have made."""
        up, down = self._running.products[0].reshape(2, len(WEIGHTS)) @ WEIGHTS
        return Capital(float(up), float(down))

    @property
    def judgement(self) -> Judgement:
        """Return what the two capitals show."""
        capital = self.capital
        if max(capital) < PROOF:
            return "open"
        return "favoured" if capital.up >= capital.down else "warned"


class Verdict(Frozen):
    """What the trades of a set-up prove; `level` counts from the finest, 0, and names whose trades they are."""

    judgement: Judgement
    level: int = Field(ge=0)
    trades: int = Field(ge=0)
    observations: int = Field(ge=0, description="trades that overlap on one side are one")
    wins: int = Field(ge=0)
    mean: float | None = Field(description="net R, shrunk towards the coarser set-ups; only for display")


def verdict_of(cells: Sequence[Evidence]) -> Verdict:
    """Return the verdict of the finest level that has one, else `open` at the finest that has trades; finest first.

    A cell's trades are among those of the coarser ones after it.
    """
    if not cells:
        raise ValueError("expected the cells of at least one level")
    shown = next((place for place, cell in enumerate(cells) if cell.judgement != "open"), None)
    if shown is None:
        shown = next((place for place, cell in enumerate(cells) if cell.trades), len(cells) - 1)
    cell = cells[shown]
    return Verdict(
        judgement=cell.judgement,
        level=shown,
        trades=cell.trades,
        observations=cell.observations,
        wins=cell.wins,
        mean=shrunk_mean(cells[shown:]),
    )


def shrunk_mean(cells: Sequence[Evidence]) -> float | None:
    """Return the finest mean, drawn towards the coarser ones and these towards 0; cells finest first.

    Each coarser mean leaves out the finer cell's own trades, which would count twice. None without any trade.
    """
    sums = [(cell.trades, cell.total) for cell in reversed(cells)]
    if not sums[0][0]:
        return None
    mean = 0.0
    for (count, total), (own, own_total) in zip(sums, [*sums[1:], (0, 0.0)], strict=True):
        mean = (PRIOR_TRADES * mean + total - own_total) / (PRIOR_TRADES + count - own)
    return mean
