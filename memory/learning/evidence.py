"""Whether closed trades prove anything, by a rule that may be read after every one of them.

trades, one after another -> bets at their openings, those that overlap smaller -> capital -> verdict of the finest
level

Each capital bets on the mean net result being above (or below) zero. Were it zero, it would reach 20 in at most one
course of 20, at any time, ever (Ville, 1939; e-processes, Ramdas and others, 2023).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from datetime import datetime
from functools import cache
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
WAYS: tuple[Judgement, ...] = ("favoured", "warned")
"""What is shown by capital that bets on a mean above zero, and by that below."""
Numbers = NDArray[np.float64]
Key = tuple[float, float]
"""When a trade closed and when it opened, seconds since 1970."""
BETS: Numbers = np.array([*FOR, *(-bet for bet in AGAINST)])


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
    beside: int | None = None
    """Trades of its side that were open at its entry; None: not noted, counted from those that are known."""


class Capital(NamedTuple):
    """What a stake of 1 has become."""

    up: float
    down: float


class Running:
    """One side's trades in the order of their ends, and what every bet on every value has made of a stake of 1.

    A bet is made when a trade opens, of the capital that was there then, and settled when it closes: no choice depends
    on how long a trade lasts, which winners and losers do not do alike. One that opens beside `n` others counts
    1 / (1 + n)^2: trades that move together are hardly more than one. Where `n` was not noted at the entry it is
    counted from the trades that are known, those that open at once alike. No trade takes more than 98 % of a bet's
    capital. What comes out depends on the trades alone, not on their order.
    """

    def __init__(self, values: int, bets: Numbers) -> None:
        self._bets = bets
        self._keys: list[Key] = []
        self._noted: list[int | None] = []
        self._open_before: list[int] = []
        self._open_at_once: list[int] = []
        self._rows = np.ones((4, 1 + values))
        self._sums = np.zeros((5, 1 + values))
        self._capital = np.ones((5, values, bets.size))

    def __len__(self) -> int:
        return len(self._keys)

    @property
    def observations(self) -> float:
        """Return as how many the trades count."""
        return float(self._sums[len(self), 0])

    @property
    def totals(self) -> Numbers:
        """Return the sum of each value, every trade for as much as it counts."""
        totals: Numbers = self._sums[len(self), 1:]
        return totals

    @property
    def products(self) -> Numbers:
        """Return what the bets have made by the last end, one row for each value."""
        products: Numbers = self._capital[len(self)]
        return products

    def add(self, span: Span, values: Sequence[float] | Numbers, beside: int | None = None) -> None:
        """Add one more trade, whether it closed after those before it or not."""
        key = span.closed_at.timestamp(), span.opened_at.timestamp()
        place = bisect_right(self._keys, key)
        first = min(place, self._count_beside(key))
        others = [opened for _, opened in self._keys[self._known_at(key[1]) :]]
        self._keys.insert(place, key)
        self._noted.insert(place, beside)
        self._open_before.insert(place, sum(opened < key[1] for opened in others))
        self._open_at_once.insert(place, 1 + others.count(key[1]))
        self._make_room()
        self._rows[place + 1 : len(self)] = self._rows[place : len(self) - 1].copy()
        self._rows[place, 1:] = values
        self._settle(first)

    def _count_beside(self, key: Key) -> int:
        """Count a trade in those that open while it is open; return the place of the first of them."""
        first = len(self)
        for place in range(len(self) - 1, self._known_at(key[1]) - 1, -1):
            opened = self._keys[place][1]
            if opened == key[1]:
                self._open_at_once[place] += 1
            elif key[1] < opened < key[0]:
                self._open_before[place] += 1
            else:
                continue
            first = place
        return first

    def _known_at(self, opened: float) -> int:
        """Return how many trades had closed when one opened, but for those that opened with it."""
        return bisect_left(self._keys, (opened, opened))

    def _share(self, place: int) -> float:
        noted = self._noted[place]
        return share_of(self._open_before[place], self._open_at_once[place]) if noted is None else share_of(noted, 1)

    def _make_room(self) -> None:
        if len(self) > len(self._rows):
            self._rows, self._sums, self._capital = (
                np.concatenate([one, np.ones_like(one)]) for one in (self._rows, self._sums, self._capital)
            )

    def _settle(self, first: int) -> None:
        """Settle the bets on the trades from a place on."""
        for place in range(first, len(self)):
            counted = self._share(place) * self._rows[place]
            np.add(self._sums[place], counted, out=self._sums[place + 1])
            before, staked = self._capital[place], self._capital[self._known_at(self._keys[place][1])]
            after = before + staked * self._bets * counted[1:, None]
            np.maximum(after, LEAST_FACTOR * before, out=self._capital[place + 1])


@cache
def share_of(open_before: int, at_once: int) -> float:
    """Return how much of an observation a trade is that opened with others, while some were open."""
    return sum((1 + open_before + one) ** -2 for one in range(at_once)) / at_once


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
        self._running.add(result.span, [result.value], result.beside)

    @property
    def observations(self) -> float:
        """Return as how many they count, those that overlap for less than one each."""
        return self._running.observations

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
    observations: float = Field(ge=0, description="as how many they count: those that overlap for less than one each")
    wins: int = Field(ge=0)
    mean: float | None = Field(description="net R, shrunk towards the coarser set-ups; only for display")
    capital: Capital = Field(description="of the bets at all levels together; whichever it is, 20 proves it")


def verdict_of(cells: Sequence[Evidence], shares: Sequence[float]) -> Verdict:
    """Return the verdict of the finest level that has one, else `open` at the finest that has trades; finest first.

    A cell's trades are among those of the coarser ones after it. `shares` say how much of one capital bets at each
    level, what is left of 1 lies idle: only when all together have reached 20 is anything shown, else every level more
    were another chance to be wrong.
    """
    if not cells:
        raise ValueError("expected the cells of at least one level")
    capitals = np.array([cell.capital for cell in cells])
    together = 1 - sum(shares) + np.asarray(shares) @ capitals
    way = int(together.argmax())
    proved = np.flatnonzero(capitals[:, way] >= PROOF) if together[way] >= PROOF else np.array([], dtype=int)
    shown = int(proved[0]) if proved.size else _finest_with_trades(cells)
    cell = cells[shown]
    return Verdict(
        judgement=WAYS[way] if proved.size else "open",
        level=shown,
        trades=cell.trades,
        observations=cell.observations,
        wins=cell.wins,
        mean=shrunk_mean(cells[shown:]),
        capital=Capital(*map(float, together)),
    )


def _finest_with_trades(cells: Sequence[Evidence]) -> int:
    return next((place for place, cell in enumerate(cells) if cell.trades), len(cells) - 1)


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
