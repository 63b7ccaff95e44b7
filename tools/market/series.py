"""The arithmetic of the indicators: from a window of closed candles to one value a candle, NaN where there is none.

RSI, ADX, ATR, MFI and the Bollinger bands come from TA-Lib, because `ta` loops over rows in Python for some of them and
takes 0.4 to 1 ms for the others (docs/decisions/08). EMA and MACD are `ta`'s to the last bit, at a twentieth of its
time: pandas takes most of it to look at a window that we know to be whole. Where nothing moved or was traded in its
span an indicator is unavailable: a ratio of nothing says nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from inspect import unwrap

import numpy as np
import talib
from numpy.typing import NDArray
from scipy.signal import lfilter

Values = NDArray[np.float64]

ADX, ATR, BBANDS, MFI, RSI = (unwrap(one) for one in (talib.ADX, talib.ATR, talib.BBANDS, talib.MFI, talib.RSI))
"""Without TA-Lib's look whether an argument is a column of pandas or polars."""

SPAN, BOLLINGER_SPAN, OBV_SPAN = 14, 20, 20
FAST, SLOW, SIGNAL = 12, 26, 9
"""Of the MACD."""


@dataclass(frozen=True)
class Window:
    """Closed candles without a gap, oldest first."""

    high: Values
    low: Values
    close: Values
    volume: Values


def ema(window: Window, span: int) -> Values:
    """Return the exponential average of the closes."""
    return _ema(window.close, span)


def macd(window: Window) -> dict[str, Values]:
    """Return the MACD, its signal and what lies between them."""
    line = _ema(window.close, FAST) - _ema(window.close, SLOW)
    begun = line[SLOW - 1 :]  # `ta` knows no MACD before, and its signal starts there
    signal = np.concatenate([np.full(len(line) - len(begun), math.nan), _ema(begun, SIGNAL)])
    return {"macd": line, "macd_signal": signal, "macd_histogram": line - signal}


def adx(window: Window) -> Values:
    """Return the average directional index, 0-100."""
    moved = _moved(window.close) | (window.high > window.low)
    return np.where(_within(SPAN, moved), ADX(window.high, window.low, window.close, SPAN), math.nan)


def rsi(window: Window) -> Values:
    """Return the relative strength index, 0-100."""
    return np.where(_within(SPAN, _moved(window.close)), RSI(window.close, SPAN), math.nan)


def bollinger(window: Window) -> dict[str, Values]:
    """Return the bands two standard deviations from the mean."""
    upper, _, lower = BBANDS(window.close, BOLLINGER_SPAN, 2, 2)
    return {"bollinger_upper": upper, "bollinger_lower": lower}


def atr(window: Window) -> Values:
    """Return the average true range, in price units."""
    found: Values = ATR(window.high, window.low, window.close, SPAN)
    return found


def mfi(window: Window) -> Values:
    """Return the money flow index, 0-100."""
    flowed = _moved((window.high + window.low + window.close) / 3) & (window.volume > 0)
    found = MFI(window.high, window.low, window.close, window.volume, SPAN)
    return np.where(_within(SPAN, flowed), found, math.nan)


def obv_slope(window: Window) -> Values:
    """Return the change of OBV over 20 candles per volume traded in them, in -1..1; NaN if nothing was traded.

    A slope, not the level: the level depends on where the window starts (docs/decisions/04). A candle that closes where
    the last one did adds nothing, as in TA-Lib; `ta` would count its volume as bought.
    """
    close, volume = window.close, window.volume
    slope = np.full(len(close), math.nan)
    if len(close) > OBV_SPAN:
        signed, traded = np.sign(np.diff(close)) * volume[1:], volume[1:]
        change, total = (np.lib.stride_tricks.sliding_window_view(x, OBV_SPAN).T.sum(axis=0) for x in (signed, traded))
        np.divide(change, total, out=slope[OBV_SPAN:], where=total > 0)
    return slope


def _ema(values: Values, span: int) -> Values:
    """Return the exponential average at each of `values`, from the first one on; to the last bit as pandas gives it.

    Pandas divides by the sum of the weights, too, which is exactly 1 for every span in use.
    """
    new = 1 / (1 + (span - 1) / 2)
    old = 1 - new
    if len(values) < 2:
        return values.copy()
    following, _ = lfilter([new], [1, -old], values[1:], zi=[old * values[0]])
    averages: Values = np.concatenate([values[:1], following])
    if (values[1:] != averages[:-1]).all():
        return averages
    return _ema_step_by_step(values.tolist(), old, new)


def _ema_step_by_step(values: list[float], old: float, new: float) -> Values:
    """Return the same where a value equals the average before it, which then stays, however the weights are rounded."""
    average, averages = values[0], list[float]()
    for value in values:
        if value != average:
            average = old * average + new * value
        averages.append(average)
    return np.array(averages)


def _moved(values: Values) -> NDArray[np.bool_]:
    """Return for each row whether it differs from the one before."""
    return np.concatenate([[False], np.diff(values) != 0])


def _within(span: int, happened: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return for each row whether something happened in it or the `span` - 1 rows before."""
    count = np.cumsum(happened)
    before = np.concatenate([np.zeros(min(span, len(count)), int), count[:-span]])
    return count > before
