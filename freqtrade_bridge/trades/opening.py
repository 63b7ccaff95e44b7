"""What a replay needs of a trade's first fill, as freqtrade and its exchange know it at the fill."""

from __future__ import annotations

import math
from typing import Any

from freqtrade.persistence import Trade

from candlegraph.freqtrade_bridge.trades.plan import Plan
from candlegraph.memory.counterfactual.path import Opening, Tier

DECIMAL_PLACES, SIGNIFICANT_DIGITS = 2, 3
"""Modes in which ccxt counts a precision; else it is the tick itself."""


def opening_of(trade: Trade, plan: Plan, atr: float | None, exchange: Any) -> Opening | None:
    """Return the first fill; None where its ATR, its tick or the leverage tiers of its pair are not known."""
    tiers, tick = tiers_of(exchange, trade.pair), tick_of(trade)
    if not atr or not tiers or not tick:
        return None
    return Opening(
        entry_price=trade.open_rate,
        stake=trade.stake_amount,
        leverage=trade.leverage or 1.0,
        stop=plan.initial_stop,
        target=plan.take_profit,
        atr=atr,
        tick=tick,
        fee=trade.fee_open or 0.0,
        tiers=tiers,
    )


def tiers_of(exchange: Any, pair: str) -> tuple[Tier, ...]:
    """Return the leverage tiers of a pair, smallest first; freqtrade has no public way to them from a strategy."""
    found = exchange._leverage_tiers.get(pair, ())
    rows = [Tier(t["minNotional"], t["maxLeverage"], t["maintenanceMarginRate"], t["maintAmt"] or 0.0) for t in found]
    return tuple(sorted(rows))


def tick_of(trade: Trade) -> float | None:
    """Return the smallest step of the pair's price, at a price like the entry's."""
    precision, mode = trade.price_precision, trade.precision_mode_price
    if precision is None:
        return None
    if mode == DECIMAL_PLACES:
        return float(10.0**-precision)
    if mode == SIGNIFICANT_DIGITS:
        return float(10.0 ** (math.floor(math.log10(trade.open_rate)) + 1 - precision))
    return float(precision)
