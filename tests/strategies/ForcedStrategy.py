"""Entries by the clock, one stop set at the fill, a target price, an exit at a given time; all from the config."""

import talib
from freqtrade.strategy import IStrategy, stoploss_from_absolute
from pandas import Timedelta

CANDLE = 1800


class ForcedStrategy(IStrategy):
    INTERFACE_VERSION = 3
    timeframe, can_short, startup_candle_count = "30m", True, 100
    minimal_roi, stoploss = {}, -0.99
    use_custom_stoploss = use_custom_roi = True
    order_types = {"entry": "market", "exit": "market", "stoploss": "market", "stoploss_on_exchange": False}

    def bot_start(self, **kwargs):
        self.forced, self.atr = self.config["forced"], {}
        self.until = {(pair, entered): until for pair, entered, until in self.forced["until"]}

    def populate_indicators(self, df, metadata):
        atr = talib.ATR(*(df[name].to_numpy() for name in ("high", "low", "close")), 14)
        known = (df["date"] + Timedelta(seconds=CANDLE)).dt.as_unit("s").astype("int64")
        self.atr |= {(metadata["pair"], time): value for time, value in zip(known, atr, strict=True)}
        return df

    def populate_entry_trend(self, df, metadata):
        spacing, late = self.forced["spacing"], self.forced["entry"]
        planned = (df["date"].dt.as_unit("s").astype("int64")) // CANDLE + 1 - late
        due = planned % spacing == (0 if "BTC" in metadata["pair"] else spacing // 2)
        due &= planned * CANDLE <= self.forced["last_entry"]
        odd = planned // spacing % 2 == 1
        df.loc[due & ~odd, "enter_long"] = 1
        df.loc[due & odd, "enter_short"] = 1
        return df

    def populate_exit_trend(self, df, metadata):
        return df

    def leverage(self, *args, **kwargs):
        return self.forced["leverage"]

    def planned_at(self, trade):
        return int(trade.open_date_utc.timestamp()) - self.forced["entry"] * CANDLE

    def level(self, trade, atrs):
        away = atrs * self.atr[trade.pair, self.planned_at(trade)]
        return trade.open_rate + away * (-1 if trade.is_short else 1)

    def custom_stoploss(self, pair, trade, current_time, current_rate, current_profit, after_fill, **kwargs):
        if not after_fill:
            return None
        stop = self.level(trade, -self.forced["stop"])
        return stoploss_from_absolute(stop, current_rate, trade.is_short, trade.leverage)

    def custom_roi(self, pair, trade, *args, **kwargs):
        return trade.calc_profit_ratio(self.level(trade, self.forced["target"]))

    def custom_exit(self, pair, trade, current_time, *args, **kwargs):
        until = self.until.get((pair, self.planned_at(trade)), self.planned_at(trade) + self.forced["hold"] * CANDLE)
        return "time" if current_time.timestamp() >= until else None
