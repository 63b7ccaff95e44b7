"""A pair's candles of one run as a circle, and what an entry at any of them comes to.

After the last candle comes the first, moved to the price where the last one closed: a random entry near the end of a
run is played on as one near its beginning, and no jump of the price is made up.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

Prices = NDArray[np.float64]


class Exits(NamedTuple):
    """The rules by which a trade ends; distances are shares of its entry price."""

    stop: float
    target: float | None
    horizon: int
    """Candles after which it is closed at the open of the next one, if no level was reached."""


class Play(NamedTuple):
    """What one entry came to."""

    move: float
    """Of the price in the trade's direction, as a share of the entry price; before costs."""
    candles: int
    """From the entry to the end, at least 1."""


@dataclass(frozen=True)
class Circle:
    """Open, high and low of one run's candles, twice in a row."""

    count: int
    open: Prices
    high: Prices
    low: Prices

    @classmethod
    def of(cls, opened: Prices, high: Prices, low: Prices, close: Prices) -> Self:
        """Return the circle of a run's candles, oldest first; four arrays of one length, of 2 or more."""
        joint = float(close[-1] / opened[0])
        twice = [np.concatenate([prices, prices * joint]) for prices in (opened, high, low)]
        return cls(len(opened), *twice)

    def played(self, at: int, sign: int, exits: Exits) -> Play:
        """Return what an entry at the open of a candle comes to; `sign`: 1 long, -1 short.

        A candle that touches stop and target ends it at the stop; one that opens beyond a level ends it at its open.
        """
        first = at % self.count
        last = first + min(exits.horizon, self.count - 1)
        entry = self.open[first]
        adverse, favourable = (self.low, self.high) if sign > 0 else (self.high, self.low)
        stopped = _first(sign * (adverse[first:last] / entry - 1) <= -exits.stop)
        gained = None
        if exits.target is not None:
            gained = _first(sign * (favourable[first:last] / entry - 1) > exits.target)
        if stopped is not None and (gained is None or stopped <= gained):
            return Play(min(-exits.stop, self._opened(first, stopped, sign)), stopped + 1)
        if gained is not None and exits.target is not None:
            return Play(max(exits.target, self._opened(first, gained, sign)), gained + 1)
        return Play(self._opened(first, last - first, sign), last - first)

    def _opened(self, first: int, later: int, sign: int) -> float:
        """Return how far the price had moved at the open of a later candle; at the entry itself not at all."""
        return float(sign * (self.open[first + later] / self.open[first] - 1))


def _first(reached: NDArray[np.bool_]) -> int | None:
    place = int(reached.argmax()) if len(reached) else 0
    return place if len(reached) and reached[place] else None
