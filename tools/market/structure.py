"""Swing highs and lows, and the nearest support and resistance among them."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

WING = 3
"""A swing is the extreme of its own candle and of three on either side, so it is known three candles late."""
KEPT = 8


def swings(values: NDArray[np.float64], *, highest: bool) -> tuple[float, ...]:
    """Return the newest confirmed swing values of `values` (oldest first), at most eight."""
    if len(values) < 2 * WING + 1:
        return ()
    windows = np.lib.stride_tricks.sliding_window_view(values, 2 * WING + 1)
    extreme = windows.max(axis=1) if highest else windows.min(axis=1)
    centre = values[WING:-WING]
    return tuple(float(x) for x in centre[centre == extreme][-KEPT:])


def nearest_below(levels: Iterable[float], price: float) -> float | None:
    """Return the highest level under `price`."""
    return max((level for level in levels if level < price), default=None)


def nearest_above(levels: Iterable[float], price: float) -> float | None:
    """Return the lowest level over `price`."""
    return min((level for level in levels if level > price), default=None)
