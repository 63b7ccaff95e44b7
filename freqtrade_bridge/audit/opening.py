"""The auditor of a session: there is one where real orders are placed on an exchange that it knows."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from freqtrade.enums import RunMode
from freqtrade.persistence import Trade

from candlegraph.freqtrade_bridge.audit.account import KNOWN_EXCHANGES
from candlegraph.freqtrade_bridge.audit.auditor import Auditor
from candlegraph.freqtrade_bridge.audit.books import far_stop, nearer
from candlegraph.freqtrade_bridge.audit.seen import HeldPosition, SeenOrder
from candlegraph.freqtrade_bridge.decisions.fates import Fates, FoundOrder
from candlegraph.freqtrade_bridge.host.state import bot_of
from candlegraph.freqtrade_bridge.trades.orders import Orders
from candlegraph.freqtrade_bridge.trades.plan import Plan, Plans
from candlegraph.graph.context import Context
from candlegraph.graph.schema.market import Side
from candlegraph.memory.books.audit import AuditBook
from candlegraph.memory.books.ledger import DecisionRow, Ledger
from candlegraph.tools.risk.stops import derived_stop

logger = logging.getLogger(__name__)

DECIDED_WITHIN = timedelta(hours=1)
"""An entry is on the exchange within minutes of its decision, or never."""


def auditor_of(
    config: Mapping[str, Any], provider: Any, context: Context, plans: Plans, orders: Orders, fates: Fates
) -> Auditor | None:
    """Return the auditor of a live account; None in a backtest, in dry-run, and where nobody could look."""
    if config["runmode"] != RunMode.LIVE:
        return None
    name = config["exchange"]["name"]
    if name not in KNOWN_EXCHANGES:
        logger.warning(
            "%s: the auditor knows %s only: nobody looks at this account beside freqtrade; see docs/live.md for what"
            " that means",
            name,
            ", ".join(KNOWN_EXCHANGES),
        )
        return None
    stops = PlannedStops(context, plans, orders, fates)
    send = lambda message: provider.send_msg(message, always_send=True)  # noqa: E731
    return Auditor(bot_of(provider), AuditBook(context.database), context.namespace, send, stops)


class PlannedStops:
    """Where stops belong: by the plan of a trade, or, of what no trade knows, by the decision behind it."""

    def __init__(self, context: Context, plans: Plans, orders: Orders, fates: Fates) -> None:
        self._context, self._plans, self._orders, self._fates = context, plans, orders, fates

    def planned(self, trade: Trade) -> float:
        """Return where the stop of an open trade belongs: freqtrade's or the plan's, which fires first."""
        plan = self._plans.of(trade)
        return nearer(plan.side, plan.stop, trade.stoploss_or_liquidation)

    def unknown(self, position: HeldPosition) -> float:
        """Return the stop of the entry that a position may have come from, else one from level and ATR."""
        plan = self._plan(position.pair, position.side, position.updated_at)
        if plan is not None:
            return plan.stop
        multiple = self._context.settings.risk_management.stop_atr_multiple
        derived = derived_stop(position.side, position.mark, self._plans.basis(position.pair), multiple)
        far = far_stop(position)
        return far if derived is None else nearer(position.side, far, derived)

    def expect(self, pair: str, side: Side, since: datetime) -> None:
        """Get the plan of a lost entry ready, from its decision where the bot was started anew since."""
        if (plan := self._plan(pair, side, since)) is not None:
            self._orders.expect(pair, plan)

    def awaits(self, trade_id: int) -> bool:
        """Return whether an addition to a trade was let through, and no order of it is known."""
        return self._fates.awaits(trade_id)

    def found(self, pair: str, orders: Sequence[SeenOrder], leverage: float, now: datetime) -> None:
        """Set the fates of the calls whose orders these are."""
        for one in orders:
            if one.price is not None:  # a filled order has one
                order = FoundOrder(one.id, one.at, one.side, one.filled, one.price, leverage)
                self._fates.found(pair, order, now)

    def _plan(self, pair: str, side: Side, at: datetime) -> Plan | None:
        plan = self._orders.on_its_way(pair)
        if plan is not None:
            return plan if plan.side == side else None
        rows = Ledger(self._context.database).rows(self._context.namespace, since=at - DECIDED_WITHIN)
        ours = [row for row in rows if row.pair == pair and row.as_of <= at and row.signal.entry_side == side]
        return plan_of(ours[-1]) if ours else None


def plan_of(row: DecisionRow) -> Plan | None:
    """Return the plan of a decided entry as far as its row tells."""
    signal = row.signal
    if signal.entry_side is None or signal.stop is None:
        return None
    return Plan(
        side=signal.entry_side,
        stop=signal.stop,
        initial_stop=signal.stop,
        take_profit=signal.take_profit,
        reason=signal.reason,
        confidence=signal.confidence,
        decision_id=row.decision_id,
        clamps=signal.clamps,
        regime=row.regime,
    )
