"""One run of the bot: where everything is decided, and what is learnt when a trade ends.

watch(now):  the account's drawdown and day, the emergency stop
decide(now): learn from closed trades -> snapshots -> runner (all pairs) -> decision book, ledger, memory effects
callbacks:   book (what was decided), orders, plans, fills, answers; each is asked by the strategy itself
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from freqtrade.enums import RunMode
from freqtrade.persistence import Trade

from candlegraph.freqtrade_bridge.audit.opening import auditor_of
from candlegraph.freqtrade_bridge.decisions.acceptance import Acceptance
from candlegraph.freqtrade_bridge.decisions.answers import Answers
from candlegraph.freqtrade_bridge.decisions.approvals import check_approval
from candlegraph.freqtrade_bridge.decisions.book import DecisionBook, Known
from candlegraph.freqtrade_bridge.decisions.estimate import announce, candles_in
from candlegraph.freqtrade_bridge.decisions.failures import Failures
from candlegraph.freqtrade_bridge.decisions.fates import Fates, without_fate
from candlegraph.freqtrade_bridge.decisions.last_calls import SAID_FOR
from candlegraph.freqtrade_bridge.decisions.records import AT_ONCE, Records
from candlegraph.freqtrade_bridge.decisions.runner import Runner
from candlegraph.freqtrade_bridge.feeds.account import AccountGuard, WalletWatch
from candlegraph.freqtrade_bridge.feeds.candles import MarketFeed
from candlegraph.freqtrade_bridge.feeds.doors import Doors
from candlegraph.freqtrade_bridge.feeds.paths import TradePaths
from candlegraph.freqtrade_bridge.feeds.sentiment import sentiment_feed
from candlegraph.freqtrade_bridge.feeds.snapshots import Snapshots
from candlegraph.freqtrade_bridge.host.chat import teller
from candlegraph.freqtrade_bridge.monitoring.monitor import Monitor
from candlegraph.freqtrade_bridge.monitoring.pulse import Parts
from candlegraph.freqtrade_bridge.tracing.traces import traces_of
from candlegraph.freqtrade_bridge.trades.after_fill import AfterFill
from candlegraph.freqtrade_bridge.trades.learner import Learner
from candlegraph.freqtrade_bridge.trades.orders import Orders
from candlegraph.freqtrade_bridge.trades.plan import Plan, Plans
from candlegraph.freqtrade_bridge.trades.track import PositionWatch
from candlegraph.graph.context import Context
from candlegraph.graph.reflection import ReflectionState
from candlegraph.graph.schema.experience import ClosedTrade
from candlegraph.memory.books.ledger import DecisionRow, Ledger
from candlegraph.memory.books.spending import Spending
from candlegraph.tools.market.frames import duration
from candlegraph.tools.risk.stops import is_protective

logger = logging.getLogger(__name__)

LIVE_MODES = (RunMode.LIVE, RunMode.DRY_RUN)
DEFAULT_FEE = 0.0005


class Session:
    """Everything between freqtrade's callbacks and the graph, for one `bot_start`."""

    def __init__(self, config: Mapping[str, Any], context: Context, provider: Any, wallets: Any) -> None:
        self.context = context
        self.is_backtest = config["runmode"] not in LIVE_MODES
        self.length = duration(context.settings.context_config.timeframes[0])
        check_approval(context.settings, is_backtest=self.is_backtest)
        if self.is_backtest:
            candles = candles_in(config.get("timerange") or "", self.length)
            announce(context.settings, len(provider.current_whitelist()), candles)
        self._open_market(config, provider, wallets)
        self._open_decisions(provider)
        self._open_trades(float(config.get("fee") or DEFAULT_FEE), provider)
        self._join(config)
        self.audit = auditor_of(config, provider, context, self.plans, self.orders, self.fates)
        self.monitor: Monitor | None = None
        if not self.is_backtest:
            self._recover(datetime.now(UTC))
            parts = Parts(self.book, self.guard, self._wallet, self.plans, self._failures.pause, self._spending)
            self.monitor = Monitor(config, context, provider, parts)

    @property
    def spent(self) -> float:
        """Return what the run's calls cost so far, as far as they can be priced."""
        return self._spending.of_run

    @property
    def equity(self) -> float:
        """Return the account as it was measured last, open positions at the last close; quote currency."""
        return self._wallet.measured.equity

    # -- the decision point -------------------------------------------------------------------------------------------

    def watch(self, now: datetime, opened: Sequence[Trade]) -> None:
        """Measure the account with its open trades; beyond its limit the emergency stop fires."""
        self._wallet.measure(now, opened)

    def decide(self, pairs: list[str], now: datetime, opened: Sequence[Trade]) -> None:
        """Decide every pair whose candle closed and has no decision yet; raise BridgeError for a failed pair.

        `opened` are all open trades: freqtrade reads and builds them anew at each question.
        """
        self.learner.learn(now)
        self._acceptance.late(self._runner.collect(), now)
        self.fates.expire(now, self._is_unsure)
        trades = {trade.pair: trade for trade in opened}
        watched = list(dict.fromkeys([*pairs, *trades]))
        if due := self._due(watched, now):
            self._follow(trades, due, now)
            self.watch(now, opened)
            self._decide(due, trades, watched, now)
        if not self.is_backtest:  # there the hook looks, at each pair's own turn
            self.fates.look(self.book.pairs, now)

    def _due(self, pairs: list[str], now: datetime) -> dict[str, datetime]:
        """Return the pairs to decide with their `as_of`."""
        opened = {pair: self._feed.last_candle(pair, now) for pair in pairs}
        closed = {pair: candle + self.length for pair, candle in opened.items() if candle is not None}
        return {pair: as_of for pair, as_of in closed.items() if not self.book.is_decided(pair, as_of)}

    def _follow(self, trades: Mapping[str, Trade], due: Mapping[str, datetime], now: datetime) -> None:
        """Take the candles that closed: into the account's prices, the stops and the tracks of open trades."""
        main = {pair: self._feed.main(pair) for pair in due}
        views = {pair: view for pair, as_of in due.items() if (view := main[pair].view(as_of)) is not None}
        self._wallet.prices.update({pair: view.close for pair, view in views.items()})
        self.plans.after_candles(trades, views)
        self._watch.candles_closed(trades, due, {pair: main[pair] for pair in views})

    def _decide(
        self, due: Mapping[str, datetime], trades: Mapping[str, Trade], watched: Sequence[str], now: datetime
    ) -> None:
        """Take the pairs that are due through the graph, all at once."""
        snapshots = self._snapshots.of(due, trades, now)
        deadline = None if self.is_backtest else self.context.settings.llm_config.decision.deadline_seconds
        outcomes = self._runner.decide(snapshots, deadline, self._spending.at(max(due.values())))
        self._acceptance.accept(snapshots, outcomes, watched, now)
        self.answers.ask(outcomes, now)
        if not self.is_backtest:
            self._say_lost(now)

    def _say_lost(self, now: datetime) -> None:
        """Log decisions of earlier candles that act and of which nobody knows what became: a fault of ours."""
        rows = self._ledger.rows(self.context.namespace, since=now - 3 * self.length)
        for row in without_fate(rows, now, self.length):
            if not self._is_unsure(row.pair):
                logger.error("%s %s: nobody knows what became of %s", row.pair, row.candle, row.signal.wanted.name)

    def _is_unsure(self, pair: str) -> bool:
        """Return whether the account cannot be looked at, or shows what nobody has found the orders of yet."""
        return self.audit is not None and self.audit.is_unsure(pair)

    # -- an open trade ------------------------------------------------------------------------------------------------

    def saw(self, pair: str, rate: float) -> None:
        """Note a rate that freqtrade has just fetched: the account is measured with it until the next candle."""
        if not self.is_backtest:
            self._wallet.prices[pair] = rate

    def has_passed(self, trade: Trade) -> bool:
        """Return whether the last close lies beyond the planned stop: too late to set it, the trade is closed."""
        price = self._wallet.prices.get(trade.pair)
        plan = self.plans.of(trade)
        return price is not None and not is_protective(plan.side, plan.stop, price)

    def adjustment(self, trade: Trade, now: datetime, rate: float, max_stake: float) -> float | None:
        """Return the stake to add (+) or release (-) now."""
        exchange = self._doors.limits(trade.pair, rate)
        limits = self.orders.limits(min_notional=exchange.min_add, max_stake=max_stake)
        return self.orders.adjustment(trade, self._snapshots.position(trade, rate, now), now, rate, limits, exchange)

    # -- what is learnt -----------------------------------------------------------------------------------------------

    def _spent(self, now: datetime) -> str | None:
        """Return the budget that is used up, by which no model reviews a closed trade."""
        return self._spending.at(now).spent

    def _reflected(self, state: ReflectionState) -> None:
        """Write down what was learnt from a closed trade, and count what its reviewer cost."""
        if state.trade is not None and state.call is not None:
            self._spending.add(state.trade.known_at, (state.call,))
        self.records.reflected(state)
        if self.monitor is not None and isinstance(state.trade, ClosedTrade) and state.experience is not None:
            self.monitor.learnt(state.experience)

    def _opened(self, trade: Trade, plan: Plan) -> None:
        """Tell of an entry that was filled."""
        if self.monitor is not None:
            self.monitor.opened(trade, plan)

    # -- the start ----------------------------------------------------------------------------------------------------

    def _open_market(self, config: Mapping[str, Any], provider: Any, wallets: Any) -> None:
        """Open what is seen: candles, the account, the doors that freqtrade and the exchange keep."""
        context, settings = self.context, self.context.settings
        self._feed = MarketFeed(provider, settings.context_config, is_backtest=self.is_backtest)
        limit = settings.risk_management.emergency_stop_loss
        self.guard = AccountGuard(context.database, context.namespace, limit, is_backtest=self.is_backtest)
        self._wallet = WalletWatch(config, wallets, self.guard)
        userdir = Path(context.user_data_dir)
        self._doors = Doors(config, provider, wallets, userdir, is_backtest=self.is_backtest)

    def _open_decisions(self, provider: Any) -> None:
        """Open what decides, and what keeps decisions until their fate is known."""
        context, self._ledger = self.context, Ledger(self.context.database)
        budget = context.settings.llm_config.budget
        self._spending = Spending.of(budget, self._ledger, context.namespace, datetime.now(UTC))
        self._runner = Runner(context)
        together = AT_ONCE if self.is_backtest else 1
        self.records = Records(context, traces_of(context.settings), at_once=together)
        self.book, self.known = DecisionBook(self.length), Known()
        self.fates = Fates(self.records.fate, self._doors.closed, self.length, is_backtest=self.is_backtest)
        self._failures = Failures(context, teller(provider), is_backtest=self.is_backtest)
        self.answers = Answers(context, self._runner, self.book, self.known, self.records, self.fates, provider)

    def _open_trades(self, fee: float, provider: Any) -> None:
        """Open what turns decisions into orders, follows the trades, and learns from them."""
        context, book, known, fates = self.context, self.book, self.known, self.fates
        rules, is_backtest = context.settings.risk_management, self.is_backtest
        account, note = self._wallet.account, self.records.late_clamps
        self.plans = plans = Plans(rules, fee, known)
        self.orders = orders = Orders(rules, fee, book, known, plans, account, note, fates, self._doors.by_hand)
        self._watch = watch = PositionWatch(context, self.length, is_backtest=is_backtest)
        self.fills = AfterFill(
            context,
            book,
            known,
            orders,
            plans,
            fates,
            watch,
            provider,
            self.length,
            self._opened,
            is_backtest=is_backtest,
        )
        paths = TradePaths(self._feed, provider, is_backtest=is_backtest)
        self.learner = Learner(context, self._reflected, self._spent, paths.of, is_backtest=is_backtest)

    def _join(self, config: Mapping[str, Any]) -> None:
        """Open what stands between market and graph, and between graph and trades."""
        context, wallet, watch, is_backtest = self.context, self._wallet, self._watch, self.is_backtest
        plans, fates, failures, spending = self.plans, self.fates, self._failures, self._spending
        mood = sentiment_feed(config, context, is_backtest=is_backtest)
        self._snapshots = Snapshots(
            self._feed, wallet, self._doors, mood, plans, watch, fates, failures.pause, self.length
        )
        self._acceptance = Acceptance(
            context, self.book, self.known, self.records, fates, failures, spending, watch, is_backtest=is_backtest
        )

    def _recover(self, now: datetime) -> None:
        """Follow on what an earlier process decided and did not see the end of."""
        opened = {self.plans.of(trade).decision_id for trade in Trade.get_trades_proxy(is_open=True)}
        rows = self._ledger.rows(self.context.namespace, since=now - (SAID_FOR + 2) * self.length)
        self.fates.recover(rows, opened)
        for row in rows:
            self._recall(row, now)
        for trade in self._watch.closed():
            if self.audit is not None:
                self.audit.filled(trade, now)
            self.fills.missed(trade, now)
            Trade.commit()

    def _recall(self, row: DecisionRow, now: datetime) -> None:
        """Let a candle that was decided before a restart keep its decision: nobody is asked twice, nothing done twice.

        Only an exit or reduction is still carried out; the order of an entry may be on the exchange already. What
        waited for a person is asked anew.
        """
        if not self.book.lasts(row.as_of, now) or row.is_waiting:
            return
        self.book.put(row.pair, row.as_of, row.signal)
        if row.fate is not None or not row.signal.is_safer:
            self.book.consume(row.pair)
