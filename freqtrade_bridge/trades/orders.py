"""A decision as an order: sized at the order, against the true wallet, and confirmed at its final rate.

leverage -> entry;  custom_stake_amount -> stake;  confirm_trade_entry -> confirm;  adjust_trade_position -> adjustment
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

from freqtrade.persistence import Trade

from candlegraph.freqtrade_bridge.decisions.book import DecisionBook
from candlegraph.freqtrade_bridge.trades.plan import Known, Plan, Plans
from candlegraph.graph.schema.market import Account, Position, Side
from candlegraph.graph.schema.signal import SIDE_OF, Clamp, TradeSignal
from candlegraph.graph.settings.risk import RiskManagement
from candlegraph.tools.market.situation import space_of
from candlegraph.tools.risk.gate import EntryPlan, Limits, size_add, size_entry
from candlegraph.tools.risk.stops import is_protective

logger = logging.getLogger(__name__)

STAKE_TOLERANCE = 1.001
"""Freqtrade rounds amounts to the exchange's step."""
FORCED = "forced by hand"


class Ask(NamedTuple):
    """What freqtrade wants to open: by our decision, or `forced` by a person."""

    pair: str
    side: Side
    rate: float
    now: datetime
    forced: bool = False


class Orders:
    """Looks decisions up and sizes them; `account` reads the wallet, `note` stores clamps that came late."""

    def __init__(
        self,
        rules: RiskManagement,
        fee_ratio: float,
        book: DecisionBook,
        known: Known,
        plans: Plans,
        account: Callable[[], Account],
        note: Callable[[str, tuple[Clamp, ...]], None],
    ) -> None:
        self._rules = rules
        self._fee_ratio = fee_ratio
        self._book = book
        self._known = known
        self._plans = plans
        self._account = account
        self._note = note
        self._sized: dict[str, tuple[EntryPlan, Limits]] = {}
        self._pending: dict[str, Plan] = {}

    def limits(self, **exchange: float) -> Limits:
        """Return our limits with those of the exchange."""
        return Limits(rules=self._rules, fee_ratio=self._fee_ratio, **exchange)

    def entry(self, ask: Ask, limits: Limits) -> EntryPlan:
        """Return the pending entry sized against the true wallet, or a refusal."""
        plan = self._forced(ask) if ask.forced else self._decided(ask)
        if plan.refusal:
            return plan
        if plan.stop is not None and not is_protective(plan.side, plan.stop, ask.rate):
            return plan.model_copy(update={"refusal": f"opens at {ask.rate:.6g}, beyond its stop {plan.stop:.6g}"})
        sized = size_entry(plan, self._account(), ask.rate, self._plans.basis(ask.pair), limits)
        return sized if ask.forced else self._shrunk(sized, ask, limits)

    def _shrunk(self, sized: EntryPlan, ask: Ask, limits: Limits) -> EntryPlan:
        """Return the entry with the share of its stake that a reviewing model left to it."""
        signal = self._book.unused(ask.pair, ask.now)
        if signal is None or signal.stake_ratio == 1 or sized.refusal or sized.stake is None:
            return sized
        stake = sized.stake * signal.stake_ratio
        if stake < limits.min_stake:
            why = f"reviewer: {stake:.6g} is left, the exchange's minimum is {limits.min_stake:.6g}"
            return sized.model_copy(update={"stake": 0.0, "refusal": why})
        return sized.model_copy(update={"stake": stake})

    def _decided(self, ask: Ask) -> EntryPlan:
        signal = self._book.unused(ask.pair, ask.now)
        if signal is None or SIDE_OF.get(signal.action) != ask.side:
            why = "no unused entry signal in force"
            return EntryPlan(side=ask.side, leverage=1, stake=0, stop=None, refusal=why)
        return EntryPlan(
            side=ask.side,
            leverage=signal.leverage or 1.0,
            stake=signal.stake,
            stop=signal.stop,
            take_profit=signal.take_profit,
            confidence=signal.confidence,
            clamps=signal.clamps,
        )

    def _forced(self, ask: Ask) -> EntryPlan:
        return EntryPlan(side=ask.side, leverage=self._rules.default_leverage, stake=None, stop=None)

    def stake(self, ask: Ask, limits: Limits) -> EntryPlan:
        """Return the order's size; it is kept for the confirmation, and clamps that came late are stored."""
        sized = self.entry(ask, limits)
        self._sized[ask.pair] = (sized, limits)
        self._note_late(ask, sized)
        return sized

    def _note_late(self, ask: Ask, sized: EntryPlan) -> None:
        signal = None if ask.forced else self._book.unused(ask.pair, ask.now)
        late = sized.clamps[len(signal.clamps) if signal else 0 :]
        for clamp in late:
            logger.info("%s: %s", ask.pair, clamp.line)
        if signal is not None and late:
            self._note(signal.decision_id, late)

    def confirm(self, ask: Ask, amount: float) -> bool:
        """Use the signal up and keep its plan for the fill; False if the final order is beyond the gate."""
        sized, limits = self._sized.pop(ask.pair, (None, None))
        if sized is None or limits is None or sized.stop is None:
            logger.warning("%s: entry refused: it was never sized", ask.pair)
            return False
        stake = amount * ask.rate / sized.leverage
        final = self.entry(ask, limits.model_copy(update={"exchange_max_leverage": sized.leverage}))
        if final.refusal or final.leverage < sized.leverage or stake > (final.stake or 0) * STAKE_TOLERANCE:
            logger.warning("%s: entry refused: %s", ask.pair, final.refusal or f"stake {stake:.6g} is beyond the gate")
            return False
        self._pending[ask.pair] = self._plan(ask, sized)
        self._book.consume(ask.pair)
        return True

    def _plan(self, ask: Ask, sized: EntryPlan) -> Plan:
        assert sized.stop is not None, "the gate lets nothing pass without a stop"
        snapshot, state = self._known.get(ask.pair, (None, None))
        signal = None if ask.forced or snapshot is None else self._book.at(ask.pair, ask.now)
        facts = None if state is None else state.facts
        return Plan(
            side=sized.side,
            stop=sized.stop,
            initial_stop=sized.stop,
            take_profit=sized.take_profit,
            reason=FORCED if signal is None else signal.reason,
            confidence=0 if signal is None else signal.confidence,
            decision_id="" if signal is None else signal.decision_id,
            clamps=sized.clamps,
            regime=None if facts is None else facts.regime,
            trend_strength=None if facts is None else facts.trend_strength,
            entry_rsi=None if snapshot is None else snapshot.main.indicators.rsi,
            situation=None if state is None else state.situation,
            space="" if facts is None else space_of(facts),
        )

    def entered(self, pair: str) -> Plan | None:
        """Return the confirmed plan of a pair that was just filled, once."""
        return self._pending.pop(pair, None)

    def adjustment(self, trade: Trade, position: Position, now: datetime, rate: float, limits: Limits) -> float | None:
        """Return the stake to add (+) or release (-) now, once per signal and only for its own trade."""
        signal = self._book.unused(trade.pair, now)
        if signal is None or signal.action != "adjust" or signal.trade_id != trade.id or signal.adjustment_pct is None:
            return None
        self._book.consume(trade.pair)
        change: float = trade.stake_amount * signal.adjustment_pct / 100
        if change < 0:
            return self._reduction(trade, change, limits.min_stake)
        return self._addition(signal, change, position, rate, limits)

    def _addition(
        self, signal: TradeSignal, stake: float, position: Position, rate: float, limits: Limits
    ) -> float | None:
        allowed, clamps = size_add(stake, position, self._account(), rate, limits, signal.confidence)
        for clamp in clamps:
            logger.info("addition: %s", clamp.line)
        if clamps:
            self._note(signal.decision_id, clamps)
        return allowed or None

    def _reduction(self, trade: Trade, change: float, min_stake: float) -> float | None:
        if trade.stake_amount + change < min_stake:
            logger.info("%s: reduction to below the minimum stake %.6g becomes a hold", trade.pair, min_stake)
            return None
        return change
