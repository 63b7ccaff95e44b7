"""The auditor of a session: there is one where real orders are placed on an exchange that it knows."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from freqtrade.enums import RunMode
from freqtrade.persistence import Trade

from candlegraph.freqtrade_bridge.audit.account import KNOWN_EXCHANGES
from candlegraph.freqtrade_bridge.audit.auditor import Auditor
from candlegraph.freqtrade_bridge.audit.books import far_stop, nearer
from candlegraph.freqtrade_bridge.audit.seen import Position
from candlegraph.freqtrade_bridge.host.state import bot_of
from candlegraph.freqtrade_bridge.trades.orders import Orders
from candlegraph.freqtrade_bridge.trades.plan import Plans
from candlegraph.graph.context import Context
from candlegraph.memory.books.audit import AuditBook
from candlegraph.memory.books.ledger import Ledger
from candlegraph.tools.risk.stops import derived_stop

logger = logging.getLogger(__name__)

DECIDED_WITHIN = timedelta(hours=1)
"""An entry is on the exchange within minutes of its decision, or never."""


def auditor_of(
    config: Mapping[str, Any], provider: Any, context: Context, plans: Plans, orders: Orders
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
    stops = Stops(context, plans, orders)
    send = lambda message: provider.send_msg(message, always_send=True)  # noqa: E731
    return Auditor(bot_of(provider), AuditBook(context.database), context.namespace, send, stops.planned, stops.unknown)


class Stops:
    """Where stops belong: by the plan of a trade, or, of what no trade knows, by the decision behind it."""

    def __init__(self, context: Context, plans: Plans, orders: Orders) -> None:
        self._context, self._plans, self._orders = context, plans, orders

    def planned(self, trade: Trade) -> float:
        """Return where the stop of an open trade belongs: freqtrade's or the plan's, which fires first."""
        plan = self._plans.of(trade)
        return nearer(plan.side, plan.stop, trade.stoploss_or_liquidation)

    def unknown(self, position: Position) -> float:
        """Return the stop of the entry that a position may have come from, else one from level and ATR."""
        decided = self._decided(position)
        if decided is not None:
            return decided
        multiple = self._context.settings.risk_management.stop_atr_multiple
        derived = derived_stop(position.side, position.mark, self._plans.basis(position.pair), multiple)
        far = far_stop(position)
        return far if derived is None else nearer(position.side, far, derived)

    def _decided(self, position: Position) -> float | None:
        plan = self._orders.on_its_way(position.pair)
        if plan is not None and plan.side == position.side:
            return plan.stop
        rows = Ledger(self._context.database).rows(self._context.namespace, since=position.updated_at - DECIDED_WITHIN)
        ours = [row.signal for row in rows if row.pair == position.pair and row.as_of <= position.updated_at]
        stops = [signal.stop for signal in ours if signal.entry_side == position.side]
        return stops[-1] if stops else None
