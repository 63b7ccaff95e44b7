"""Does what the configuration's `timetable` says at the times it names; every stop rests on the exchange."""

from datetime import datetime, timedelta

from freqtrade.strategy import IStrategy, stoploss_from_absolute
from pandas import DataFrame, Timestamp


class TimetableStrategy(IStrategy):
    """`timetable`: {pair: {what: {time: value}}}.

    `signals` name a column at the close of a candle, `changes` a stake at a time, `stops` a stop price from a time on.
    """

    INTERFACE_VERSION = 3
    timeframe = "30m"
    can_short = True
    startup_candle_count = 10
    minimal_roi = {"0": 10.0}
    stoploss = -0.05
    use_custom_stoploss = True
    position_adjustment_enable = True
    order_types = {
        "entry": "market",
        "exit": "market",
        "emergency_exit": "market",
        "stoploss": "market",
        "stoploss_on_exchange": True,
        "stoploss_on_exchange_interval": 60,
    }

    def bot_start(self, **kwargs) -> None:
        self.done = set()

    def due(self, pair, what, now):
        """Return the newest entry whose time has come."""
        table = self.config["timetable"].get(pair, {}).get(what, {})
        past = {at: value for at, value in table.items() if Timestamp(at, tz="UTC") <= now}
        return max(past.items(), default=(None, None))

    def populate_indicators(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        return dataframe

    def populate_entry_trend(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        return self.written(dataframe, metadata["pair"], "enter")

    def populate_exit_trend(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        return self.written(dataframe, metadata["pair"], "exit")

    def written(self, dataframe, pair, word):
        for at, name in self.config["timetable"].get(pair, {}).get("signals", {}).items():
            if name.startswith(word):
                opened = Timestamp(at, tz="UTC") - timedelta(minutes=30)
                dataframe.loc[dataframe["date"] == opened, name] = 1
        return dataframe

    def leverage(self, *args, **kwargs) -> float:
        return 3.0

    def custom_stake_amount(self, *args, **kwargs) -> float:
        return 1000.0

    def adjust_trade_position(self, trade, current_time: datetime, *args, **kwargs):
        at, stake = self.due(trade.pair, "changes", current_time)
        if at is None or at in self.done:
            return None
        self.done.add(at)
        return stake

    def custom_stoploss(self, pair, trade, current_time: datetime, current_rate, current_profit, after_fill, **kwargs):
        at, price = self.due(pair, "stops", current_time)
        if price is None:
            return None
        return stoploss_from_absolute(price, current_rate, is_short=trade.is_short, leverage=trade.leverage)
