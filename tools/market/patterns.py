"""Candle patterns that the last closed candles complete, by TA-Lib's definitions where it has them."""

from __future__ import annotations

from collections.abc import Callable
from inspect import unwrap

import numpy as np
import talib
from numpy.typing import NDArray

Prices = NDArray[np.float64]

ROWS = 40
"""Candles looked at; each pattern compares with averages of at most ten candles before its own one to five."""
FIGURES: dict[str, Callable[[Prices, Prices, Prices, Prices], NDArray[np.int32]]] = {
    "doji": talib.CDLDOJI,
    "hammer": talib.CDLHAMMER,
    "hanging_man": talib.CDLHANGINGMAN,
    "inverted_hammer": talib.CDLINVERTEDHAMMER,
    "shooting_star": talib.CDLSHOOTINGSTAR,
    "engulfing": talib.CDLENGULFING,
    "harami": talib.CDLHARAMI,
    "three_inside": talib.CDL3INSIDE,
    "three_outside": talib.CDL3OUTSIDE,
    "three_white_soldiers": talib.CDL3WHITESOLDIERS,
    "three_black_crows": talib.CDL3BLACKCROWS,
}
ON_ARRAYS = {name: unwrap(figure) for name, figure in FIGURES.items()}
"""Without TA-Lib's look whether an argument is a column of pandas or polars, which takes longer than the figure."""
TWO_SIDED = ("engulfing", "harami", "three_inside", "three_outside")
"""Figures that TA-Lib finds in both directions; the name then starts with bullish or bearish."""


def patterns_of(opened: Prices, high: Prices, low: Prices, close: Prices) -> tuple[str, ...]:
    """Return the names of the patterns that the last candle completes; a candle without any range completes none."""
    candles = tuple(values[-ROWS:] for values in (opened, high, low, close))
    if high[-1] == low[-1]:
        return ()
    found = [named(name, int(figure(*candles)[-1])) for name, figure in ON_ARRAYS.items()]
    inside = len(high) > 1 and high[-1] < high[-2] and low[-1] > low[-2]
    return tuple(name for name in found if name) + (("inside_bar",) if inside else ())


def named(name: str, sign: int) -> str | None:
    """Return the figure's full name; TA-Lib's `sign` is positive when bullish, negative when bearish, 0 for none."""
    if sign == 0:
        return None
    if name not in TWO_SIDED:
        return name
    return f"bullish_{name}" if sign > 0 else f"bearish_{name}"
