"""Freqtrade strategy that asks the graph once per closed candle and pair; it looks decisions up, never decides."""

from datetime import datetime
from typing import Any

from freqtrade.persistence import Order, Trade
from freqtrade.strategy import IStrategy, stoploss_from_absolute
from pandas import DataFrame

from candlegraph.freqtrade_bridge.columns import ADD_TAG, EXIT_TAG, NOTHING, REDUCE_TAG, STOP_TAG, Columns, columns_of
from candlegraph.freqtrade_bridge.fail_closed import fail_closed
from candlegraph.graph.settings import settings_of


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
    order_types = {"entry": "market", "exit": "market", "stoploss": "market", "stoploss_on_exchange": False}

    failure: Exception | None = None

    def open_context(self, namespace: str) -> Any:
        """Return the run's context; override to decide with a LangChain chat model of your own."""
        from candlegraph.graph.wiring import open_context

        return open_context(self.config, namespace)

    def bot_start(self, **kwargs: Any) -> None:
        """Open model, memory and ledger; a bad setting stops the start. Heavy imports happen here, not at import."""
        from candlegraph.freqtrade_bridge.backtest_hook import install
        from candlegraph.freqtrade_bridge.blank_secrets import blank_secrets
        from candlegraph.freqtrade_bridge.session import Session, namespace_of
        from candlegraph.graph.errors import ConfigError

        context = self.open_context(namespace_of(self.config["runmode"]))
        blank_secrets(self.config)
        main = context.settings.context_config.timeframes[0]
        if main != self.timeframe:
            raise ConfigError(
                f"config: timeframe = {self.timeframe!r}: context_config.timeframes must begin with it, was {main!r}"
            )
        self.failure = None
        self.session = Session(self.config, context, self.dp, self.wallets)
        if self.session.is_backtest:
            install()

    def informative_pairs(self) -> list[Any]:
        """Ask for the higher timeframes, so that they are refreshed live."""
        others = settings_of(self.config).context_config.timeframes[1:]
        return [(pair, timeframe) for pair in self.dp.current_whitelist() for timeframe in others]

    @fail_closed()
    def bot_loop_start(self, current_time: datetime, **kwargs: Any) -> None:
        """Decide all pairs; the one decision point live and in backtest."""
        self.session.decide(self.dp.current_whitelist(), current_time)

    def decided_columns(self, pair: str, current_time: datetime) -> Columns:
        """Return the row that the backtest hook writes."""
        return columns_of(self.session.book.unused(pair, current_time))

    def backtest_ended(self, end: datetime) -> None:
        """Learn from what the end of the data closed."""
        self.session.learn(end + self.session.length)

    def populate_indicators(self, dataframe: DataFrame, metadata: dict[str, Any]) -> DataFrame:
        """Leave the frame as it is: the graph computes its own numbers from closed candles."""
        return dataframe

    def populate_entry_trend(self, dataframe: DataFrame, metadata: dict[str, Any]) -> DataFrame:
        """Write the entry of the last closed candle, live."""
        return self._written(dataframe, metadata["pair"], ("enter_long", "enter_short", "enter_tag"))

    def populate_exit_trend(self, dataframe: DataFrame, metadata: dict[str, Any]) -> DataFrame:
        """Write the exit of the last closed candle, live."""
        return self._written(dataframe, metadata["pair"], ("exit_long", "exit_short", "exit_tag"))

    def _written(self, dataframe: DataFrame, pair: str, names: tuple[str, ...]) -> DataFrame:
        row = NOTHING if self.session.is_backtest else self._live_row(dataframe, pair)
        for name in names:
            value = getattr(row, name)
            if value:
                dataframe.loc[dataframe.index[-1], name] = value
        return dataframe

    @fail_closed(NOTHING)
    def _live_row(self, dataframe: DataFrame, pair: str) -> Columns:
        as_of = dataframe["date"].iloc[-1].to_pydatetime() + self.session.length
        return columns_of(self.session.book.unused(pair, as_of))

    @fail_closed(1.0)
    def leverage(
        self, pair: str, current_time: datetime, current_rate: float, max_leverage: float, side: str, **kwargs: Any
    ) -> float:
        """Return the gate's leverage, a whole number."""
        limits = self.session.limits(exchange_max_leverage=max_leverage)
        sized = self.session.order(pair, side, current_rate, current_time, limits, None)
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
        side: str,
        **kwargs: Any,
    ) -> float:
        """Return the gate's stake; 0 is no trade."""
        limits = self.session.limits(exchange_max_leverage=leverage, min_stake=min_stake or 0.0, max_stake=max_stake)
        sized = self.session.stake(pair, side, current_rate, current_time, limits, proposed_stake)
        return 0.0 if sized.refusal or sized.leverage != leverage else float(sized.stake or 0.0)

    @fail_closed(False)
    def confirm_trade_entry(
        self, pair: str, amount: float, rate: float, current_time: datetime, side: str, **kwargs: Any
    ) -> bool:
        """Let the order pass if it still is within the gate at its final rate, and use the signal up."""
        return bool(self.session.confirm_entry(pair, side, rate, current_time, amount))

    @fail_closed()
    def order_filled(self, pair: str, trade: Trade, order: Order, current_time: datetime, **kwargs: Any) -> None:
        """Keep the plan at the entry, learn at the exit."""
        self.session.filled(trade, order, current_time)

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
        plan = self.session.plan_of(trade)
        if not after_fill and plan.is_in_force(trade.stop_loss):
            return None
        return float(stoploss_from_absolute(plan.stop, current_rate, is_short=trade.is_short, leverage=trade.leverage))

    @fail_closed()
    def custom_roi(self, pair: str, trade: Trade, **kwargs: Any) -> float | None:
        """Return the profit ratio at the plan's target."""
        target = self.session.plan_of(trade).take_profit
        ratio = None if target is None else trade.calc_profit_ratio(target)
        return ratio if ratio is not None and ratio > 0 else None

    @fail_closed(STOP_TAG)
    def custom_exit(self, pair: str, trade: Trade, current_time: datetime, **kwargs: Any) -> str | None:
        """Close a trade whose stop could not be set; deliver an exit that came too late for the columns."""
        if not self.session.plan_of(trade).is_in_force(trade.stop_loss):
            return STOP_TAG
        signal = self.session.book.unused(pair, current_time)
        is_ours = signal is not None and signal.action == "exit" and signal.trade_id == trade.id
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
        change = self.session.adjustment(trade, current_time, current_rate, min_stake or 0.0, max_stake)
        return None if change is None else (change, ADD_TAG if change > 0 else REDUCE_TAG)
