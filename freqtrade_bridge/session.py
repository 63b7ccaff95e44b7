"""One run of the bot: where everything is decided, and what is learnt when a trade ends.

watch(now):  the account's drawdown and day, the emergency stop
decide(now): learn from closed trades -> snapshots -> runner (all pairs) -> decision book, ledger, memory effects
filled(...): keep the plan at the entry fill, and follow the trade; the closed one goes to the outbox
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from freqtrade.enums import RunMode
from freqtrade.persistence import Order, Trade

from candlegraph.agents.prompt.files import deciding_version
from candlegraph.freqtrade_bridge.decisions.admission import (
    FAILED,
    KEY,
    EntryPause,
    paused,
    punctual,
    signal_of,
    too_late,
    waiting_pairs,
)
from candlegraph.freqtrade_bridge.decisions.approvals import Approvals, check_approval, price_now
from candlegraph.freqtrade_bridge.decisions.book import DecisionBook
from candlegraph.freqtrade_bridge.decisions.estimate import announce, candles_in
from candlegraph.freqtrade_bridge.decisions.fates import Fates, without_fate
from candlegraph.freqtrade_bridge.decisions.last_calls import SAID_FOR
from candlegraph.freqtrade_bridge.decisions.line import decision_line, short_names
from candlegraph.freqtrade_bridge.decisions.records import Records, commit_effects, decision_row, fate_at_once
from candlegraph.freqtrade_bridge.decisions.runner import Outcome, Runner
from candlegraph.freqtrade_bridge.decisions.stopped import stopped
from candlegraph.freqtrade_bridge.feeds.account import AccountGuard, WalletWatch, candles_since_loss, position_of
from candlegraph.freqtrade_bridge.feeds.candles import MarketFeed
from candlegraph.freqtrade_bridge.feeds.doors import Doors
from candlegraph.freqtrade_bridge.feeds.paths import TradePaths
from candlegraph.freqtrade_bridge.feeds.sentiment import SentimentFeed, sentiment_client
from candlegraph.freqtrade_bridge.host.run_name import given_name, namespace_of_run, namespace_offline, new_name
from candlegraph.freqtrade_bridge.trades.fills import closed_trade_of, is_entry, is_final_exit, partial_exit_of
from candlegraph.freqtrade_bridge.trades.learner import Learner
from candlegraph.freqtrade_bridge.trades.opening import opening_of
from candlegraph.freqtrade_bridge.trades.orders import Orders
from candlegraph.freqtrade_bridge.trades.plan import Plans
from candlegraph.freqtrade_bridge.trades.track import PositionWatch
from candlegraph.graph.context import Context
from candlegraph.graph.reflection import ReflectionState
from candlegraph.graph.schema.errors import MemoryStoreError, ModelError, ReplayMiss
from candlegraph.graph.schema.experience import ClosedTrade, PartialExit
from candlegraph.graph.schema.market import PUNCTUAL, MarketSnapshot, Position, Sentiment, TimeframeView
from candlegraph.graph.schema.signal import TradeSignal
from candlegraph.graph.state import CandleState
from candlegraph.memory.books.approvals import ApprovalRequest, Verdict
from candlegraph.memory.books.ledger import DecisionRow, Ledger
from candlegraph.memory.books.spending import Spending
from candlegraph.memory.counterfactual.path import risk_pct
from candlegraph.memory.learning.track import Track
from candlegraph.tools.market.frames import duration, snapshot_of
from candlegraph.tools.risk.stops import is_protective

logger = logging.getLogger(__name__)

LIVE_MODES = (RunMode.LIVE, RunMode.DRY_RUN)
PROGRESS_EVERY = 250
DEFAULT_FEE = 0.0005


def namespace_of(runmode: RunMode) -> str:
    """Return whose experiences a run reads and writes: every backtest, and dry-run offline, has its own, empty one."""
    if runmode == RunMode.LIVE:
        return "live"
    name = given_name()
    if runmode == RunMode.DRY_RUN:
        return "dry_run" if name is None else namespace_offline(name)
    return namespace_of_run(name or new_name(datetime.now(UTC)))


class Session:
    """Everything between freqtrade's callbacks and the graph, for one `bot_start`."""

    def __init__(self, config: Mapping[str, Any], context: Context, provider: Any, wallets: Any) -> None:
        self.context = context
        self._provider = provider
        self.is_backtest = config["runmode"] not in LIVE_MODES
        check_approval(context.settings, is_backtest=self.is_backtest)
        rules = context.settings.risk_management
        seen = context.settings.context_config
        self.length = duration(seen.timeframes[0])
        self._feed = MarketFeed(provider, seen, is_backtest=self.is_backtest)
        client = (
            None if self.is_backtest or not seen.sentiment.sources else sentiment_client(config, seen.sentiment.timeout)
        )
        self._sentiment = SentimentFeed(seen.sentiment, Path(context.user_data_dir), client)
        if self.is_backtest:
            candles = candles_in(config.get("timerange") or "", self.length)
            announce(context.settings, len(provider.current_whitelist()), candles)
        self._runner = Runner(context)
        self._approvals = Approvals(context, datetime.now(UTC)) if rules.approval.required else None
        self._records = Records(context)
        self.book = DecisionBook(self.length)
        self._known: dict[str, tuple[MarketSnapshot, CandleState | None]] = {}
        fee = float(config.get("fee") or DEFAULT_FEE)
        self.plans = Plans(rules, fee, self._known)
        self.guard = AccountGuard(
            context.database, context.namespace, rules.emergency_stop_loss, is_backtest=self.is_backtest
        )
        self._wallet = WalletWatch(config, wallets, self.guard)
        self._doors = Doors(config, provider, wallets, is_backtest=self.is_backtest)
        self.fates = Fates(self._records.fate, self._doors.closed, self.length, is_backtest=self.is_backtest)
        self.orders = Orders(
            rules, fee, self.book, self._known, self.plans, self._wallet.account, self._records.late_clamps, self.fates
        )
        self._pause = EntryPause(context.settings.llm_config.pause_entries_after)
        budget, started = context.settings.llm_config.budget, datetime.now(UTC)
        self._spending = Spending.of(budget, Ledger(context.database), context.namespace, started)
        self._watch = PositionWatch(context, self.length, is_backtest=self.is_backtest)
        paths = TradePaths(self._feed, provider, is_backtest=self.is_backtest)
        self.learner = Learner(context, self._reflected, self._budget_spent, paths.of, is_backtest=self.is_backtest)
        self._decided = 0
        if not self.is_backtest:
            self._recover(started)

    def _recover(self, now: datetime) -> None:
        """Follow on what an earlier process decided and did not see the end of."""
        opened = {self.plans.of(trade).decision_id for trade in Trade.get_trades_proxy(is_open=True)}
        rows = Ledger(self.context.database).rows(self.context.namespace, since=now - (SAID_FOR + 2) * self.length)
        self.fates.recover(rows, opened)

    def watch(self, now: datetime) -> None:
        """Measure the account; beyond its limit the emergency stop fires."""
        self._wallet.measure(now)

    def saw(self, pair: str, rate: float) -> None:
        """Note a rate that freqtrade has just fetched: the account is measured with it until the next candle."""
        if not self.is_backtest:
            self._wallet.prices[pair] = rate

    # -- the decision point -------------------------------------------------------------------------------------------

    def decide(self, pairs: list[str], now: datetime) -> None:
        """Decide every pair whose candle closed and has no decision yet; raise BridgeError for a failed pair."""
        self.learn(now)
        self._collect_late(now)
        self.fates.expire(now)
        self._decide_due(pairs, now)
        if not self.is_backtest:  # there the hook looks, at each pair's own turn
            self.fates.look(self.book.pairs, now)

    def _decide_due(self, pairs: list[str], now: datetime) -> None:
        trades = {trade.pair: trade for trade in Trade.get_trades_proxy(is_open=True)}
        watched = list(dict.fromkeys([*pairs, *trades]))
        due = self._due(watched, now)
        if not due:
            return
        views = self._main_views(due)
        self._wallet.prices.update({pair: view.close for pair, view in views.items()})
        self._tighten(trades, views)
        self._watch.candles_closed(trades, due, {pair: self._feed.main(pair) for pair in views})
        self.watch(now)
        moods = self._sentiment.of(due, now)
        snapshots = {pair: self._snapshot(pair, as_of, trades.get(pair), moods[pair]) for pair, as_of in due.items()}
        snapshots = self._with_pause(snapshots)
        deadline = None if self.is_backtest else self.context.settings.llm_config.decision.deadline_seconds
        outcomes = self._runner.decide(snapshots, deadline, self._spending.at(max(due.values())))
        self._accept(snapshots, outcomes, now, short_names(watched))
        self._ask(outcomes, now)
        self._say_lost(now)

    def _say_lost(self, now: datetime) -> None:
        """Log decisions of earlier candles that act and of which nobody knows what became: a fault of ours."""
        if self.is_backtest:
            return
        rows = Ledger(self.context.database).rows(self.context.namespace, since=now - 3 * self.length)
        for row in without_fate(rows, now, self.length):
            logger.error("%s %s: nobody knows what became of %s", row.pair, row.candle, row.signal.wanted.name)

    def _due(self, pairs: list[str], now: datetime) -> dict[str, datetime]:
        """Return the pairs to decide with their `as_of`."""
        due = {}
        for pair in pairs:
            candle = self._feed.last_candle(pair, now)
            if candle is not None and not self.book.is_decided(pair, candle + self.length):
                due[pair] = candle + self.length
        return due

    def _main_views(self, due: Mapping[str, datetime]) -> dict[str, TimeframeView]:
        found = {pair: next(iter(self._feed.candles(pair).values())).view(as_of) for pair, as_of in due.items()}
        return {pair: view for pair, view in found.items() if view is not None}

    def _tighten(self, trades: Mapping[str, Trade], views: Mapping[str, TimeframeView]) -> None:
        """Let the rules move the stops of trades that were open all the candle long."""
        for pair, view in views.items():
            trade = trades.get(pair)
            if trade is not None and trade.has_open_position and trade.open_date_utc <= view.candle + PUNCTUAL:
                self.plans.after_candle(trade, view)

    def _snapshot(self, pair: str, as_of: datetime, trade: Trade | None, mood: Sentiment) -> MarketSnapshot:
        position = None
        if trade is not None and trade.has_open_position:
            position = self._position(trade, self._wallet.prices[pair], as_of)
        snapshot = snapshot_of(pair, as_of, self._feed.candles(pair), self._wallet.measured, position)
        since = candles_since_loss(pair, as_of, self.length)
        known = snapshot.model_copy(
            update={
                "candles_since_loss": since,
                "sentiment": mood,
                "limits": self._doors.limits(pair, snapshot.price),
                "locks": () if position else self._doors.locks(pair, as_of),
                "last_call": self.fates.last_call(pair, as_of),
            }
        )
        return known if trade is None else self._watch.with_changes(known, trade)

    def _with_pause(self, snapshots: dict[str, MarketSnapshot]) -> dict[str, MarketSnapshot]:
        """Return the snapshots with why entries pause, of the pairs that need no model for it."""
        flat = [pair for pair, snapshot in snapshots.items() if snapshot.position is None]
        why, waiting = self._doors.pause(), frozenset(flat)
        if why is None and self._pause.is_on:
            why, waiting = f"{KEY}: {FAILED}", waiting_pairs(flat, others_ask=len(flat) < len(snapshots))
        if why is None:
            return snapshots
        return {
            pair: snapshot.model_copy(update={"paused": why}) if pair in waiting or snapshot.position else snapshot
            for pair, snapshot in snapshots.items()
        }

    def _position(self, trade: Trade, price: float, as_of: datetime) -> Position:
        return position_of(trade, self.plans.of(trade), price, as_of, self.length, self._watch.of(trade))

    def _accept(
        self,
        snapshots: Mapping[str, MarketSnapshot],
        outcomes: Mapping[str, Outcome],
        now: datetime,
        names: Mapping[str, str],
    ) -> None:
        rows, decided = [], {}
        for pair, snapshot in snapshots.items():
            outcome = outcomes[pair]
            signal = self._admitted(signal_of(self.context, snapshot, outcome), snapshot, now)
            self.book.put(pair, snapshot.as_of, signal)
            self._known[pair] = (snapshot, outcome.state)
            if snapshot.position is not None:
                decided[snapshot.position.trade_id] = signal
            row = decision_row(self.context, snapshot, outcome, signal, now)
            self._spending.add(row.as_of, row.model_calls)
            rows.append(row)
        self._log(rows, names)
        self._watch.decided(decided)
        states = {row.decision_id: state for row in rows if (state := outcomes[row.pair].state) is not None}
        self._records.decisions(rows, states)
        for row in rows:
            self.fates.accepted(row)
        self._note_failures(snapshots, outcomes)
        self._refuse_failure(outcomes, snapshots)
        for pair, snapshot in snapshots.items():
            if (state := outcomes[pair].state) is not None:
                self._commit(snapshot, state)
        self._report_progress(len(rows), next(iter(snapshots.values())).as_of)

    def _log(self, rows: Sequence[DecisionRow], names: Mapping[str, str]) -> None:
        """Say each decision in one line, before anything is written; thousands of a backtest only to who debugs it."""
        level = logging.DEBUG if self.is_backtest else logging.INFO
        if logger.isEnabledFor(level):
            for row in rows:
                logger.log(level, "%s", decision_line(row, names[row.pair]))

    def _admitted(self, signal: TradeSignal, snapshot: MarketSnapshot, now: datetime) -> TradeSignal:
        """Return the signal, or what stands in for an entry that comes too late or while entries pause."""
        if self._pause.is_on:
            signal = paused(signal, snapshot)
        return signal if self.is_backtest else punctual(signal, snapshot, now)

    def _note_failures(self, snapshots: Mapping[str, MarketSnapshot], outcomes: Mapping[str, Outcome]) -> None:
        """Let entries pause, or go on, by how many decisions failed; a backtest stops at the first one instead."""
        if self.is_backtest:
            return
        asked = [one for one in outcomes.values() if one.state is None or one.state.skipped is None]
        failed = sum(outcome.error is not None for outcome in asked)
        as_of = max(snapshot.as_of for snapshot in snapshots.values())
        if asked and (change := self._pause.note(as_of, decided=len(asked), failed=failed)):
            logger.warning("%s", change)
            self._provider.send_msg(f"candlegraph: {change}", always_send=True)

    def _refuse_failure(self, outcomes: Mapping[str, Outcome], snapshots: Mapping[str, MarketSnapshot]) -> None:
        """Stop a backtest at its first failed decision, unless it is to wait: a silent wait would poison the result."""
        for pair, outcome in outcomes.items():
            if self.is_backtest and outcome.error is not None and not self._waits_out(outcome.error):
                rows = Ledger(self.context.database).rows(self.context.namespace)
                raise stopped(self.context, snapshots[pair], outcome.error, rows) from outcome.error

    def _waits_out(self, error: BaseException) -> bool:
        """Return whether a backtest goes on without this decision: models may fail, a replay may not."""
        wanted = self.context.settings.llm_config.on_failure == "wait"
        return wanted and isinstance(error, ModelError) and not isinstance(error, ReplayMiss)

    def _commit(self, snapshot: MarketSnapshot, state: CandleState) -> None:
        try:
            recorded = commit_effects(self.context, state)
        except MemoryStoreError as e:
            if self.is_backtest:
                raise
            logger.error("%s: what the model wanted remembered or removed is lost: %s", snapshot.pair, e)
            return
        if recorded and snapshot.position is not None:
            self._watch.recorded(snapshot.position.trade_id, recorded)

    def _collect_late(self, now: datetime) -> None:
        """Let a late exit or reduction count while its candle lasts; a late entry or addition is dropped."""
        for pair, (snapshot, outcome) in self._runner.collect().items():
            signal = signal_of(self.context, snapshot, outcome)
            lasts = snapshot.as_of <= now < snapshot.as_of + self.length
            is_used = lasts and signal.is_safer
            logger.warning("%s: late %s, %s", pair, signal.action, "used" if is_used else "dropped")
            if is_used:
                self.book.put(pair, snapshot.as_of, signal)
            self._keep_late(signal if is_used else too_late(signal, snapshot), now)

    def _keep_late(self, signal: TradeSignal, now: datetime) -> None:
        """Put a late call that acts into its row, and follow it, or set at once that it was dropped."""
        row = self._records.answered(signal) if signal.wanted.acts else None
        if row is None:
            return
        fate = fate_at_once(signal, now)
        if fate is not None:
            self._records.fate(row.decision_id, fate)
        self.fates.accepted(row.model_copy(update={"fate": fate}))

    # -- a person's approval ------------------------------------------------------------------------------------------

    def _ask(self, outcomes: Mapping[str, Outcome], now: datetime) -> None:
        for outcome in outcomes.values():
            if self._approvals is not None and outcome.proposal is not None:
                self._provider.send_msg(self._approvals.ask(outcome.proposal, now), always_send=True)

    def answer(self, now: datetime) -> bool:
        """Carry out what a person answered since the last loop; return whether an entry may trade now."""
        if self._approvals is None:
            return False
        decided = self._approvals.decided(now, partial(price_now, self._provider))
        carried_out = [self._carry_out(request, verdict, now) for request, verdict in decided]
        return any(carried_out)

    def _carry_out(self, request: ApprovalRequest, verdict: Verdict, now: datetime) -> bool:
        snapshot, _ = self._known[request.pair]
        outcome = self._runner.resume(request, verdict)
        if outcome.error is not None or snapshot.as_of != request.as_of:
            logger.warning("%s: the answer to %s comes to nothing: %r", request.pair, request.id, outcome.error)
            return False
        signal = signal_of(self.context, snapshot, outcome)
        logger.info("%s: proposal %s was answered: %s: %s", request.pair, request.id, signal.action, signal.reason)
        self.book.put(request.pair, request.as_of, signal)
        self._known[request.pair] = (snapshot, outcome.state)
        self._records.answered(signal)
        self.fates.changed(signal, now)
        return signal.is_entry

    def _report_progress(self, decided: int, as_of: datetime) -> None:
        before, self._decided = self._decided, self._decided + decided
        if self.is_backtest and before // PROGRESS_EVERY != self._decided // PROGRESS_EVERY:
            logger.info("decided %d candles, now at %s", self._decided, f"{as_of:%Y-%m-%d %H:%M} UTC")

    # -- an open trade ------------------------------------------------------------------------------------------------

    def has_passed(self, trade: Trade) -> bool:
        """Return whether the last close lies beyond the planned stop: too late to set it, the trade is closed."""
        price = self._wallet.prices.get(trade.pair)
        plan = self.plans.of(trade)
        return price is not None and not is_protective(plan.side, plan.stop, price)

    def adjustment(self, trade: Trade, now: datetime, rate: float, max_stake: float) -> float | None:
        """Return the stake to add (+) or release (-) now."""
        exchange = self._doors.limits(trade.pair, rate)
        limits = self.orders.limits(min_notional=exchange.min_add, max_stake=max_stake)
        return self.orders.adjustment(trade, self._position(trade, rate, now), now, rate, limits, exchange)

    # -- the end of a trade -------------------------------------------------------------------------------------------

    def filled(self, trade: Trade, order: Order, now: datetime) -> None:
        """Keep the plan and follow the trade from its entry fill on; send what it gave to the outbox at every exit."""
        is_final = not is_entry(trade, order) and is_final_exit(trade, order, is_backtest=self.is_backtest)
        plan = self.orders.entered(trade.pair) if is_entry(trade, order) else None
        self.fates.filled(trade, order, now, None if plan is None else plan.decision_id, is_final=is_final)
        if plan is not None:
            self.plans.keep(trade, plan)
            opening = opening_of(trade, plan, self._atr(trade.pair), self._provider._exchange)
            self._watch.entered(trade, plan, self._state(trade.pair), opening)
        elif is_final:
            moved = self.plans.of(trade).is_tightened
            track = self._watch.closing(trade, self._state(trade.pair), now, stop_moved=moved)
            self.context.memory.enqueue(self._closed(trade, order, now, track), track)
            self.book.consume(trade.pair)
        else:
            self._name_stop(trade)
            self._watch.changed(trade, order, now)
            if not is_entry(trade, order):
                self.context.memory.enqueue(self._part(trade, order, now))

    def _part(self, trade: Trade, order: Order, now: datetime) -> PartialExit:
        plan, namespace = self.plans.of(trade), self.context.namespace
        return partial_exit_of(trade, order, plan, now=now, is_backtest=self.is_backtest, namespace=namespace)

    def _state(self, pair: str) -> CandleState | None:
        """Return how the graph ended on the pair's newest candle."""
        return self._known.get(pair, (None, None))[1]

    def _atr(self, pair: str) -> float | None:
        """Return the main timeframe's ATR as it was at the pair's newest decision."""
        known = self._known.get(pair)
        return None if known is None else known[0].timeframes[0].indicators.atr

    def _name_stop(self, trade: Trade) -> None:
        """Let the stop be called trailing if a rule moved it, and only then.

        At every fill freqtrade re-bases the stop, and calls that trailing; its backtest adjusts the position before it
        looks at the stop, so that a stop which is tightened on the same candle is set at the fill and not called so.
        """
        for real in Trade.get_trades_proxy(is_open=True):  # callbacks see a copy
            if real.id == trade.id:
                real.is_stop_loss_trailing = self.plans.of(trade).is_tightened

    def _closed(self, trade: Trade, order: Order, now: datetime, track: Track) -> ClosedTrade:
        signal = self.book.at(trade.pair, now)
        settings = self.context.settings
        return closed_trade_of(
            trade,
            order,
            self.plans.of(trade),
            extremes=(track.best, track.worst),
            now=now,
            length=self.length,
            is_backtest=self.is_backtest,
            judged=signal if signal is not None and signal.is_exit and signal.trade_id == trade.id else None,
            risk_pct=None if track.opening is None else risk_pct(track.opening, track.side),
            beside=track.beside,
            identity={
                "namespace": self.context.namespace,
                "model": self.context.model_name,
                "prompt_version": deciding_version(settings),
            },
        )

    def learn(self, now: datetime) -> None:
        """Take the closed trades that are known by now through the reflection graph; live in the background."""
        self.learner.learn(now)

    def _budget_spent(self, now: datetime) -> str | None:
        return self._spending.at(now).spent

    def _reflected(self, state: ReflectionState) -> None:
        """Write down what was learnt from a closed trade, and count what its reviewer cost."""
        if state.trade is not None and state.call is not None:
            self._spending.add(state.trade.known_at, (state.call,))
        self._records.reflected(state)
