"""The true result of a closed trade: what the wallet gained and lost by its pair while it was open."""

from __future__ import annotations

import logging
from typing import Any

from freqtrade.persistence import Order, Trade

from candlegraph.freqtrade_bridge.audit.account import LiveAccount, RequestRefused, RequestUnanswered
from candlegraph.freqtrade_bridge.host.tags import LIQUIDATION

logger = logging.getLogger(__name__)

FUNDING = "FUNDING_FEE"
ODD = 0.002
"""Difference of price and fees, of the position's value, above which the income cannot be this trade's alone."""
CENT = 0.005
COUNTED = 0.9
"""Share of the booked fees that must be among the income: less, and its newest rows are not listed yet."""


def settle(trade: Trade, account: LiveAccount) -> float:
    """Let the books hold what the exchange paid for a closed trade; return how far they were off, quote currency.

    Freqtrade never books the funding of a trade that a stop on the exchange ends, counts one fee rate for all orders
    and keeps the rest of the margin that a liquidation takes. What is missing goes to the last exit as its funding,
    the only place from which freqtrade counts it every time that it counts the trade again.
    """
    last = next((one for one in reversed(trade.orders) if one.filled and one.ft_order_side != trade.entry_side), None)
    try:
        income = account.income(trade.pair, trade.open_date_utc)
    except (RequestRefused, RequestUnanswered) as e:
        logger.warning("%s: trade %s: its true result is not known: %s", trade.pair, trade.id, e)
        return 0.0
    missing = _missing(trade, income)
    if last is None or abs(missing) < CENT:
        return 0.0
    last.funding_fee = (last.funding_fee or 0.0) + missing
    trade.recalc_trade_from_orders(is_closing=True)
    return missing


def _missing(trade: Trade, income: dict[str, float]) -> float:
    """Return what the books lack of the result, quote currency."""
    booked_funding = sum(one.funding_fee or 0.0 for one in trade.orders)
    funding = income.get(FUNDING, 0.0) - booked_funding
    paid = sum(amount for kind, amount in income.items() if kind not in (FUNDING, "TRANSFER"))
    rest = paid - ((trade.close_profit_abs or 0.0) - booked_funding)
    return funding + (rest if _is_its_own(trade, income, rest) else 0.0)


def _is_its_own(trade: Trade, income: dict[str, float], rest: float) -> bool:
    """Return whether the income beside funding is complete, and this trade's alone."""
    if "REALIZED_PNL" not in income:
        return False
    if trade.exit_reason == LIQUIDATION:
        return True
    fees = trade.open_trade_value * (trade.fee_open + (trade.fee_close or 0.0))
    return bool(-income.get("COMMISSION", 0.0) >= COUNTED * fees and abs(rest) <= ODD * trade.open_trade_value)


def copy_result(source: Trade, target: Trade) -> None:
    """Let a callback's copy hold the result that its original holds."""
    for name in ("close_profit", "close_profit_abs", "realized_profit", "funding_fees"):
        setattr(target, name, getattr(source, name))
    fees = {one.order_id: one.funding_fee for one in source.orders}
    for order in _orders(target):
        order.funding_fee = fees.get(order.order_id)


def _orders(trade: Any) -> list[Order]:
    return list(trade.orders)
