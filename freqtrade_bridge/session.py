"""One run of the bot: what the strategy asks, and what it only looks up.

decide(now): drain closed trades -> snapshots -> runner (all pairs) -> decision book, ledger, memory effects
callbacks:   order(...), adjustment(...), plan_of(trade): look a decision up and size it against the true wallet
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from freqtrade.enums import RunMode
from freqtrade.persistence import Order, Trade

from candlegraph.agents.briefing import prompt_version
from candlegraph.agents.reviewer import stay, stop_atr
from candlegraph.freqtrade_bridge.decision_book import DecisionBook
from candlegraph.freqtrade_bridge.feedback import closed_trade_of, is_entry, is_final_exit
from candlegraph.freqtrade_bridge.market_feed import MarketFeed
from candlegraph.freqtrade_bridge.plan import KEY, Plan, is_beyond, rescue_plan
from candlegraph.freqtrade_bridge.portfolio import account_of, extremes_of, position_of
from candlegraph.freqtrade_bridge.records import Records, commit_effects, decision_row
from candlegraph.freqtrade_bridge.runner import Outcome, Runner, decision_id
from candlegraph.graph.context import Context
from candlegraph.graph.errors import BridgeError
from candlegraph.graph.market import MarketSnapshot
from candlegraph.graph.signal import SIDE_OF, TradeSignal
from candlegraph.graph.state import CandleState
from candlegraph.tools.market.frames import duration, snapshot_of
from candlegraph.tools.market.situation import space_of
from candlegraph.tools.risk import EntryPlan, Limits, size_add, size_entry

logger = logging.getLogger(__name__)

LIVE_MODES = (RunMode.LIVE, RunMode.DRY_RUN)
HTTP_LOGGERS = ("httpx", "httpx2")
PROGRESS_EVERY = 250
DEFAULT_FEE = 0.0005
STAKE_TOLERANCE = 1.001
"""Freqtrade rounds amounts to the exchange's step."""


def namespace_of(runmode: RunMode) -> str:
    """Return whose experiences a run reads and writes: every backtest has its own, empty one."""
    if runmode == RunMode.LIVE:
        return "live"
    if runmode == RunMode.DRY_RUN:
        return "dry_run"
    return f"backtest:{datetime.now(UTC):%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:6]}"


class Session:
    """Everything between freqtrade's callbacks and the graph, for one `bot_start`."""

    def __init__(self, config: Mapping[str, Any], context: Context, provider: Any, wallets: Any) -> None:
        self.context = context
        for name in HTTP_LOGGERS:  # one INFO line per model call would drown freqtrade's log
            logging.getLogger(name).setLevel(logging.WARNING)
        self._currency = str(config["stake_currency"])
        self._fee = float(config.get("fee") or DEFAULT_FEE)
        self._wallets = wallets
        self.is_backtest = config["runmode"] not in LIVE_MODES
        timeframes = context.settings.context_config.timeframes
        self.length = duration(timeframes[0])
        self._feed = MarketFeed(provider, timeframes, is_backtest=self.is_backtest)
        self._runner = Runner(context)
        self._records = Records(context)
        self.book = DecisionBook(self.length)
        self._snapshots: dict[str, tuple[MarketSnapshot, CandleState | None]] = {}
        self._sized: dict[str, EntryPlan] = {}
        self._pending_plans: dict[str, Plan] = {}
        self._plans: dict[int, Plan] = {}
        self._extremes: dict[int, tuple[float, float]] = {}
        self._recorded: dict[int, int] = {}
        self._decided = 0

    # -- the decision point -------------------------------------------------------------------------------------------

    def decide(self, pairs: list[str], now: datetime) -> None:
        """Decide every pair whose candle closed and has no decision yet; raise BridgeError for a failed pair."""
        self.learn(now)
        self._collect_late(now)
        trades = {trade.pair: trade for trade in Trade.get_trades_proxy(is_open=True)}
        self._extremes.update({trade.id: extremes_of(trade) for trade in trades.values()})
        due = self._due(list(dict.fromkeys([*pairs, *trades])), now)
        if not due:
            return
        snapshots = self._snapshots_of(due, trades)
        deadline = None if self.is_backtest else self.context.settings.llm_config.decision.deadline_seconds
        outcomes = self._runner.decide(snapshots, deadline)
        self._accept(snapshots, outcomes)

    def _due(self, pairs: list[str], now: datetime) -> dict[str, datetime]:
        """Return the pairs to decide with their `as_of`."""
        due = {}
        for pair in pairs:
            candle = self._feed.last_candle(pair, now)
            if candle is not None and not self.book.is_decided(pair, candle + self.length):
                due[pair] = candle + self.length
        return due

    def _snapshots_of(self, due: Mapping[str, datetime], trades: Mapping[str, Trade]) -> dict[str, MarketSnapshot]:
        candles = {pair: self._feed.candles(pair) for pair in due}
        views = {pair: next(iter(candles[pair].values())).view(as_of) for pair, as_of in due.items()}
        prices = {pair: view.close for pair, view in views.items() if view is not None}
        account = account_of(self._wallets, trades.values(), prices, self._currency)
        snapshots = {}
        for pair, as_of in due.items():
            trade = trades.get(pair)
            position = None
            if trade is not None and trade.has_open_position:
                recorded = self._recorded.get(trade.id, 0)
                position = position_of(trade, self.plan_of(trade), prices[pair], as_of, self.length, recorded)
            snapshots[pair] = snapshot_of(pair, as_of, candles[pair], account, position)
        return snapshots

    def _accept(self, snapshots: Mapping[str, MarketSnapshot], outcomes: Mapping[str, Outcome]) -> None:
        rows = []
        for pair, snapshot in snapshots.items():
            outcome = outcomes[pair]
            signal = self._signal_of(snapshot, outcome)
            self.book.put(pair, snapshot.as_of, signal)
            self._snapshots[pair] = (snapshot, outcome.state)
            rows.append(decision_row(self.context, snapshot, outcome, signal))
        self._records.decisions(rows)
        self._refuse_failure(outcomes, snapshots)
        for pair, snapshot in snapshots.items():
            if (state := outcomes[pair].state) is not None:
                self._commit(snapshot, state)
        self._report_progress(len(rows), next(iter(snapshots.values())).as_of)

    def _signal_of(self, snapshot: MarketSnapshot, outcome: Outcome) -> TradeSignal:
        identity = decision_id(self.context.namespace, snapshot.pair, snapshot.candle)
        if outcome.state is not None and outcome.state.signal is not None:
            return outcome.state.signal.model_copy(update={"decision_id": identity})
        logger.error("%s %s: no decision: %r", snapshot.pair, snapshot.candle, outcome.error)
        safe = stay(CandleState(snapshot=snapshot), f"the graph failed: {outcome.error!r}"[:500], "fallback")
        return safe.model_copy(update={"decision_id": identity})

    def _refuse_failure(self, outcomes: Mapping[str, Outcome], snapshots: Mapping[str, MarketSnapshot]) -> None:
        """Stop a backtest at its first failed decision: a silent wait would poison the result."""
        for pair, outcome in outcomes.items():
            if self.is_backtest and outcome.error is not None:
                message = f"{pair} {snapshots[pair].candle:%Y-%m-%d %H:%M} UTC: the decision failed: {outcome.error!r}"
                raise BridgeError(message) from outcome.error

    def _commit(self, snapshot: MarketSnapshot, state: CandleState) -> None:
        recorded = commit_effects(self.context, state)
        if recorded and snapshot.position is not None:
            trade_id = snapshot.position.trade_id
            self._recorded[trade_id] = self._recorded.get(trade_id, 0) + recorded

    def _collect_late(self, now: datetime) -> None:
        """Let a late exit or reduction count while its candle lasts; a late entry or addition is dropped."""
        for pair, (snapshot, outcome) in self._runner.collect().items():
            signal = self._signal_of(snapshot, outcome)
            lasts = snapshot.as_of <= now < snapshot.as_of + self.length
            safer = signal.action == "exit" or (signal.action == "adjust" and (signal.adjustment_pct or 0) < 0)
            logger.warning("%s: late %s, %s", pair, signal.action, "used" if lasts and safer else "dropped")
            if lasts and safer:
                self.book.put(pair, snapshot.as_of, signal)

    def _report_progress(self, decided: int, as_of: datetime) -> None:
        before, self._decided = self._decided, self._decided + decided
        if self.is_backtest and before // PROGRESS_EVERY != self._decided // PROGRESS_EVERY:
            logger.info("decided %d candles, now at %s", self._decided, f"{as_of:%Y-%m-%d %H:%M} UTC")

    # -- orders -------------------------------------------------------------------------------------------------------

    def order(self, pair: str, side: str, rate: float, now: datetime, limits: Limits, stake: float | None) -> EntryPlan:
        """Return the pending entry sized against the true wallet at `rate`, or a refusal."""
        signal = self.book.unused(pair, now)
        if signal is None or SIDE_OF.get(signal.action) != side:
            return EntryPlan(side="long", leverage=1, stake=0, stop=None, refusal="no unused entry signal in force")
        snapshot = self._snapshots[pair][0]
        plan = EntryPlan(
            side=SIDE_OF[signal.action],
            leverage=signal.leverage or 1.0,
            stake=signal.stake if signal.stake is not None else stake,
            stop=signal.stop,
            take_profit=signal.take_profit,
            clamps=signal.clamps,
        )
        if signal.stop is not None and is_beyond(plan.side, signal.stop, rate):
            return plan.model_copy(update={"refusal": f"opens at {rate:.6g}, beyond its stop {signal.stop:.6g}"})
        return size_entry(plan, self._account(), rate, stop_atr(snapshot), limits)

    def stake(self, pair: str, side: str, rate: float, now: datetime, limits: Limits, proposed: float) -> EntryPlan:
        """Return the order's size; it is kept for the confirmation, and the clamps that came late are logged."""
        signal = self.book.unused(pair, now)
        self._sized[pair] = sized = self.order(pair, side, rate, now, limits, proposed)
        for clamp in sized.clamps[len(signal.clamps) if signal else 0 :]:
            logger.info("%s: %s: %s -> %s (%s)", pair, clamp.key, clamp.before, clamp.after, clamp.reason)
        return sized

    def limits(self, **exchange: float) -> Limits:
        """Return our limits with those of the exchange."""
        return Limits(rules=self.context.settings.risk_management, fee_ratio=self._fee, **exchange)

    def _account(self) -> Any:
        trades = Trade.get_trades_proxy(is_open=True)
        prices = {pair: snapshot.price for pair, (snapshot, _) in self._snapshots.items()}
        return account_of(self._wallets, trades, prices, self._currency)

    def confirm_entry(self, pair: str, side: str, rate: float, now: datetime, amount: float) -> bool:
        """Use the signal up and keep its plan for the fill; False if the final order is beyond the gate."""
        sized = self._sized.pop(pair, None)
        if sized is None or sized.stop is None:
            logger.warning("%s: entry refused: it was never sized", pair)
            return False
        stake = amount * rate / sized.leverage
        final = self.order(pair, side, rate, now, self.limits(exchange_max_leverage=sized.leverage), stake)
        if final.refusal or final.leverage < sized.leverage or stake > (final.stake or 0) * STAKE_TOLERANCE:
            logger.warning("%s: entry refused: %s", pair, final.refusal or f"stake {stake:.6g} is beyond the gate")
            return False
        snapshot, state = self._snapshots[pair]
        signal = self.book.at(pair, snapshot.as_of)
        facts = None if state is None else state.facts
        assert signal is not None and facts is not None and state is not None, "a sized entry has its decision"
        self._pending_plans[pair] = Plan(
            side=sized.side,
            stop=sized.stop,
            take_profit=sized.take_profit,
            reason=signal.reason,
            confidence=signal.confidence,
            decision_id=signal.decision_id,
            clamps=sized.clamps,
            regime=facts.regime,
            trend_strength=facts.trend_strength,
            entry_rsi=snapshot.main.indicators.rsi,
            situation=state.situation,
            space=space_of(facts),
        )
        self.book.consume(pair)
        return True

    def adjustment(self, trade: Trade, now: datetime, rate: float, min_stake: float, max_stake: float) -> float | None:
        """Return the stake to add (+) or release (-) now, once per signal and only for its own trade."""
        signal = self.book.unused(trade.pair, now)
        if signal is None or signal.action != "adjust" or signal.trade_id != trade.id or signal.adjustment_pct is None:
            return None
        self.book.consume(trade.pair)
        change: float = trade.stake_amount * signal.adjustment_pct / 100
        if change < 0:
            return self._reduction(trade, change, min_stake)
        position = position_of(trade, self.plan_of(trade), rate, now, self.length, 0)
        limits = self.limits(min_stake=min_stake, max_stake=max_stake)
        allowed, clamps = size_add(change, position, self._account(), rate, limits)
        for clamp in clamps:
            logger.info(
                "%s: addition: %s: %s -> %s (%s)", trade.pair, clamp.key, clamp.before, clamp.after, clamp.reason
            )
        return allowed or None

    def _reduction(self, trade: Trade, change: float, min_stake: float) -> float | None:
        if trade.stake_amount + change < min_stake:
            logger.info("%s: reduction to below the minimum stake %.6g becomes a hold", trade.pair, min_stake)
            return None
        return change

    # -- the plan and the end of a trade ------------------------------------------------------------------------------

    def plan_of(self, trade: Trade) -> Plan:
        """Return the trade's plan: from this run, from its custom data, else derived from the ATR."""
        if trade.id not in self._plans:
            stored = trade.get_custom_data(KEY)
            self._plans[trade.id] = self._rescue(trade) if stored is None else Plan.model_validate(stored)
        return self._plans[trade.id]

    def _rescue(self, trade: Trade) -> Plan:
        known = self._snapshots.get(trade.pair)
        atr = None if known is None else stop_atr(known[0])
        multiple = self.context.settings.risk_management.stop_atr_multiple
        plan = rescue_plan(trade.trade_direction, trade.open_rate, trade.leverage, atr, multiple)
        logger.warning("%s: trade %s has no plan; its stop is set to %.6g", trade.pair, trade.id, plan.stop)
        trade.set_custom_data(KEY, plan.model_dump(mode="json"))
        return plan

    def filled(self, trade: Trade, order: Order, now: datetime) -> None:
        """Keep the plan at the entry fill; send the closed trade to the outbox at its final exit."""
        if is_entry(trade, order):
            plan = self._pending_plans.pop(trade.pair, None)
            if plan is not None:
                self._plans[trade.id] = plan
                trade.set_custom_data(KEY, plan.model_dump(mode="json"))
        elif is_final_exit(trade, order, is_backtest=self.is_backtest):
            self.context.memory.enqueue(self._closed(trade, order, now))
            self.book.consume(trade.pair)

    def _closed(self, trade: Trade, order: Order, now: datetime) -> Any:
        signal = self.book.at(trade.pair, now)
        rate = trade.open_rate
        return closed_trade_of(
            trade,
            order,
            self.plan_of(trade),
            extremes=self._extremes.get(trade.id, (rate, rate)),
            now=now,
            length=self.length,
            is_backtest=self.is_backtest,
            model_score=None if signal is None or signal.trade_id != trade.id else signal.trade_score,
            identity={
                "namespace": self.context.namespace,
                "model": self.context.model_name,
                "prompt_version": prompt_version(),
            },
        )

    def learn(self, now: datetime) -> None:
        """Turn the closed trades that are known by now into experiences."""
        self._records.experiences(self.context.memory.drain(self.context.namespace, before=now))
