"""The plans of open trades: kept at the entry fill, tightened after each candle, found again after a restart."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from freqtrade.persistence import Trade
from freqtrade.strategy import stoploss_from_absolute

from candlegraph.agents.reviewer import stop_basis
from candlegraph.freqtrade_bridge.plan import KEY, Plan, rescue_plan
from candlegraph.graph.market import MarketSnapshot, TimeframeView
from candlegraph.graph.settings import RiskManagement
from candlegraph.graph.state import CandleState
from candlegraph.tools.stops import StopBasis, is_protective

logger = logging.getLogger(__name__)
Known = Mapping[str, tuple[MarketSnapshot, CandleState | None]]
"""The newest decision of each pair: what was known, and how the graph ended."""


class Plans:
    """Plan by trade id; `known` is the session's, and changes under it."""

    def __init__(self, rules: RiskManagement, fee_ratio: float, known: Known) -> None:
        self._rules = rules
        self._fee_ratio = fee_ratio
        self._known = known
        self._by_trade: dict[int, Plan] = {}

    def of(self, trade: Trade) -> Plan:
        """Return the trade's plan: from this run, from its custom data, else derived from level and ATR."""
        if trade.id not in self._by_trade:
            stored = trade.get_custom_data(KEY)
            if stored is None:
                return self._rescue(trade)
            self._by_trade[trade.id] = _read(stored)
        return self._by_trade[trade.id]

    def keep(self, trade: Trade, plan: Plan) -> None:
        """Keep the plan of a trade, here and in its custom data."""
        self._by_trade[trade.id] = plan
        trade.set_custom_data(KEY, plan.model_dump(mode="json"))

    def after_candle(self, trade: Trade, candle: TimeframeView) -> None:
        """Tighten the stop by the rules, after a candle that passed while the trade was open; set it at once.

        Freqtrade's backtest does not ask for a stop on a candle that reaches the old one.
        """
        before = self.of(trade)
        extreme = candle.high if before.side == "long" else candle.low
        plan = before.after_candle(extreme, trade.open_rate, self._rules, self._fee_ratio)
        if plan != before:
            self.keep(trade, plan)
        if plan.stop == before.stop:
            return
        logger.info("%s: the stop moves from %.6g to %.6g", trade.pair, before.stop, plan.stop)
        if is_protective(plan.side, plan.stop, candle.close):
            ratio = stoploss_from_absolute(
                plan.stop, candle.close, is_short=trade.is_short, leverage=trade.leverage or 1.0
            )
            trade.adjust_stop_loss(candle.close, ratio)

    def _rescue(self, trade: Trade) -> Plan:
        """Return a derived plan; it is kept only once an ATR is known, before that a wider stop holds."""
        basis, multiple = self.basis(trade.pair), self._rules.stop_atr_multiple
        plan = rescue_plan(trade.trade_direction, trade.open_rate, trade.leverage, basis, multiple)
        if basis.atr:
            logger.warning("%s: trade %s has no plan; its stop is set to %.6g", trade.pair, trade.id, plan.stop)
            self.keep(trade, plan)
        return plan

    def basis(self, pair: str) -> StopBasis:
        """Return what a stop of the pair is derived from, as far as it is known."""
        snapshot, state = self._known.get(pair, (None, None))
        if snapshot is None:
            return StopBasis()
        return stop_basis(snapshot, None if state is None else state.facts)


def _read(stored: dict[str, object]) -> Plan:
    """Return a stored plan; one of an older version knew no initial stop."""
    return Plan.model_validate({"initial_stop": stored["stop"], **stored})
