"""Indicators of one timeframe's window of closed candles.

window -> series (one value per row, NaN where unavailable) -> the newest values, and the twelve before them

RSI, ADX, ATR, MFI and the Bollinger bands come from TA-Lib, because `ta` loops over rows in Python for some of them and
takes 0.4 to 1 ms for the others (docs/decisions/08). EMA and MACD are `ta`'s to the last bit, at a fifth of its time:
pandas takes most of it to look at a window that we know to be whole. Each is unavailable until enough candles are there
for its warm-up to fade, and where nothing moved or was traded in its span: a ratio of nothing says nothing.
"""

from __future__ import annotations

import math
from inspect import unwrap

import numpy as np
import pandas as pd
import talib
from numpy.typing import NDArray

from candlegraph.graph.schema.market import Indicators, PastIndicators

Values = NDArray[np.float64]

ADX, ATR, BBANDS, MFI, RSI = (unwrap(one) for one in (talib.ADX, talib.ATR, talib.BBANDS, talib.MFI, talib.RSI))
"""Without TA-Lib's look whether an argument is a column of pandas or polars."""

NEEDED_ROWS = {
    "ema_20": 40,
    "ema_50": 100,
    "ema_200": 400,
    "adx": 100,
    "rsi": 100,
    "macd": 100,
    "macd_signal": 100,
    "bollinger_upper": 20,
    "bollinger_lower": 20,
    "atr": 100,
    "mfi": 15,
    "obv_slope": 21,
}
SPAN, BOLLINGER_SPAN, OBV_SPAN = 14, 20, 20
FAST, SLOW, SIGNAL = 12, 26, 9
"""Of the MACD."""
PAST = 12
"""Older values that are shown beside the newest one."""


def indicators_of(window: pd.DataFrame) -> Indicators:
    """Return the indicators at the last row of `window` (columns open, high, low, close, volume; oldest first)."""
    return newest_of(series_of(*(window[name].to_numpy(float) for name in ("high", "low", "close", "volume"))))


def series_of(high: Values, low: Values, close: Values, volume: Values) -> dict[str, Values]:
    """Return every indicator at each candle, from that candle and those before it; NaN where unavailable."""
    upper, _, lower = BBANDS(close, BOLLINGER_SPAN, 2, 2)
    series = _averages(close) | {
        "adx": np.where(_within(SPAN, _moved(close) | (high > low)), ADX(high, low, close, SPAN), math.nan),
        "rsi": np.where(_within(SPAN, _moved(close)), RSI(close, SPAN), math.nan),
        "bollinger_upper": upper,
        "bollinger_lower": lower,
        "atr": ATR(high, low, close, SPAN),
        "mfi": _mfi(high, low, close, volume),
        "obv_slope": _obv_slope(close, volume),
    }
    return {name: _warmed_up(series[name], needed) for name, needed in NEEDED_ROWS.items()}


def newest_of(series: dict[str, Values]) -> Indicators:
    """Return the last value of each series."""
    return Indicators(**{name: _known(float(values[-1])) for name, values in series.items()})


def past_indicators_of(series: dict[str, Values], volume: Values) -> PastIndicators:
    """Return up to twelve values before the last one, oldest first.

    Each is what `indicators_of` said at that candle of a window that starts where this one does, so it is exact, and
    unavailable where too few candles lay between the start and it.
    """
    histogram = series["macd"] - series["macd_signal"]
    shown = {name: series[name] for name in ("rsi", "adx", "atr", "mfi")}
    shown |= {"macd_histogram": histogram, "volume": volume}
    return PastIndicators(
        **{name: tuple(_known(value) for value in values[-1 - PAST : -1].tolist()) for name, values in shown.items()}
    )


def _averages(close: Values) -> dict[str, Values]:
    closes = close.tolist()
    emas = {f"ema_{span}": _ema(closes, span) for span in (20, 50, 200)}
    macd = _ema(closes, FAST) - _ema(closes, SLOW)
    begun = macd[SLOW - 1 :]  # `ta` knows no MACD before, and its signal starts there
    signal = np.concatenate([np.full(len(macd) - len(begun), math.nan), _ema(begun.tolist(), SIGNAL)])
    return emas | {"macd": macd, "macd_signal": signal}


def _ema(values: list[float], span: int) -> Values:
    """Return the exponential average at each of `values`, from the first one on; operation by operation as pandas."""
    new = 1 / (1 + (span - 1) / 2)
    old = 1 - new
    whole, averages = old + new, list[float]()
    average = values[0] if values else math.nan
    for value in values:
        if value != average:  # equal ones shall stay, however the weights are rounded
            average = (old * average + new * value) / whole
        averages.append(average)
    return np.array(averages)


def _mfi(high: Values, low: Values, close: Values, volume: Values) -> Values:
    flowed = _moved((high + low + close) / 3) & (volume > 0)
    return np.where(_within(SPAN, flowed), MFI(high, low, close, volume, SPAN), math.nan)


def _obv_slope(close: Values, volume: Values) -> Values:
    """Return the change of OBV over 20 candles per volume traded in them, in -1..1; NaN if nothing was traded.

    A slope, not the level: the level depends on where the window starts (docs/decisions/04). A candle that closes where
    the last one did adds nothing, as in TA-Lib; `ta` would count its volume as bought.
    """
    slope = np.full(len(close), math.nan)
    if len(close) > OBV_SPAN:
        signed, traded = np.sign(np.diff(close)) * volume[1:], volume[1:]
        change, total = (np.lib.stride_tricks.sliding_window_view(x, OBV_SPAN).T.sum(axis=0) for x in (signed, traded))
        np.divide(change, total, out=slope[OBV_SPAN:], where=total > 0)
    return slope


def _moved(values: Values) -> NDArray[np.bool_]:
    """Return for each row whether it differs from the one before."""
    return np.concatenate([[False], np.diff(values) != 0])


def _within(span: int, happened: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return for each row whether something happened in it or the `span` - 1 rows before."""
    count = np.cumsum(happened)
    before = np.concatenate([np.zeros(min(span, len(count)), int), count[:-span]])
    return count > before


def _warmed_up(values: Values, needed: int) -> Values:
    return np.where(np.arange(1, len(values) + 1) >= needed, values, math.nan)


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None
