"""Trend of a timeframe, regime and strength of the market, by stated arithmetic.

A timeframe is in an up-trend when EMA 20 > EMA 50 and the close is above EMA 50, in a down-trend when both are
reversed. The regime is a trend when at least two timeframes more point one way than the other. Its strength is the
higher ADX of the second and third timeframe: strong from 30, moderate from 20.
"""

from __future__ import annotations

from collections.abc import Sequence

from candlegraph.graph.schema.market import Regime, Strength, TimeframeView

STRONG_ADX, MODERATE_ADX = 30, 20


def trend_of(view: TimeframeView) -> int:
    """Return +1 in an up-trend, -1 in a down-trend, else 0."""
    fast, slow = view.indicators.ema_20, view.indicators.ema_50
    if fast is None or slow is None:
        return 0
    if fast > slow and view.close > slow:
        return 1
    return -1 if fast < slow and view.close < slow else 0


def alignment_of(views: Sequence[TimeframeView]) -> int:
    """Return how many more timeframes are in an up-trend than in a down-trend."""
    return sum(trend_of(view) for view in views)


def regime_of(alignment: int) -> Regime:
    """Return the regime of an alignment."""
    if alignment >= 2:
        return "trend_up"
    return "trend_down" if alignment <= -2 else "range"


def strength_of(views: Sequence[TimeframeView]) -> Strength:
    """Return the strength of the market, from the views of all timeframes; weak where no ADX is available."""
    adx = max((view.indicators.adx or 0 for view in views[1:3] or views), default=0)
    if adx >= STRONG_ADX:
        return "strong"
    return "moderate" if adx >= MODERATE_ADX else "weak"
