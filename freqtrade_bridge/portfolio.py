"""Freqtrade's wallet and trades as our vocabulary: Account and Position."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from freqtrade.persistence import Trade

from candlegraph.freqtrade_bridge.plan import Plan
from candlegraph.graph.market import Account, Position


def account_of(wallets: Any, trades: Iterable[Trade], prices: Mapping[str, float], currency: str) -> Account:
    """Return the wallet with open profit at `prices` (by pair; a trade without a price counts at its entry)."""
    held = list(trades)
    open_profit = sum(trade.calc_profit(prices[trade.pair]) for trade in held if trade.pair in prices)
    return Account(
        equity=max(0.0, wallets.get_total(currency) + open_profit),
        free=max(0.0, wallets.get_available_stake_amount()),
        open_positions=len(held),
    )


def position_of(trade: Trade, plan: Plan, price: float, as_of: datetime, length: timedelta, recorded: int) -> Position:
    """Return the open trade at `price`; profits net of fees and funding, of the stake."""
    side = trade.trade_direction
    best, worst = extremes_of(trade)
    return Position(
        trade_id=trade.id,
        side=side,
        leverage=trade.leverage,
        entry_price=trade.open_rate,
        stake=trade.stake_amount,
        stop=plan.stop if not plan.is_in_force(trade.stop_loss) else trade.stop_loss,
        take_profit=plan.take_profit,
        planned_risk_ratio=abs(trade.open_rate - plan.stop) / trade.open_rate,
        profit_pct=100 * trade.calc_profit_ratio(price),
        mfe_pct=100 * trade.calc_profit_ratio(best),
        mae_pct=100 * trade.calc_profit_ratio(worst),
        opened_at=trade.open_date_utc,
        age_candles=max(0, round((as_of - trade.open_date_utc) / length)),
        adds=trade.nr_of_successful_entries - 1,
        reductions=trade.nr_of_successful_exits,
        recorded_decisions=recorded,
        entry_reason=plan.reason,
    )


def extremes_of(trade: Trade) -> tuple[float, float]:
    """Return the best and the worst price since entry, from the trade's side."""
    high, low = trade.max_rate or trade.open_rate, trade.min_rate or trade.open_rate
    return (low, high) if trade.is_short else (high, low)
