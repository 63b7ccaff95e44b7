"""The true result of a closed trade: what its own fills paid, and its part of what the position paid.

its orders -> their fills -> money and fees;  funding, and what a liquidation takes -> by its share of the position then
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from typing import Any, NamedTuple

from freqtrade.persistence import Order, Trade

from candlegraph.freqtrade_bridge.audit.account import LiveAccount, RequestRefused, RequestUnanswered
from candlegraph.freqtrade_bridge.audit.seen import SeenFill, SeenIncome, SeenOrder, exceeds
from candlegraph.freqtrade_bridge.host.tags import LIQUIDATION

logger = logging.getLogger(__name__)

CENT = 0.005
EARLIER = timedelta(minutes=5)
"""The exchange's clock may be behind ours by so much; what is the trade's is told by its orders."""


class Paid(NamedTuple):
    """What the exchange lists: a closed trade's fills, the pair's since the first of them, and what came beside.

    `taken` is what went to the insurance fund when it was liquidated.
    """

    its: tuple[SeenFill, ...]
    of_pair: tuple[SeenFill, ...]
    funding: tuple[SeenIncome, ...] = ()
    taken: tuple[SeenIncome, ...] = ()

    def share(self, at: int) -> float:
        """Return the trade's part of the position just before a time (epoch ms), as a ratio."""
        its, whole = (abs(sum(one.signed for one in fills if one.at < at)) for fills in (self.its, self.of_pair))
        return min(1.0, its / whole) if exceeds(whole, 0) else 0.0


def settle(trade: Trade, account: LiveAccount) -> float:
    """Let the books hold what the exchange paid for a closed trade; return how far they were off, quote currency.

    Freqtrade never books the funding of a trade that a stop on the exchange ends, counts one fee rate for all orders
    and keeps the rest of the margin that a liquidation takes. What is missing goes to the last exit as its funding,
    the only place from which freqtrade counts it every time that it counts the trade again.
    """
    last = next((one for one in reversed(trade.orders) if one.filled and one.ft_order_side != trade.entry_side), None)
    try:
        missing = missing_of(trade, _paid(trade, account))
    except (RequestRefused, RequestUnanswered) as e:
        logger.warning("%s: trade %s: its true result is not known: %s", trade.pair, trade.id, e)
        return 0.0
    if last is None or abs(missing) < CENT:
        return 0.0
    last.funding_fee = (last.funding_fee or 0.0) + missing
    trade.recalc_trade_from_orders(is_closing=True)
    return missing


def missing_of(trade: Trade, paid: Paid) -> float:
    """Return what the books lack of the result, quote currency; of the funding alone while a fill is not listed."""
    booked = sum(one.funding_fee or 0.0 for one in trade.orders)
    funding = sum(one.amount * paid.share(one.at) for one in paid.funding) - booked
    if not _is_complete(trade, paid.its):
        return funding
    money = sum(one.cash for one in paid.its) + sum(one.amount for one in paid.taken) * paid.share(paid.its[-1].at)
    return funding + money - ((trade.close_profit_abs or 0.0) - booked)


def _is_complete(trade: Trade, its: Sequence[SeenFill]) -> bool:
    """Return whether all that was entered and closed is listed, with fees in the currency that a result is in."""
    if any(one.fee and one.fee_currency != trade.stake_currency for one in its):
        return False
    entered, closed = _amounts(trade, its)
    booked = sum(one.safe_filled for one in trade.orders if one.ft_order_side == trade.entry_side)
    return entered > 0 and not exceeds(booked, entered) and not exceeds(entered, closed)


def _amounts(trade: Trade, fills: Iterable[SeenFill]) -> tuple[float, float]:
    """Return how much fills opened, and how much they closed."""
    amounts = {True: 0.0, False: 0.0}
    for one in fills:
        amounts[one.side == trade.entry_side] += one.amount
    return amounts[True], amounts[False]


# -- what the exchange lists ------------------------------------------------------------------------------------------


def _paid(trade: Trade, account: LiveAccount) -> Paid:
    since = trade.open_date_utc - EARLIER
    fills = account.fills(trade.pair, since)
    its = _its(trade, account, fills)
    if not its:
        return Paid((), ())
    taken = account.income(trade.pair, since, "INSURANCE_CLEAR") if trade.exit_reason == LIQUIDATION else ()
    return Paid(
        its=tuple(_cut(trade, its)),
        of_pair=fills[fills.index(its[0]) :],
        funding=account.income(trade.pair, since, "FUNDING_FEE"),
        taken=tuple(one for one in taken if one.at >= its[-1].at),
    )


def _its(trade: Trade, account: LiveAccount, fills: Sequence[SeenFill]) -> list[SeenFill]:
    """Return the fills of a trade's orders, and of its lost additions where its exit closed them, too."""
    known = _numbers(trade, account)
    its = [one for one in fills if one.order_id in known]
    entered, closed = _amounts(trade, its)
    if not exceeds(closed, entered):
        return its
    known |= {one.id for one in lost_additions(trade, account)}
    with_lost = [one for one in fills if one.order_id in known]
    entered, closed = _amounts(trade, with_lost)
    return its if exceeds(entered, closed) else with_lost


def _numbers(trade: Trade, account: LiveAccount) -> set[str]:
    """Return the exchange's numbers of the orders that were filled for a trade."""
    found = set[str]()
    for one in trade.orders:
        if one.filled:
            is_stop = one.ft_order_side == "stoploss"
            found |= set(account.became(one.order_id, trade.pair)) if is_stop else {one.order_id}
    return found


def lost_additions(trade: Trade, account: LiveAccount) -> tuple[SeenOrder, ...]:
    """Return the bot's filled orders, in the direction of a trade, whose answers were lost; raise RequestUnanswered."""
    listed = account.orders(trade.pair, trade.open_date_utc - EARLIER)
    sent = [one for one in listed if one.sender == "bot" and one.filled and one.side == trade.entry_side]
    return tuple(one for one in sent if Order.order_by_id(one.id, trade.pair) is None)


def _cut(trade: Trade, its: Iterable[SeenFill]) -> Iterator[SeenFill]:
    """Yield a trade's fills without what its exits closed beyond what was entered: that was somebody else's part."""
    left = 0.0
    for one in its:
        part = one.amount if one.side == trade.entry_side else min(one.amount, left)
        left += part if one.side == trade.entry_side else -part
        if part > 0:
            yield one.part(part)


def copy_result(source: Trade, target: Trade) -> None:
    """Let a callback's copy hold the result that its original holds."""
    for name in ("close_profit", "close_profit_abs", "realized_profit", "funding_fees"):
        setattr(target, name, getattr(source, name))
    fees = {one.order_id: one.funding_fee for one in source.orders}
    for order in _orders(target):
        order.funding_fee = fees.get(order.order_id)


def _orders(trade: Any) -> list[Order]:
    return list(trade.orders)
