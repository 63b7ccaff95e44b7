"""A decision as an order: sized at the order, against the true wallet, and confirmed at its final rate.

leverage -> entry;  custom_stake_amount -> stake;  confirm_trade_entry -> confirm;  adjust_trade_position -> adjustment
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

from freqtrade.persistence import Trade

from candlegraph.freqtrade_bridge.decisions.book import DecisionBook, Known
from candlegraph.freqtrade_bridge.decisions.fates import Fates
from candlegraph.freqtrade_bridge.trades.plan import Plan, Plans
from candlegraph.graph.schema.fate import Refusal
from candlegraph.graph.schema.market import Account, OrderLimits, Position, Side
from candlegraph.graph.schema.signal import Clamp, TradeSignal
from candlegraph.graph.settings.risk import RiskManagement
from candlegraph.tools.market.scene import scene_of
from candlegraph.tools.market.situation import space_of
from candlegraph.tools.risk.gate import SMALLEST_ADD, EntryPlan, Limits, size_add, size_entry, size_held
from candlegraph.tools.risk.possible import left_refusal
from candlegraph.tools.risk.stops import is_protective

logger = logging.getLogger(__name__)

STAKE_TOLERANCE = 1.001
"""Freqtrade rounds amounts to the exchange's step."""
BY_HAND = "forced by hand"


class Ask(NamedTuple):
    """What freqtrade wants to open: by our decision, or `forced` by a person."""

    pair: str
    side: Side
    rate: float
    now: datetime
    forced: bool = False


class Orders:
    """Looks decisions up and sizes them; `account` reads the wallet, `note` stores clamps that came late.

    `paused` is asked at each order that opens or adds: a person may have paused the bot since the decision.
    """

    def __init__(
        self,
        rules: RiskManagement,
        fee_ratio: float,
        book: DecisionBook,
        known: Known,
        plans: Plans,
        account: Callable[[], Account],
        note: Callable[[str, tuple[Clamp, ...]], None],
        fates: Fates,
        paused: Callable[[], Refusal | None],
    ) -> None:
        self._paused = paused
        self._rules = rules
        self._fee_ratio = fee_ratio
        self._book = book
        self._known = known
        self._plans = plans
        self._account = account
        self._note = note
        self._fates = fates
        self._sized: dict[str, tuple[EntryPlan, Limits]] = {}
        self._pending: dict[str, Plan] = {}
        self._added_by_hand: set[int] = set()

    def limits(self, **exchange: float) -> Limits:
        """Return our limits with those of the exchange."""
        return Limits(rules=self._rules, fee_ratio=self._fee_ratio, **exchange)

    def entry(self, ask: Ask, limits: Limits) -> EntryPlan:
        """Return the pending entry sized against the true wallet, or a refusal."""
        sized = self._sized_now(ask, limits)
        if sized.refusal is not None:
            self._refuse(ask, sized.refusal)
        return sized

    def _sized_now(self, ask: Ask, limits: Limits) -> EntryPlan:
        plan = self._forced(ask) if ask.forced else self._decided(ask)
        if plan.refusal:
            return plan
        if closed := self._paused():
            return plan.model_copy(update={"refusal": closed})
        if plan.stop is not None and not is_protective(plan.side, plan.stop, ask.rate):
            beyond = f"opens at {ask.rate:.6g}, beyond its stop {plan.stop:.6g}"
            return plan.model_copy(update={"refusal": Refusal(door="stop_beyond_price", why=beyond)})
        sized = size_entry(plan, self._account(), ask.rate, self._plans.basis(ask.pair), limits)
        return sized if ask.forced else self._shrunk(sized, ask, limits)

    def _refuse(self, ask: Ask, refusal: Refusal) -> None:
        """Note why the pair's entry was refused; freqtrade may ask again."""
        if signal := self._signal(ask):
            self._fates.refused(signal.decision_id, refusal)

    def refuse(self, ask: Ask, why: str) -> None:
        """Note that the exchange's books must be in order first; the signal may be asked for again in its candle."""
        logger.warning("%s: entry refused: %s", ask.pair, why)
        self._refuse(ask, Refusal(door="exchange", key="auditor", why=why))

    def refuse_addition(self, trade: Trade, why: str) -> None:
        """Note the same of an addition that was about to be sent."""
        logger.warning("%s: addition refused: %s", trade.pair, why)
        self._fates.hold_back(trade.id, Refusal(door="exchange", key="auditor", why=why))

    def _signal(self, ask: Ask) -> TradeSignal | None:
        """Return the entry that freqtrade asks for, unless a person forces one."""
        signal = None if ask.forced else self._book.unused(ask.pair, ask.now)
        return signal if signal is not None and signal.entry_side == ask.side else None

    def _shrunk(self, sized: EntryPlan, ask: Ask, limits: Limits) -> EntryPlan:
        """Return the entry with the share of its stake that a reviewing model left to it."""
        signal = self._book.unused(ask.pair, ask.now)
        if signal is None or signal.stake_ratio == 1 or sized.refusal or sized.stake is None:
            return sized
        stake = sized.stake * signal.stake_ratio
        if stake < limits.min_stake:
            why = f"{stake:.6g} is left, the exchange's minimum is {limits.min_stake:.6g}"
            refusal = Refusal(door="exchange_minimum", key="reviewer", why=why)
            return sized.model_copy(update={"stake": 0.0, "refusal": refusal})
        return sized.model_copy(update={"stake": stake})

    def _decided(self, ask: Ask) -> EntryPlan:
        signal = self._signal(ask)
        if signal is None:
            nothing = Refusal(door="late", why="no unused entry signal in force")
            return EntryPlan(side=ask.side, leverage=1, stake=0, stop=None, refusal=nothing)
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
        if not sized.refusal and sized.leverage != limits.exchange_max_leverage:
            why = f"leverage {limits.exchange_max_leverage:g} was set, {sized.leverage:g} is allowed now"
            sized = sized.model_copy(update={"stake": 0.0, "refusal": Refusal(door="gate", key="leverage", why=why)})
            self._refuse(ask, Refusal(door="gate", key="leverage", why=why))
        self._sized[ask.pair] = (sized, limits)
        self._note_late(ask, sized)
        if sized.refusal is None and (signal := self._signal(ask)):
            self._fates.reached(signal.decision_id, "sized")
        return sized

    def _note_late(self, ask: Ask, sized: EntryPlan) -> None:
        signal = self._signal(ask)
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
            beyond = Refusal(door="gate", key="stake", why=f"stake {stake:.6g} at {ask.rate:.6g} is beyond the gate")
            self._refuse(ask, final.refusal or beyond)
            logger.warning("%s: entry refused: %s", ask.pair, (final.refusal or beyond).line)
            return False
        self._pending[ask.pair] = self._plan(ask, sized)
        if signal := self._signal(ask):
            self._fates.reached(signal.decision_id, "ordered")
        self._book.consume(ask.pair)
        return True

    def _plan(self, ask: Ask, sized: EntryPlan) -> Plan:
        assert sized.stop is not None, "the gate lets nothing pass without a stop"
        snapshot, state = self._known.of(ask.pair)
        signal = None if ask.forced or snapshot is None else self._book.at(ask.pair, ask.now)
        facts = None if state is None else state.facts
        return Plan(
            side=sized.side,
            stop=sized.stop,
            initial_stop=sized.stop,
            take_profit=sized.take_profit,
            reason=BY_HAND if signal is None else signal.reason,
            confidence=0 if signal is None else signal.confidence,
            decision_id="" if signal is None else signal.decision_id,
            clamps=sized.clamps,
            regime=None if facts is None else facts.regime,
            trend_strength=None if facts is None else facts.trend_strength,
            entry_rsi=None if snapshot is None else snapshot.main.indicators.rsi,
            scene=None if facts is None or snapshot is None else scene_of(snapshot, facts),
            situation=None if state is None else state.situation,
            space="" if facts is None else space_of(facts),
        )

    def on_its_way(self, pair: str) -> Plan | None:
        """Return the confirmed plan of a pair whose fill is not known."""
        return self._pending.get(pair)

    def expect(self, pair: str, plan: Plan) -> None:
        """Keep the plan of an entry whose fill is about to be booked late."""
        self._pending[pair] = plan

    def entered(self, pair: str) -> Plan | None:
        """Return the confirmed plan of a pair that was just filled, once."""
        return self._pending.pop(pair, None)

    def adjustment(
        self, trade: Trade, position: Position, now: datetime, rate: float, limits: Limits, exchange: OrderLimits
    ) -> float | None:
        """Return the stake to add (+) or release (-) now, once per signal and only for its own trade."""
        if (surplus := self._surplus(trade, position, limits)) is not None:
            return -surplus
        signal = self._book.unused(trade.pair, now)
        if signal is None or not signal.is_adjustment or signal.trade_id != trade.id or signal.adjustment_pct is None:
            return None
        self._book.consume(trade.pair)
        change: float = trade.stake_amount * signal.adjustment_pct / 100
        if signal.is_safer:
            refusal = left_refusal(
                trade.amount * rate * (1 + signal.adjustment_pct / 100), exchange.min_left, trade.stake_currency
            )
        else:
            sized = self._addition(signal, change, position, rate, limits)
            refusal, change = self._paused() or sized.refusal, sized.stake or 0.0
        if refusal is not None:
            logger.info("%s %s: not carried out: %s", trade.pair, signal.name, refusal.line)
            self._fates.refused(signal.decision_id, refusal)
            return None
        self._fates.reached(signal.decision_id, "ordered")
        return change

    def added_by_hand(self, trade_id: int) -> None:
        """Note that a person enlarged a trade past the gate (`/forceenter`); the next look brings it back to size."""
        self._added_by_hand.add(trade_id)

    def _surplus(self, trade: Trade, position: Position, limits: Limits) -> float | None:
        """Return the stake that an addition by hand has too much, once; None where it has not."""
        if trade.id not in self._added_by_hand:
            return None
        self._added_by_hand.discard(trade.id)
        sized = size_held(position, self._account(), limits)
        surplus = position.stake - (sized.stake or 0.0)
        if surplus < SMALLEST_ADD * position.stake:
            return None
        logger.warning("%s: added by hand, and reduced again: %s", trade.pair, sized.clamps[-1].line)
        return surplus

    def _addition(
        self, signal: TradeSignal, stake: float, position: Position, rate: float, limits: Limits
    ) -> EntryPlan:
        sized = size_add(stake, position, self._account(), rate, limits, signal.confidence)
        for clamp in sized.clamps:
            logger.info("addition: %s", clamp.line)
        if sized.clamps:
            self._note(signal.decision_id, sized.clamps)
        return sized
