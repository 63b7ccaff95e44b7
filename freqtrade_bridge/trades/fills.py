"""Fills to memory: the final exit of a trade becomes a ClosedTrade, a partial exit a PartialExit.

In a backtest `order_filled` fires before `trade.close()`, so profit and reason come from the order (docs/decisions/03).
"""

from __future__ import annotations

import math
from copy import copy
from datetime import datetime, timedelta
from typing import Any

from freqtrade.persistence import Order, Trade

from candlegraph.freqtrade_bridge.host.tags import FORCED, INSIDE_CANDLE, LIQUIDATION
from candlegraph.freqtrade_bridge.trades.plan import Plan
from candlegraph.graph.schema.experience import Addition, ClosedTrade, PartialExit
from candlegraph.graph.schema.signal import TradeSignal


def trade_key_of(trade: Trade) -> str:
    """Return the key under which a trade is followed and remembered, unique in its namespace."""
    return f"{trade.pair}|{trade.open_date_utc.isoformat()}|{trade.id}"


def trade_id_of(key: str) -> int:
    """Return freqtrade's number of the trade that a key belongs to."""
    return int(key.rpartition("|")[2])


def is_entry(trade: Trade, order: Order) -> bool:
    """Return whether `order` opened or enlarged the trade."""
    return bool(order.ft_order_side == trade.entry_side)


def is_final_exit(trade: Trade, order: Order, *, is_backtest: bool) -> bool:
    """Return whether `order` closed the whole trade.

    Live the trade is closed by now; in a backtest it is still open, with the amount from before the order.
    """
    if is_entry(trade, order):
        return False
    if is_backtest:
        return math.isclose(order.safe_amount_after_fee, trade.amount, rel_tol=1e-9)
    return not trade.is_open


def closed_trade_of(
    trade: Trade,
    order: Order,
    plan: Plan,
    *,
    extremes: tuple[float, float],
    now: datetime,
    length: timedelta,
    is_backtest: bool,
    judged: TradeSignal | None,
    risk_pct: float | None,
    beside: int | None,
    identity: dict[str, Any],
) -> ClosedTrade:
    """Return the facts of a trade that `order` closes.

    `extremes` are the best and worst price before the exit; the exit price itself joins them. A backtest stamps an exit
    inside candle [T, T + length) with T: it is known at the end of that candle. `judged` is the model's exit of this
    trade, with what it says of it. `identity` holds namespace, model and prompt_version.
    """
    reason = order.ft_order_tag or trade.exit_reason or "unknown"
    inside = is_backtest and reason in INSIDE_CANDLE
    known_at = now + length - timedelta(microseconds=1) if inside else now
    return ClosedTrade(
        **_entered(trade, plan),
        **_times(trade, now if is_backtest else _filled_at(order, now), known_at),
        candle_minutes=length.total_seconds() / 60,
        **_earned(trade, is_backtest=is_backtest),
        **_reached(trade, order.safe_price, extremes),
        risk_pct=risk_pct,
        beside=beside,
        exit_reason=reason,
        liquidated=reason == LIQUIDATION,
        forced=is_backtest and reason == FORCED,
        model_score=None if judged is None else judged.trade_score,
        self_evaluation="" if judged is None else judged.reason,
        events=_events(trade, order),
        additions=_additions(trade),
        **identity,
    )


def _filled_at(order: Order, now: datetime) -> datetime:
    """Return when the exchange filled the order: it may be found hours later, after an outage."""
    return min(order.order_filled_utc or now, now)


def partial_exit_of(
    trade: Trade, order: Order, plan: Plan, *, now: datetime, is_backtest: bool, namespace: str
) -> PartialExit:
    """Return the facts of a partial exit; live the trade has lost its amount by now, in a backtest not yet."""
    sold = order.safe_amount_after_fee
    before = trade.amount if is_backtest else trade.amount + sold
    profit = realised_by(trade, order)
    return PartialExit(
        namespace=namespace,
        key=f"{trade_key_of(trade)}|part {trade.nr_of_successful_exits}",
        pair=trade.pair,
        side=trade.trade_direction,
        entry_price=trade.open_rate,
        exit_price=order.safe_price,
        opened_at=trade.open_date_utc,
        known_at=max(now, trade.open_date_utc),
        share=sold / before,
        profit_pct=100 * profit * (trade.leverage or 1.0) / (sold * trade.open_rate),
        reason=order.ft_order_tag or order.ft_order_side,
        regime=plan.regime,
        situation=plan.situation,
        space=plan.space,
        decision_id=plan.decision_id,
    )


def _entered(trade: Trade, plan: Plan) -> dict[str, Any]:
    """Return what was known at the entry."""
    seen = ("regime", "trend_strength", "entry_rsi", "situation", "space", "scene", "decision_id")
    return {name: getattr(plan, name) for name in seen} | {
        "trade_key": trade_key_of(trade),
        "pair": trade.pair,
        "side": trade.trade_direction,
        "leverage": trade.leverage,
        "stake": trade.max_stake_amount or trade.stake_amount,
        "entry_price": trade.open_rate,
        "planned_stop": plan.initial_stop,
        "entry_reason": plan.reason,
    }


def _times(trade: Trade, closed_at: datetime, known_at: datetime) -> dict[str, datetime]:
    """Return when the trade was open, and from when on its end is known; never before it began."""
    opened_at = trade.open_date_utc
    return {"opened_at": opened_at, "closed_at": max(closed_at, opened_at), "known_at": max(known_at, opened_at)}


def _earned(trade: Trade, *, is_backtest: bool) -> dict[str, float]:
    """Return the result over all orders, and what of it were fees and funding."""
    profit_ratio, profit_abs = _result(trade, is_backtest=is_backtest)
    funding = trade.funding_fees or 0.0
    return {
        "profit_pct": 100 * profit_ratio,
        "profit_abs": profit_abs,
        "fees": moved_by(trade) + funding - profit_abs,
        "funding": funding,
    }


def _reached(trade: Trade, rate: float, extremes: tuple[float, float]) -> dict[str, float]:
    """Return the exit price, and what the best and the worst price would have given, net."""
    best, worst = _with_exit(extremes, rate, is_short=trade.is_short)
    return {
        "exit_price": rate,
        "mfe_pct": 100 * trade.calc_profit_ratio(best),
        "mae_pct": 100 * trade.calc_profit_ratio(worst),
    }


def _result(trade: Trade, *, is_backtest: bool) -> tuple[float, float]:
    """Return profit ratio (of the stake) and amount over all orders, net of fees and funding, as freqtrade counts them.

    Live they stand in the closed trade; a backtest has not closed it yet, so a copy is settled.
    """
    settled = copy(trade) if is_backtest else trade
    if is_backtest:
        settled.recalc_trade_from_orders(is_closing=True)
    return settled.close_profit, settled.close_profit_abs


def moved_by(trade: Trade) -> float:
    """Return what the prices of all fills gave, quote currency, before fees and funding."""
    filled = [order for order in trade.orders if not order.ft_is_open and order.filled]
    values = (
        order.safe_amount_after_fee * order.safe_price * (-1 if is_entry(trade, order) else 1) for order in filled
    )
    return float(math.fsum(values)) * (-1 if trade.is_short else 1)


def _with_exit(extremes: tuple[float, float], rate: float, *, is_short: bool) -> tuple[float, float]:
    best, worst = extremes
    return (min(best, rate), max(worst, rate)) if is_short else (max(best, rate), min(worst, rate))


def _events(trade: Trade, last: Order) -> tuple[str, ...]:
    """Return the adds and partial exits between the entry and the last order; a reduction with what it realised."""
    between = [order for order in trade.orders[1:] if order.order_id != last.order_id and order.safe_filled > 0]
    return tuple(_event(trade, order) for order in between)


def _additions(trade: Trade) -> tuple[Addition, ...]:
    """Return the fills that enlarged the position, each by its share of what was open before."""
    found, amount = [], 0.0
    for order in trade.orders:
        if order.ft_is_open or not order.filled:
            continue
        size = order.safe_amount_after_fee
        if is_entry(trade, order) and amount > 0:
            after = ((order.order_filled_utc or trade.open_date_utc) - trade.open_date_utc).total_seconds() / 60
            found.append(Addition(after_minutes=max(0.0, after), share=size / amount))
        amount += size if is_entry(trade, order) else -size
    return tuple(found)


def _event(trade: Trade, order: Order) -> str:
    told = f"{order.ft_order_tag or order.ft_order_side} at {order.safe_price:.6g}"
    return told if is_entry(trade, order) else f"{told}, realised {realised_by(trade, order):+.6g}"


def realised_by(trade: Trade, order: Order) -> float:
    """Return the profit that one exit order realised, in quote currency, net of fees and funding.

    The arithmetic of freqtrade's `recalc_trade_from_orders`, which changes the trade itself and so cannot be asked.
    """
    amount, average, funding = 0.0, 0.0, 0.0
    for one in trade.orders:
        if one.ft_is_open or not one.filled:
            continue
        size, price = one.safe_amount_after_fee, one.safe_price
        funding += one.funding_fee or 0.0
        if is_entry(trade, one):
            average = (amount * average + size * price) / (amount + size)
            amount += size
            continue
        if one is order or one.order_id == order.order_id:
            return _profit_of(trade, size, average, price) + funding
        amount, funding = amount - size, 0.0
    return 0.0


def _profit_of(trade: Trade, size: float, opened: float, closed: float) -> float:
    sign = -1 if trade.is_short else 1
    fees = size * (opened * (trade.fee_open or 0.0) + closed * (trade.fee_close or 0.0))
    return float(sign * size * (closed - opened) - fees)
