"""Snapshot to facts: regime, nearest levels, distances in ATR, and what is missing; by stated arithmetic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType

from candlegraph.graph.schema.facts import ABSENT, AccountFacts, Facts, PositionFacts, TimeframeFacts
from candlegraph.graph.schema.market import Account, MarketSnapshot, Position, TimeframeView, sign_of
from candlegraph.tools.market.regime import alignment_of, regime_of, strength_of
from candlegraph.tools.market.structure import nearest_above, nearest_below

FIELDS_OF = {"macd": ("macd", "macd_signal"), "bollinger": ("bollinger_upper", "bollinger_lower")}
"""A required indicator that is made of several numbers."""


def facts_of(
    snapshot: MarketSnapshot,
    timeframes: Sequence[str],
    required: Sequence[str],
    closed: Mapping[str, str] = MappingProxyType({}),
) -> Facts:
    """Return the facts of the candle; `required` indicators that are unavailable are listed in `missing`.

    Support and resistance are the nearest levels of any timeframe strictly below and above the price.
    """
    alignment = alignment_of(snapshot.timeframes)
    levels = [level.price for view in snapshot.timeframes for level in view.levels]
    return Facts(
        pair=snapshot.pair,
        price=snapshot.price,
        regime=regime_of(alignment),
        trend_strength=strength_of(snapshot.timeframes),
        alignment=alignment,
        support=nearest_below(levels, snapshot.price),
        resistance=nearest_above(levels, snapshot.price),
        missing=" ".join(missing_of(snapshot, timeframes, required)) or ABSENT,
        timeframes={view.timeframe: timeframe_facts(view) for view in snapshot.timeframes},
        account=account_facts(snapshot.account),
        position=None if snapshot.position is None else position_facts(snapshot.position, snapshot.price),
        closed=dict(closed),
    )


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


@lru_cache(maxsize=1024)  # only one timeframe in two has a new candle
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
    sign = sign_of(position.side)
    move = sign * (price / position.entry_price - 1)
    known = position.model_dump(include=set(PositionFacts.model_fields) - {"r_multiple", "give_back_pct"})
    risk = position.planned_risk_ratio
    return PositionFacts(
        **known,
        r_multiple=move / risk if risk else None,
        give_back_pct=max(0.0, position.mfe_pct - position.profit_pct),
    )
