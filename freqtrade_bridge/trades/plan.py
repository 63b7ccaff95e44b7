"""The plan of a trade: what the entry promised; kept in its custom data, tightened after each candle, never lost."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from freqtrade.persistence import Trade
from freqtrade.strategy import stoploss_from_absolute

from candlegraph.freqtrade_bridge.decisions.book import Known
from candlegraph.graph.schema.market import (
    PUNCTUAL,
    SIGN,
    Frozen,
    Price,
    Regime,
    Side,
    Strength,
    TimeframeView,
)
from candlegraph.graph.schema.scene import Scene
from candlegraph.graph.schema.signal import Clamp
from candlegraph.graph.settings.risk import RiskManagement
from candlegraph.tools.risk.stops import StopBasis, derived_stop, is_protective, stop_basis, tightened_stop

KEY = "candlegraph_plan"
STOP_TOLERANCE = 0.0005
"""Relative difference under which a stop in force counts as the planned one: exchanges round prices."""

logger = logging.getLogger(__name__)


class Plan(Frozen):
    """Stop and target of one trade, and the situation it was entered in."""

    side: Side
    stop: Price
    initial_stop: Price
    take_profit: Price | None = None
    best: Price | None = None
    reason: str
    confidence: float
    decision_id: str
    clamps: tuple[Clamp, ...] = ()
    regime: Regime | None = None
    trend_strength: Strength | None = None
    entry_rsi: float | None = None
    scene: Scene | None = None
    situation: tuple[float, ...] | None = None
    space: str = ""

    @property
    def is_tightened(self) -> bool:
        """Return whether a rule has moved the stop since the entry."""
        return self.stop != self.initial_stop

    def is_in_force(self, stop: float) -> bool:
        """Return whether `stop` protects at least as well as planned."""
        return _protects(self.side, stop, self.stop)

    def was_set(self, stop: float) -> bool:
        """Return whether `stop` protects at least as well as planned at entry: a tightened one may be on its way."""
        return _protects(self.side, stop, self.initial_stop)

    def after_candle(self, extreme: float, entry: float, rules: RiskManagement, fee_ratio: float) -> Plan:
        """Return the plan after a candle whose best price was `extreme`; its stop may come closer, by a tick at least.

        `entry` is the average entry price.
        """
        best = extreme if self.best is None else (max if self.side == "long" else min)(self.best, extreme)
        stop = tightened_stop(
            self.side,
            entry=entry,
            initial_stop=self.initial_stop,
            stop=self.stop,
            best=best,
            rules=rules,
            fee_ratio=fee_ratio,
        )
        moved = abs(stop - self.stop) > STOP_TOLERANCE * self.stop
        return self.model_copy(update={"best": best, "stop": stop if moved else self.stop})


def _protects(side: Side, stop: float, planned: float) -> bool:
    if side == "long":
        return stop >= planned * (1 - STOP_TOLERANCE)
    return stop <= planned * (1 + STOP_TOLERANCE)


def rescue_plan(side: Side, entry_price: float, leverage: float, basis: StopBasis, multiple: float) -> Plan:
    """Return a plan for a trade that has none (its plan was lost): a stop from level and ATR.

    The stop lies no farther than where half of the margin is lost.
    """
    half = 0.5 * entry_price / leverage
    derived = derived_stop(side, entry_price, basis, multiple)
    distance = half if derived is None else min(half, abs(entry_price - derived))
    stop = entry_price - SIGN[side] * distance
    return Plan(
        side=side,
        stop=stop,
        initial_stop=stop,
        reason="the trade came without a plan; its stop was derived",
        confidence=0,
        decision_id="",
    )


class Plans:
    """Plan by trade id; `known` is what a stop is derived from where a trade has no plan."""

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

    def after_candles(self, trades: Mapping[str, Trade], candles: Mapping[str, TimeframeView]) -> None:
        """Let the rules move the stops of trades that were open all the candle long."""
        for pair, candle in candles.items():
            trade = trades.get(pair)
            if trade is not None and trade.has_open_position and trade.open_date_utc <= candle.candle + PUNCTUAL:
                self._after_candle(trade, candle)

    def _after_candle(self, trade: Trade, candle: TimeframeView) -> None:
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
        snapshot, state = self._known.of(pair)
        if snapshot is None:
            return StopBasis()
        return stop_basis(snapshot, None if state is None else state.facts)


def _read(stored: dict[str, object]) -> Plan:
    """Return a stored plan; one of an older version knew no initial stop."""
    return Plan.model_validate({"initial_stop": stored["stop"], **stored})
