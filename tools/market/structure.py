"""Swing highs and lows, the levels that they form, and the nearest support and resistance."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import median

import numpy as np
from numpy.typing import NDArray

from candlegraph.graph.schema.market import Level

WING = 3
"""A swing is the extreme of its own candle and of three on either side, so it is known three candles late."""
MERGED_ATR = 0.5
"""Swings that lie within half an ATR of each other are one level."""
LEVELS_PER_SIDE = 4


def swings(values: NDArray[np.float64], *, highest: bool) -> tuple[float, ...]:
    """Return the confirmed swing values of `values` (oldest first); of equal neighbours the first one counts."""
    if len(values) < 2 * WING + 1:
        return ()
    signed = values if highest else -values
    windows = np.lib.stride_tricks.sliding_window_view(signed, 2 * WING + 1).T
    centre = windows[WING]
    turned = (centre > windows[:WING].max(axis=0)) & (centre >= windows[WING + 1 :].max(axis=0))
    return tuple(values[WING:-WING][turned].tolist())


def levels_of(turns: Sequence[float], close: float, atr: float | None) -> tuple[Level, ...]:
    """Return at most four levels on each side of `close`, the nearest first; `turns` are all swings of the window.

    A level is the median of its swings. Without an ATR only equal swings are one level. A level exactly at the close
    is neither support nor resistance, and left out.
    """
    clusters = clusters_of(sorted(turns), MERGED_ATR * (atr or 0))
    priced = [(median(cluster), len(cluster)) for cluster in clusters]
    below = [one for one in priced if one[0] < close][-LEVELS_PER_SIDE:]
    above = [one for one in priced if one[0] > close][:LEVELS_PER_SIDE]
    nearest = sorted(below + above, key=lambda one: abs(one[0] - close))
    return tuple(
        Level(price=price, touches=touches, kind="support" if price < close else "resistance")
        for price, touches in nearest
    )


def clusters_of(ordered: Sequence[float], width: float) -> list[list[float]]:
    """Return `ordered` (lowest first) in groups that are at most `width` wide."""
    clusters: list[list[float]] = []
    for value in ordered:
        if clusters and value - clusters[-1][0] <= width:
            clusters[-1].append(value)
        else:
            clusters.append([value])
    return clusters


def nearest_below(levels: Iterable[float], price: float) -> float | None:
    """Return the highest level under `price`."""
    return max((level for level in levels if level < price), default=None)


def nearest_above(levels: Iterable[float], price: float) -> float | None:
    """Return the lowest level over `price`."""
    return min((level for level in levels if level > price), default=None)
