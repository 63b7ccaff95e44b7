"""Freqtrade strategy that asks the graph once per closed candle and pair; it looks decisions up, never decides."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from freqtrade.enums import RunMode
from freqtrade.exceptions import OperationalException
from freqtrade.persistence import Order, PairLocks, Trade
from freqtrade.strategy import IStrategy, stoploss_from_absolute
from pandas import DataFrame

from candlegraph.freqtrade_bridge.commands.check import check_loaded
from candlegraph.freqtrade_bridge.commands.failures import told
from candlegraph.freqtrade_bridge.host.chat import teller
from candlegraph.freqtrade_bridge.host.columns import NOTHING, Columns, columns_of, with_entries, with_exits
from candlegraph.freqtrade_bridge.host.fail_closed import fail_closed
from candlegraph.freqtrade_bridge.host.keys import order_types, protections
from candlegraph.freqtrade_bridge.host.quiet import quieten
from candlegraph.freqtrade_bridge.host.tags import (
    ADD_TAG,
    EMERGENCY_TAG,
    ENTRY_TAGS,
    EXIT_TAG,
    PASSED_TAG,
    REDUCE_TAG,
    STOP_TAG,
)
from candlegraph.graph.schema.errors import CandlegraphError, ConfigError
from candlegraph.graph.settings.places import DATABASE
from candlegraph.graph.settings.settings import settings_of

HALT_LOCK = "candlegraph emergency stop"
UNTIL_RESET = timedelta(days=3650)
UNKNOWN = "unknown"
"""Before the first look: a lock of an earlier run may stand, though its halt was reset meanwhile."""


class StartRefused(ValueError):
    """What stops the start; of a ValueError freqtrade logs one line and no trace, and then its message."""

    def __repr__(self) -> str:
        return "the start is refused, for the reason in the last line"


CHARTS = (RunMode.WEBSERVER, RunMode.PLOT)


def _as_run(config: dict[str, Any]) -> dict[str, Any]:
    """Return the configuration as a run has it: a chart asks for candles of any timeframe."""
    is_chart = config.get("runmode") in CHARTS
    return {key: value for key, value in config.items() if key != "timeframe"} if is_chart else config


class CandleGraphStrategy(IStrategy):
    """The bridge's door into freqtrade; every callback fails closed."""

    INTERFACE_VERSION = 3
    timeframe = "30m"
    can_short = True
    process_only_new_candles = True
    startup_candle_count = 600
    minimal_roi: dict[str, float] = {}
    use_custom_roi = True
    stoploss = -0.5  # of the margin; in force until the plan's stop is, and a trade whose plan fails is closed
    use_custom_stoploss = True
    use_exit_signal = True
    position_adjustment_enable = True
    plot_config: dict[str, Any] = {
        "main_plot": {"decided_stop": {"color": "#ff9800", "type": "scatter"}},
        "subplots": {
            "Decided side": {"decided_side": {"color": "#26a69a", "type": "bar"}},
            "Confidence": {"decided_confidence": {"color": "#7e8aa2", "type": "line"}},
        },
    }

    failure: Exception | None = None
    announced_halt: str | None = UNKNOWN
    known_order_types: dict[str, Any] | None = None
    given_model: Any = None  # a LangChain chat model that decides in every role

    def __init__(self, config: dict[str, Any]) -> None:
        """Refuse a bad configuration before anything else is looked at; freqtrade prints this error without a trace."""
        try:
            check_loaded(_as_run(config), self.timeframe)
        except ConfigError as e:
            raise OperationalException(str(e)) from None
        super().__init__(config)

    @property
    def order_types(self) -> dict[str, Any]:
        """Return market orders, and whether the stop rests on the exchange; freqtrade's backtest changes the dict."""
        if self.known_order_types is None:
            self.known_order_types = order_types(self.config, settings_of(self.config).risk_management)
        return self.known_order_types

    @property
    def protections(self) -> list[dict[str, Any]]:
        """Return freqtrade's protections from our configuration."""
        return protections(settings_of(self.config).risk_management)

    @property
    def is_chart(self) -> bool:
        """Return whether freqtrade only draws candles: FreqUI's charts, `plot-dataframe`, a notebook.

        They give the strategy neither wallet nor pair list, so there is nothing to decide, ask, pay or remember.
        """
        return self.wallets is None

    def open_context(self, namespace: str) -> Any:
        """Return the run's context; override to decide with a LangChain chat model of your own."""
        from candlegraph.graph.opening import open_context

        return open_context(self.config, namespace, self.given_model)

    def bot_start(self, **kwargs: Any) -> None:
        """Open model, memory and ledger; a bad setting stops the start. Heavy imports happen here, not at import."""
        if self.is_chart:
            return
        quieten()
        try:
            self._open()
        except (CandlegraphError, OSError) as e:
            raise StartRefused(told(e)) from None

    def _open(self) -> None:
        from candlegraph.freqtrade_bridge.host.backtest_hook import install
        from candlegraph.freqtrade_bridge.host.keys import blank_secrets, slots
        from candlegraph.freqtrade_bridge.host.run_name import namespace_of
        from candlegraph.freqtrade_bridge.host.tried import begun
        from candlegraph.freqtrade_bridge.session import Session

        context = self.open_context(namespace_of(self.config["runmode"]))
        blank_secrets(self.config)
        self.max_open_trades = self.config["max_open_trades"] = slots(self.config, context.settings.risk_management)
        self.failure, self.announced_halt = None, UNKNOWN
        self.session = Session(self.config, context, self.dp, self.wallets)
        if self.session.is_backtest:
            install()
            begun(self.config, context, self.get_strategy_name(), self.dp.current_whitelist())

    def informative_pairs(self) -> list[Any]:
        """Ask for the higher timeframes, so that they are refreshed live."""
        others = settings_of(self.config).context_config.timeframes[1:]
        return [(pair, timeframe) for pair in self.dp.current_whitelist() for timeframe in others]

    @fail_closed()
    def bot_loop_start(self, current_time: datetime, **kwargs: Any) -> None:
        """Measure the account, then decide all pairs; the one decision point live and in backtest."""
        if self.is_chart:  # `plot-dataframe` calls this, too
            return
        self._audit(current_time=current_time)
        opened = Trade.get_trades_proxy(is_open=True)
        self.session.watch(current_time, opened)
        self._announce_halt(current_time)
        self.session.decide(self.dp.current_whitelist(), current_time, opened)
        self._announce_halt(current_time)
        # Freqtrade sees an entry that was approved late only where it analyses the candle again.
        self.process_only_new_candles = not self.session.answers.carry_out(current_time)
        self._monitor(opened=opened)

    @fail_closed()
    def _monitor(self, opened: Sequence[Trade]) -> None:
        """Say at the end of the loop how the bot is; a failure in here keeps nothing from being traded."""
        if self.session.monitor is not None:
            self.session.monitor.looped(datetime.now(UTC), opened)

    @fail_closed()
    def _audit(self, current_time: datetime) -> None:
        """Look at the exchange's own books before anything is decided; live only."""
        if self.session.audit is not None:
            self.session.audit.look(self.dp.current_whitelist(), current_time)

    def _announce_halt(self, now: datetime) -> None:
        """Tell freqtrade and its user once that the account was halted, or that the halt was reset."""
        before, halt = self.announced_halt, self.session.guard.halt
        if halt == before:
            return
        if halt is None:
            if any(lock.reason == HALT_LOCK for lock in PairLocks.get_pair_locks(None, now)):
                self.unlock_reason(HALT_LOCK)
        else:
            self.lock_pair("*", now + UNTIL_RESET, HALT_LOCK)
        self.announced_halt = halt
        if halt is not None or before != UNKNOWN:
            teller(self.dp)(halt or "the halt was reset, entries may go on")

    def decided_columns(self, pair: str, current_time: datetime) -> Columns:
        """Return the row that the backtest hook writes, and look at what freqtrade will do with it."""
        self.session.fates.look([pair], current_time)
        return columns_of(self.session.book.unused(pair, current_time))

    @fail_closed()
    def store_decisions(self) -> None:
        """Store what a backtest has decided and not stored yet."""
        self.session.records.store()

    def backtest_ended(self, end: datetime, result: dict[str, Any]) -> None:
        """Learn from what the end of the data closed, settle what it left open, and note what came of the run."""
        from candlegraph.freqtrade_bridge.host.tried import ended

        self.session.fates.end(end)
        self.session.learner.learn(end + self.session.length)
        ended(self.session.context, result, self.config)

    def populate_indicators(self, dataframe: DataFrame, metadata: dict[str, Any]) -> DataFrame:
        """Show what was decided on each candle, for charts; the graph computes its own numbers from closed candles."""
        shown = self._with_decided(dataframe, metadata["pair"])
        return dataframe if shown is None else shown

    @fail_closed()
    def _with_decided(self, dataframe: DataFrame, pair: str) -> DataFrame:
        from candlegraph.freqtrade_bridge.monitoring.decided import with_decided

        if dataframe.empty or not self._is_shown:
            return dataframe
        first, last = (dataframe["date"].iloc[place].to_pydatetime() for place in (0, -1))
        monitor = None if self.is_chart else self.session.monitor
        found = self._decided(pair, first, last) if monitor is None else monitor.shown
        return dataframe if found is None else with_decided(dataframe, found.of(pair, first))

    @property
    def _is_shown(self) -> bool:
        """Return whether somebody may look at the frame; a backtest's would hold the future."""
        return self.is_chart or not self.session.is_backtest

    def _decided(self, pair: str, first: datetime, last: datetime) -> Any:
        """Return what was decided, by this bot, or for a chart by the run that decided between two candles last."""
        from candlegraph.freqtrade_bridge.monitoring.decided import DecidedCandles, run_of

        if self.is_chart:
            return run_of(self._database, pair, first, last)
        return DecidedCandles(self._database, self.session.context.namespace)

    @property
    def _database(self) -> Path:
        return Path(self.config["user_data_dir"]) / DATABASE

    @fail_closed([])
    def plot_annotations(
        self, pair: str, start_date: datetime, end_date: datetime, dataframe: DataFrame, **kwargs: Any
    ) -> list[Any]:
        """Mark entries, stops as they moved, levels and skipped candles; a failure leaves the chart without marks."""
        from candlegraph.freqtrade_bridge.monitoring.annotations import marks
        from candlegraph.memory.books.snapshots import kept_doc

        found = self._decided(pair, start_date, end_date) if self._is_shown else None
        if found is None:
            return []
        decided = found.of(pair, start_date)
        last = max((candle for candle in decided if candle <= end_date), default=None)
        inputs = None if last is None else kept_doc(self._database, decided[last].decision_id)
        return marks(decided, start_date, end_date, inputs)

    def populate_entry_trend(self, dataframe: DataFrame, metadata: dict[str, Any]) -> DataFrame:
        """Write the entry of the last closed candle, live; in a chart every entry that was decided."""
        if self.is_chart:
            return with_entries(dataframe)
        row = NOTHING if self.session.is_backtest else self._live_row(dataframe, metadata["pair"])
        for name in ("enter_long", "enter_short", "enter_tag"):
            value = getattr(row, name)
            if value:
                dataframe.loc[dataframe.index[-1], name] = value
        return dataframe

    def populate_exit_trend(self, dataframe: DataFrame, metadata: dict[str, Any]) -> DataFrame:
        """Leave live exits to `custom_exit`: a column knows no trade, and would close the next one of its candle."""
        return with_exits(dataframe) if self.is_chart else dataframe

    @fail_closed(NOTHING)
    def _live_row(self, dataframe: DataFrame, pair: str) -> Columns:
        as_of = dataframe["date"].iloc[-1].to_pydatetime() + self.session.length
        return columns_of(self.session.book.unused(pair, as_of))

    @fail_closed(1.0)
    def leverage(
        self,
        pair: str,
        current_time: datetime,
        current_rate: float,
        max_leverage: float,
        entry_tag: str | None,
        side: str,
        **kwargs: Any,
    ) -> float:
        """Return the gate's leverage, a whole number."""
        limits = self.session.orders.limits(exchange_max_leverage=max_leverage)
        sized = self.session.orders.entry(self._ask(pair, side, current_rate, current_time, entry_tag), limits)
        return 1.0 if sized.refusal else sized.leverage

    @fail_closed(0.0)
    def custom_stake_amount(
        self,
        pair: str,
        current_time: datetime,
        current_rate: float,
        proposed_stake: float,
        min_stake: float | None,
        max_stake: float,
        leverage: float,
        entry_tag: str | None,
        side: str,
        **kwargs: Any,
    ) -> float:
        """Return the gate's stake; 0 is no trade."""
        limits = self.session.orders.limits(
            exchange_max_leverage=leverage,
            min_stake=min_stake or 0.0,
            max_stake=max_stake,
            proposed_stake=proposed_stake,
        )
        sized = self.session.orders.stake(self._ask(pair, side, current_rate, current_time, entry_tag), limits)
        return 0.0 if sized.refusal or sized.leverage != leverage else float(sized.stake or 0.0)

    @fail_closed(False)
    def confirm_trade_entry(
        self,
        pair: str,
        amount: float,
        rate: float,
        current_time: datetime,
        entry_tag: str | None,
        side: str,
        **kwargs: Any,
    ) -> bool:
        """Let the order pass if it still is within the gate at its final rate, and use the signal up."""
        ask = self._ask(pair, side, rate, current_time, entry_tag)
        if self.session.audit is not None and (why := self.session.audit.why_not_enter(pair)):
            self.session.orders.refuse(ask, why)
            return False
        is_confirmed = bool(self.session.orders.confirm(ask, amount))
        if is_confirmed and self.session.audit is not None:
            self.session.audit.let_through(pair, ask.side, current_time)
        return is_confirmed

    def _ask(self, pair: str, side: str, rate: float, now: datetime, entry_tag: str | None) -> Any:
        """Return what freqtrade wants to open; a tag that is not ours comes from a person (`/forceenter`)."""
        from candlegraph.freqtrade_bridge.trades.orders import Ask

        return Ask(pair, "long" if side == "long" else "short", rate, now, forced=entry_tag not in ENTRY_TAGS)

    @fail_closed()
    def order_filled(self, pair: str, trade: Trade, order: Order, current_time: datetime, **kwargs: Any) -> None:
        """Keep the plan at the entry, learn at the exit."""
        self._settle(trade=trade, now=current_time)
        self.session.fills.filled(trade, order, current_time)

    @fail_closed()
    def _settle(self, trade: Trade, now: datetime) -> None:
        """Let a closed trade's books hold what the exchange paid; live only."""
        if self.session.audit is not None:
            self.session.audit.filled(trade, now)

    @fail_closed()
    def custom_stoploss(
        self,
        pair: str,
        trade: Trade,
        current_time: datetime,
        current_rate: float,
        current_profit: float,
        after_fill: bool,
        **kwargs: Any,
    ) -> float | None:
        """Set the plan's stop at a fill, and again only while it is not in force: re-sending would move it."""
        plan = self.session.plans.of(trade)
        if not after_fill and (plan.is_in_force(trade.stop_loss) or self.session.has_passed(trade)):
            return None
        ratio = float(stoploss_from_absolute(plan.stop, current_rate, is_short=trade.is_short, leverage=trade.leverage))
        if after_fill:
            self._protect(trade=trade, rate=current_rate, ratio=ratio)
        return ratio

    @fail_closed()
    def _protect(self, trade: Trade, rate: float, ratio: float) -> None:
        """Put the stop of a fill on the exchange at once; live only."""
        if self.session.audit is not None:
            self.session.audit.fills.after_fill(trade, rate, ratio)

    @fail_closed()
    def custom_roi(self, pair: str, trade: Trade, **kwargs: Any) -> float | None:
        """Return the profit ratio at the plan's target."""
        target = self.session.plans.of(trade).take_profit
        ratio = None if target is None else trade.calc_profit_ratio(target)
        return ratio if ratio is not None and ratio > 0 else None

    @fail_closed(STOP_TAG)
    def custom_exit(
        self, pair: str, trade: Trade, current_time: datetime, current_rate: float, **kwargs: Any
    ) -> str | None:
        """Close at the emergency stop or without a stop; live, deliver the exit of this very trade."""
        self.session.saw(pair, current_rate)
        tag = self._exit_tag(pair, trade, current_time)
        if tag is not None and self.session.audit is not None:
            self.session.audit.leaving(trade.id, tag)
        return tag

    def _exit_tag(self, pair: str, trade: Trade, current_time: datetime) -> str | None:
        if self.session.guard.halt is not None:
            return EMERGENCY_TAG
        plan = self.session.plans.of(trade)
        if not plan.is_in_force(trade.stop_loss) and self.session.has_passed(trade):
            return PASSED_TAG
        if not plan.was_set(trade.stop_loss):
            return STOP_TAG
        signal = self.session.book.unused(pair, current_time)
        is_ours = signal is not None and signal.is_exit and signal.trade_id == trade.id
        return EXIT_TAG if is_ours else None

    @fail_closed()
    def adjust_trade_position(
        self,
        trade: Trade,
        current_time: datetime,
        current_rate: float,
        current_profit: float,
        min_stake: float | None,
        max_stake: float,
        **kwargs: Any,
    ) -> tuple[float, str] | None:
        """Add to or reduce the position once per signal."""
        change = self.session.adjustment(trade, current_time, current_rate, max_stake)
        if change is not None and change > 0 and not self._may_add(trade=trade, stake=change, rate=current_rate):
            return None
        return None if change is None else (change, ADD_TAG if change > 0 else REDUCE_TAG)

    @fail_closed(False)
    def _may_add(self, trade: Trade, stake: float, rate: float) -> bool:
        """Set a stop for all that an addition will make of the position, before it is made; False: it waits."""
        audit = self.session.audit
        if audit is None:
            return True
        if why := audit.why_not_enter(trade.pair):
            self.session.orders.refuse_addition(trade, why)
            return False
        audit.fills.before_addition(trade, stake, rate)
        return True
