"""Freqtrade's wallet and trades as our vocabulary: Account and Position."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from freqtrade.persistence import Trade

from candlegraph.freqtrade_bridge.plan import Plan
from candlegraph.graph.market import Account, Position
from candlegraph.memory.positions import Track


def account_of(
    wallets: Any,
    trades: Iterable[Trade],
    prices: Mapping[str, float],
    currency: str,
    slots: int,
) -> Account:
    """Return the wallet with open profit at `prices` (by pair; a trade without a price counts at its entry).

    Freqtrade takes the open profit out of an exchange's own total where that holds it, so it is counted once.
    """
    held = list(trades)
    rates = {trade.id: prices.get(trade.pair, trade.open_rate) for trade in held}
    used = sum(trade.stake_amount for trade in held)
    open_profit = sum(trade.calc_profit(rates[trade.id]) for trade in held if trade.pair in prices)
    return Account(
        equity=max(0.0, wallets.get_total(currency) + open_profit),
        free=max(0.0, wallets.get_available_stake_amount()),
        used=used,
        exposure=sum(trade.amount * rates[trade.id] for trade in held),
        open_positions=len(held),
        slots=slots,
    )


def position_of(trade: Trade, plan: Plan, price: float, as_of: datetime, length: timedelta, track: Track) -> Position:
    """Return the open trade at `price`; profits net of fees and funding, of the stake."""
    return Position(
        trade_id=trade.id,
        side=trade.trade_direction,
        leverage=trade.leverage,
        entry_price=trade.open_rate,
        stake=trade.stake_amount,
        stop=plan.stop if not plan.is_in_force(trade.stop_loss) else trade.stop_loss,
        take_profit=plan.take_profit,
        planned_risk_ratio=abs(trade.open_rate - plan.initial_stop) / trade.open_rate,
        profit_pct=100 * trade.calc_profit_ratio(price),
        mfe_pct=100 * trade.calc_profit_ratio(track.best),
        mae_pct=100 * trade.calc_profit_ratio(track.worst),
        opened_at=trade.open_date_utc,
        age_candles=max(0, round((as_of - trade.open_date_utc) / length)),
        adds=trade.nr_of_successful_entries - 1,
        reductions=trade.nr_of_successful_exits,
        recorded_decisions=track.recorded,
        entry_reason=plan.reason,
        holds=track.holds,
        past_reasons=track.reasons,
        past_warnings=track.warnings,
        deepest_give_back_pct=track.deepest_give_back_pct,
    )


def candles_since_loss(pair: str, as_of: datetime, length: timedelta) -> int | None:
    """Return how many main candles ago the pair's last losing trade closed; 1 = in the candle that closed now.

    The candle of the close counts, not its minute: a backtest stamps an exit inside a candle with its open.
    """
    lost = [
        trade.close_date_utc
        for trade in Trade.get_trades_proxy(pair=pair, is_open=False)
        if trade.close_profit is not None and trade.close_profit < 0
    ]
    if not lost:
        return None
    seconds = length.total_seconds()
    return max(0, int(as_of.timestamp() // seconds - max(lost).timestamp() // seconds))
