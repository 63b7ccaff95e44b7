"""Snapshot to facts: trend, regime, levels and distances, by stated arithmetic.

A timeframe is in an up-trend when EMA 20 > EMA 50 and the close is above EMA 50, in a down-trend when both are
reversed. The regime is a trend when at least two timeframes more point one way than the other. Its strength is the
higher ADX of the second and third timeframe: strong from 30, moderate from 20.
"""

from __future__ import annotations

from collections.abc import Sequence

from candlegraph.graph.facts import (
    ABSENT,
    AccountFacts,
    Facts,
    PositionFacts,
    Regime,
    Strength,
    TimeframeFacts,
)
from candlegraph.graph.market import Account, MarketSnapshot, Position, TimeframeView
from candlegraph.tools.market.structure import nearest_above, nearest_below

STRONG_ADX, MODERATE_ADX = 30, 20
FIELDS_OF = {"macd": ("macd", "macd_signal"), "bollinger": ("bollinger_upper", "bollinger_lower")}
"""A required indicator that is made of several numbers."""


def facts_of(snapshot: MarketSnapshot, timeframes: Sequence[str], required: Sequence[str]) -> Facts:
    """Return the facts of the candle; `required` indicators that are unavailable are listed in `missing`."""
    alignment = sum(trend_of(view) for view in snapshot.timeframes)
    lows = [level for view in snapshot.timeframes for level in view.swing_lows]
    highs = [level for view in snapshot.timeframes for level in view.swing_highs]
    return Facts(
        pair=snapshot.pair,
        price=snapshot.price,
        regime=regime_of(alignment),
        trend_strength=strength_of(snapshot.timeframes[1:3] or snapshot.timeframes),
        alignment=alignment,
        support=nearest_below(lows, snapshot.price),
        resistance=nearest_above(highs, snapshot.price),
        missing=" ".join(missing_of(snapshot, timeframes, required)) or ABSENT,
        timeframes={view.timeframe: timeframe_facts(view) for view in snapshot.timeframes},
        account=account_facts(snapshot.account),
        position=None if snapshot.position is None else position_facts(snapshot.position, snapshot.price),
    )


def trend_of(view: TimeframeView) -> int:
    """Return +1 in an up-trend, -1 in a down-trend, else 0."""
    fast, slow = view.indicators.ema_20, view.indicators.ema_50
    if fast is None or slow is None:
        return 0
    if fast > slow and view.close > slow:
        return 1
    return -1 if fast < slow and view.close < slow else 0


def regime_of(alignment: int) -> Regime:
    """Return the regime of an alignment."""
    if alignment >= 2:
        return "trend_up"
    return "trend_down" if alignment <= -2 else "range"


def strength_of(views: Sequence[TimeframeView]) -> Strength:
    """Return the strength of the strongest ADX among `views`; weak where none is available."""
    adx = max((view.indicators.adx or 0 for view in views), default=0)
    if adx >= STRONG_ADX:
        return "strong"
    return "moderate" if adx >= MODERATE_ADX else "weak"


def missing_of(snapshot: MarketSnapshot, timeframes: Sequence[str], required: Sequence[str]) -> list[str]:
    """Return `timeframe` or `timeframe.indicator` for everything required that is not there."""
    views = {view.timeframe: view for view in snapshot.timeframes}
    absent = [timeframe for timeframe in timeframes if timeframe not in views]
    for timeframe, view in views.items():
        absent += [f"{timeframe}.{name}" for name in required if not is_available(view, name)]
    return absent


def is_available(view: TimeframeView, name: str) -> bool:
    """Return whether every number of the indicator `name` is there."""
    return all(getattr(view.indicators, field) is not None for field in FIELDS_OF.get(name, (name,)))


def timeframe_facts(view: TimeframeView) -> TimeframeFacts:
    """Return the derived numbers of one timeframe."""
    i = view.indicators
    return TimeframeFacts(
        close=view.close,
        rsi=i.rsi,
        adx=i.adx,
        atr=i.atr,
        mfi=i.mfi,
        obv_slope=i.obv_slope,
        ema_20_distance=in_atr(view.close, i.ema_20, i.atr),
        ema_50_distance=in_atr(view.close, i.ema_50, i.atr),
        ema_200_distance=in_atr(view.close, i.ema_200, i.atr),
        ema_spread=in_atr(i.ema_20, i.ema_50, i.atr),
        macd_histogram=in_atr(i.macd, i.macd_signal, i.atr),
        bollinger_position=bollinger_position(view),
        momentum=in_atr(view.close, view.past_closes[-5] if len(view.past_closes) >= 5 else None, i.atr),
    )


def in_atr(value: float | None, reference: float | None, atr: float | None) -> float | None:
    """Return (value - reference) / ATR; None where one is unavailable or the ATR is zero."""
    if value is None or reference is None or not atr:
        return None
    return (value - reference) / atr


def bollinger_position(view: TimeframeView) -> float | None:
    """Return 0 at the lower band, 1 at the upper; None where the bands are unavailable or equal."""
    upper, lower = view.indicators.bollinger_upper, view.indicators.bollinger_lower
    if upper is None or lower is None or upper == lower:
        return None
    return (view.close - lower) / (upper - lower)


def account_facts(account: Account) -> AccountFacts:
    """Return the wallet; the reason of a halt in one line."""
    halted = " ".join((account.halted or ABSENT).split())
    return AccountFacts(**account.model_dump(exclude={"halted"}), halted=halted)


def position_facts(position: Position, price: float) -> PositionFacts:
    """Return the open trade at `price`."""
    sign = 1 if position.side == "long" else -1
    move = sign * (price / position.entry_price - 1)
    known = position.model_dump(include=set(PositionFacts.model_fields) - {"r_multiple", "give_back_pct"})
    risk = position.planned_risk_ratio
    return PositionFacts(
        **known,
        r_multiple=move / risk if risk else None,
        give_back_pct=max(0.0, position.mfe_pct - position.profit_pct),
    )
