"""Indicators of one timeframe's window of closed candles.

EMA, RSI, MACD, Bollinger and OBV come from `ta`; ADX, ATR and MFI from TA-Lib, because `ta` loops over rows in Python
for these three (DECISIONS 23). Each is unavailable (None) until enough candles are there for its warm-up to fade.
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import talib
from ta.momentum import RSIIndicator
from ta.trend import MACD, EMAIndicator
from ta.volatility import BollingerBands
from ta.volume import OnBalanceVolumeIndicator

from candlegraph.graph.market import Indicators

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
OBV_SPAN = 20


def indicators_of(window: pd.DataFrame) -> Indicators:
    """Return the indicators at the last row of `window` (columns open, high, low, close, volume; oldest first)."""
    high, low, close, volume = (window[name].to_numpy(float) for name in ("high", "low", "close", "volume"))
    values = _by_ta(window["close"]) | {
        "adx": talib.ADX(high, low, close, 14)[-1],
        "atr": talib.ATR(high, low, close, 14)[-1],
        "mfi": talib.MFI(high, low, close, volume, 14)[-1] if volume[-14:].any() else math.nan,  # TA-Lib says 0
        "obv_slope": obv_slope(window["close"], window["volume"]),
    }
    return Indicators(**{name: _available(name, values[name], len(window)) for name in NEEDED_ROWS})


def _by_ta(close: pd.Series) -> dict[str, float]:
    macd = MACD(close)
    bands = BollingerBands(close, window=20, window_dev=2)
    return {
        **{f"ema_{n}": float(EMAIndicator(close, n).ema_indicator().iloc[-1]) for n in (20, 50, 200)},
        "rsi": float(RSIIndicator(close, 14).rsi().iloc[-1]),
        "macd": float(macd.macd().iloc[-1]),
        "macd_signal": float(macd.macd_signal().iloc[-1]),
        "bollinger_upper": float(bands.bollinger_hband().iloc[-1]),
        "bollinger_lower": float(bands.bollinger_lband().iloc[-1]),
    }


def obv_slope(close: pd.Series, volume: pd.Series) -> float:
    """Return the change of OBV over 20 candles per volume traded in them, in -1..1; NaN if nothing was traded.

    A slope, not the level: the level depends on where the window starts (DECISIONS 11).
    """
    obv = OnBalanceVolumeIndicator(close, volume).on_balance_volume().to_numpy(float)
    traded = float(volume.to_numpy(float)[-OBV_SPAN:].sum())
    if len(obv) <= OBV_SPAN or traded == 0:
        return math.nan
    return float(np.clip((obv[-1] - obv[-1 - OBV_SPAN]) / traded, -1, 1))


def _available(name: str, value: float, rows: int) -> float | None:
    return float(value) if rows >= NEEDED_ROWS[name] and math.isfinite(value) else None
