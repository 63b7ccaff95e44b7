"""Snapshot to facts: regime, nearest levels, distances in ATR, and what is missing; by stated arithmetic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from candlegraph.graph.schema.facts import ABSENT, AccountFacts, Facts, PositionFacts
from candlegraph.graph.schema.indicators import IndicatorName
from candlegraph.graph.schema.market import SIGN, Account, MarketSnapshot, Position, TimeframeView
from candlegraph.tools.market.indicators import timeframe_facts, unavailable
from candlegraph.tools.market.regime import alignment_of, regime_of, strength_of
from candlegraph.tools.market.structure import nearest_above, nearest_below


def facts_of(
    snapshot: MarketSnapshot,
    timeframes: Sequence[str],
    required: Sequence[IndicatorName],
    closed: Mapping[str, str] = MappingProxyType({}),
) -> Facts:
    """Return the facts of the candle; `required` indicators that are unavailable are listed in `missing`.

    Support and resistance are the nearest levels of any timeframe strictly below and above the price.
    """
    views = snapshot.timeframes
    seen = _market_of(views, tuple(timeframes), tuple(required))
    position = snapshot.position
    return Facts(
        pair=snapshot.pair,
        **seen,
        account=account_facts(snapshot.account),
        position=None if position is None else position_facts(position, views[0].close),
        closed=dict(closed),
    )


@lru_cache(maxsize=64)  # in a position the facts are asked for twice: for what has changed, and by the analyst
def _market_of(
    views: tuple[TimeframeView, ...], timeframes: tuple[str, ...], required: tuple[IndicatorName, ...]
) -> Mapping[str, Any]:
    """Return the facts of the market alone."""
    price, levels = views[0].close, [level.price for view in views for level in view.levels]
    alignment = alignment_of(views)
    known = {
        "price": price,
        "regime": regime_of(alignment),
        "trend_strength": strength_of(views),
        "alignment": alignment,
        "support": nearest_below(levels, price),
        "resistance": nearest_above(levels, price),
        "missing": " ".join(missing_of(views, timeframes, required)) or ABSENT,
        "timeframes": {view.timeframe: timeframe_facts(view) for view in views},
    }
    return MappingProxyType(known)


def missing_of(
    views: Sequence[TimeframeView], timeframes: Sequence[str], required: Sequence[IndicatorName]
) -> list[str]:
    """Return `timeframe` or `timeframe.indicator` for everything required that is not there."""
    seen = [view.timeframe for view in views]
    absent = [timeframe for timeframe in timeframes if timeframe not in seen]
    gone = {view.timeframe: unavailable(view, required) for view in views}
    return absent + [f"{timeframe}.{name}" for timeframe, names in gone.items() for name in names]


def account_facts(account: Account) -> AccountFacts:
    """Return what a prompt shows of the wallet; the reason of a halt in one line."""
    halted = " ".join((account.halted or ABSENT).split())
    return AccountFacts(**account.model_dump(include=set(AccountFacts.model_fields) - {"halted"}), halted=halted)


def position_facts(position: Position, price: float) -> PositionFacts:
    """Return the open trade at `price`."""
    sign = SIGN[position.side]
    move = sign * (price / position.entry_price - 1)
    known = position.model_dump(include=set(PositionFacts.model_fields) - {"r_multiple", "give_back_pct"})
    risk = position.planned_risk_ratio
    return PositionFacts(
        **known,
        r_multiple=move / risk if risk else None,
        give_back_pct=max(0.0, position.mfe_pct - position.profit_pct),
    )
