"""A pair's candles of one run as a circle, and what an entry at any of them comes to.

After the last candle comes the first, moved to the price where the last one closed: a random entry near the end of a
run is played on as one near its beginning, and no jump of the price is made up.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Prices = NDArray[np.float64]
Places = NDArray[np.int64]


class Exits(NamedTuple):
    """The rules by which a trade ends; distances are shares of its entry price."""

    stop: float
    target: float
    """inf: none."""
    horizon: int
    """Candles after which it is closed at the open of the next one, if no level was reached."""


class Plays(NamedTuple):
    """What one entry came to at each of several candles; two arrays of one length."""

    move: Prices
    """Of the price in the trade's direction, as a share of the entry price; before costs."""
    candles: Places
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

    def played(self, at: Places, sign: int, exits: Exits) -> Plays:
        """Return what an entry at the open of each of these candles comes to; `sign`: 1 long, -1 short.

        A candle that touches stop and target ends it at the stop; one that opens beyond a level ends it at its open.
        """
        first, span = at % self.count, min(exits.horizon, self.count - 1)
        adverse, favourable = (self.low, self.high) if sign > 0 else (self.high, self.low)
        stopped = self._reached(adverse, first, span, sign, lambda move: move <= -exits.stop)
        gained = self._reached(favourable, first, span, sign, lambda move: move > exits.target)
        end = np.minimum(stopped, gained)
        move = self._moved(self.open[first + end], first, sign)  # where no level is reached, that is the result
        move = np.where((stopped < span) & (stopped <= gained), np.minimum(move, -exits.stop), move)
        move = np.where(gained < stopped, np.maximum(move, exits.target), move)
        return Plays(move, np.where(end < span, end + 1, span))

    def _reached(
        self, prices: Prices, first: Places, span: int, sign: int, is_there: Callable[[Prices], NDArray[np.bool_]]
    ) -> Places:
        """Return the place of the first candle whose price is there, counted from the entry; `span` where none is."""
        windows = sliding_window_view(prices, span)[first]
        there = is_there(self._moved(windows, first[:, None], sign))
        return np.where(there.any(axis=1), there.argmax(axis=1), span)

    def _moved(self, prices: Prices, first: Places, sign: int) -> Prices:
        """Return how far prices lie from the opens of the entries, in the trade's direction."""
        return sign * (prices / self.open[first] - 1)
