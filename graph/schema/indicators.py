"""Frozen vocabulary of one timeframe's numbers: indicators, their past, and what the facts of a candle make of them.

How each is computed, when it is available and what becomes of it is declared in tools/market/indicators.py.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from candlegraph.graph.schema.frozen import Frozen

IndicatorName = Literal["ema_20", "ema_50", "ema_200", "adx", "rsi", "macd", "bollinger", "atr", "mfi", "obv_slope"]
"""As in `context_config.required_indicators`; one may be made of several numbers."""


class Indicators(Frozen):
    """Indicators of one timeframe at its last closed candle; None = unavailable."""

    ema_20: float | None
    ema_50: float | None
    ema_200: float | None
    adx: float | None = Field(description="0-100, 14 candles")
    rsi: float | None = Field(description="0-100, 14 candles")
    macd: float | None
    macd_signal: float | None
    bollinger_upper: float | None
    bollinger_lower: float | None
    atr: float | None = Field(description="price units, 14 candles")
    mfi: float | None = Field(description="0-100, 14 candles")
    obv_slope: float | None = Field(description="OBV change over 20 candles per volume traded in them, -1..1")


class PastIndicators(Frozen):
    """Older values of the indicators, oldest first, without this candle's; None = unavailable then."""

    rsi: tuple[float | None, ...] = ()
    adx: tuple[float | None, ...] = ()
    atr: tuple[float | None, ...] = ()
    macd_histogram: tuple[float | None, ...] = Field((), description="MACD - signal, price units")
    mfi: tuple[float | None, ...] = ()
    volume: tuple[float | None, ...] = ()


class TimeframeFacts(Frozen):
    """Derived numbers of one timeframe; None = unavailable. Distances are in ATR of that timeframe."""

    close: float
    rsi: float | None
    adx: float | None
    atr: float | None = Field(description="price units")
    mfi: float | None
    obv_slope: float | None
    ema_20_distance: float | None = Field(description="(close - EMA 20) / ATR")
    ema_50_distance: float | None
    ema_200_distance: float | None
    ema_spread: float | None = Field(description="(EMA 20 - EMA 50) / ATR")
    macd_histogram: float | None = Field(description="(MACD - signal) / ATR")
    bollinger_position: float | None = Field(description="0 = lower band, 1 = upper band")
    momentum: float | None = Field(description="(close - close 5 candles ago) / ATR")
