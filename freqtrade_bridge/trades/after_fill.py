"""What a filled order leaves behind: at the entry the plan and the track, at every exit what the memory learns from.

entry -> plan kept, trade followed;  addition, reduction -> noted;  exit -> PartialExit or ClosedTrade into the outbox
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from freqtrade.persistence import Order, Trade

from candlegraph.agents.prompt.files import deciding_version
from candlegraph.freqtrade_bridge.decisions.book import DecisionBook, Known
from candlegraph.freqtrade_bridge.decisions.fates import Fates
from candlegraph.freqtrade_bridge.host.tags import ADD_TAG, ADOPTED, ENTRY_TAGS
from candlegraph.freqtrade_bridge.trades.fills import closed_trade_of, is_entry, is_final_exit, partial_exit_of
from candlegraph.freqtrade_bridge.trades.opening import opening_of
from candlegraph.freqtrade_bridge.trades.orders import Orders
from candlegraph.freqtrade_bridge.trades.plan import Plan, Plans
from candlegraph.freqtrade_bridge.trades.track import PositionWatch
from candlegraph.graph.context import Context
from candlegraph.graph.schema.experience import ClosedTrade, PartialExit
from candlegraph.memory.counterfactual.path import risk_pct
from candlegraph.memory.learning.track import Track

logger = logging.getLogger(__name__)


class AfterFill:
    """Follows the trades of one run from fill to fill; `length` is one main candle, `provider` is freqtrade's."""

    def __init__(
        self,
        context: Context,
        book: DecisionBook,
        known: Known,
        orders: Orders,
        plans: Plans,
        fates: Fates,
        watch: PositionWatch,
        provider: Any,
        length: timedelta,
        opened: Callable[[Trade, Plan], None],
        *,
        is_backtest: bool,
    ) -> None:
        self._context, self._provider = context, provider
        self._book, self._known, self._fates = book, known, fates
        self._orders, self._plans, self._watch = orders, plans, watch
        self._length, self._opened, self._is_backtest = length, opened, is_backtest
        self._told: set[str] = set()

    def filled(self, trade: Trade, order: Order, now: datetime) -> None:
        """Keep the plan and follow the trade from its entry fill on; send what it gave to the outbox at every exit."""
        is_final = is_final_exit(trade, order, is_backtest=self._is_backtest)
        plan = self._orders.entered(trade.pair) if is_entry(trade, order) else None
        self._fates.filled(trade, order, now, None if plan is None else plan.decision_id, is_final=is_final)
        if plan is not None:
            self._open(trade, plan)
        elif is_final:
            self._close(trade, order, now)
        else:
            self._change(trade, order, now)

    def missed(self, trade: Trade, now: datetime) -> None:
        """Send what a closed trade gave to the outbox, unless it is there: freqtrade does not call for it again."""
        exits = [one for one in trade.orders if one.filled and not is_entry(trade, one)]
        if exits:
            self.filled(trade, exits[-1], now)

    def _open(self, trade: Trade, plan: Plan) -> None:
        snapshot, state = self._known.of(trade.pair)
        atr = None if snapshot is None else snapshot.main.indicators.atr
        self._plans.keep(trade, plan)
        self._watch.entered(trade, plan, state, opening_of(trade, plan, atr, self._provider._exchange))
        self._opened(trade, plan)

    def _close(self, trade: Trade, order: Order, now: datetime) -> None:
        moved = self._plans.of(trade).is_tightened
        track = self._watch.closing(trade, self._known.of(trade.pair)[1], now, stop_moved=moved)
        self._context.memory.enqueue(self._closed(trade, order, now, track), track)
        self._book.consume(trade.pair)

    def _change(self, trade: Trade, order: Order, now: datetime) -> None:
        self._name_stop(trade)
        self._watch.changed(trade, order, now)
        if is_entry(trade, order):
            self._say_forced(trade, order)
        else:
            self._context.memory.enqueue(self._part(trade, order, now))

    def _say_forced(self, trade: Trade, order: Order) -> None:
        """Tell an addition that a person made past the gate: `/forceenter` of a pair with an open trade."""
        is_ours = order.ft_order_tag in (ADD_TAG, ADOPTED, *ENTRY_TAGS)
        if self._is_backtest or is_ours or order.order_id in self._told:  # freqtrade calls again with the fee
            return
        self._told.add(order.order_id)
        self._orders.added_by_hand(trade.id)
        added = f"{order.safe_filled:g} at {order.safe_price:.6g} was added to trade {trade.id} by hand"
        told = f"{trade.pair}: {added}, past the risk gate; the next loop reduces it to what the limits allow"
        logger.warning("%s", told)
        self._provider.send_msg(f"candlegraph: {told}", always_send=True)

    def _name_stop(self, trade: Trade) -> None:
        """Let the stop be called trailing if a rule moved it, and only then.

        At every fill freqtrade re-bases the stop, and calls that trailing; its backtest adjusts the position before it
        looks at the stop, so that a stop which is tightened on the same candle is set at the fill and not called so.
        """
        for real in Trade.get_trades_proxy(is_open=True):  # callbacks see a copy
            if real.id == trade.id:
                real.is_stop_loss_trailing = self._plans.of(trade).is_tightened

    def _part(self, trade: Trade, order: Order, now: datetime) -> PartialExit:
        plan, namespace = self._plans.of(trade), self._context.namespace
        return partial_exit_of(trade, order, plan, now=now, is_backtest=self._is_backtest, namespace=namespace)

    def _closed(self, trade: Trade, order: Order, now: datetime, track: Track) -> ClosedTrade:
        signal = self._book.at(trade.pair, now)
        return closed_trade_of(
            trade,
            order,
            self._plans.of(trade),
            extremes=(track.best, track.worst),
            now=now,
            length=self._length,
            is_backtest=self._is_backtest,
            judged=signal if signal is not None and signal.is_exit and signal.trade_id == trade.id else None,
            risk_pct=None if track.opening is None else risk_pct(track.opening, track.side),
            beside=track.beside,
            identity={
                "namespace": self._context.namespace,
                "model": self._context.model_name,
                "prompt_version": deciding_version(self._context.settings),
            },
        )
