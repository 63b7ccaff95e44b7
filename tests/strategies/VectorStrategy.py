import talib
from freqtrade.strategy import IStrategy, merge_informative_pair, stoploss_from_absolute
from rule import LEVERAGE, STAKE, leaves, side_of, stop_of
from ta.momentum import RSIIndicator
from ta.trend import EMAIndicator


class VectorStrategy(IStrategy):
    """The rule of rule.py the ordinary way: columns over the whole range."""

    INTERFACE_VERSION = 3
    timeframe = "30m"
    can_short = True
    process_only_new_candles = True
    startup_candle_count = 600
    minimal_roi = {}
    stoploss = -0.5
    use_custom_stoploss = True
    order_types = {"entry": "market", "exit": "market", "stoploss": "market", "stoploss_on_exchange": False}

    def bot_start(self, **kwargs):
        self.stops = {}

    def informative_pairs(self):
        return [(pair, tf) for pair in self.dp.current_whitelist() for tf in ("1h", "4h")]

    def populate_indicators(self, df, metadata):
        pair = metadata["pair"]
        hour, four = self.dp.get_pair_dataframe(pair, "1h"), self.dp.get_pair_dataframe(pair, "4h")
        hour["atr"] = talib.ATR(hour["high"].to_numpy(), hour["low"].to_numpy(), hour["close"].to_numpy(), 14)
        fast, slow = (EMAIndicator(four["close"], n).ema_indicator() for n in (20, 50))
        four["spread"] = fast - slow
        df = merge_informative_pair(df, hour[["date", "atr"]], "30m", "1h", ffill=True)
        df = merge_informative_pair(df, four[["date", "spread"]], "30m", "4h", ffill=True)
        df["rsi"] = RSIIndicator(df["close"], 14).rsi()
        return df

    def populate_entry_trend(self, df, metadata):
        sides = [side_of(rsi, spread) for rsi, spread in zip(df["rsi"], df["spread_4h"], strict=True)]
        for side in ("long", "short"):
            chosen = [one == side for one in sides]
            df.loc[chosen, [f"enter_{side}", "enter_tag"]] = (1, f"graph_{side}")
        rows = zip(df["date"], df["close"], df["atr_1h"], strict=True)
        for date, close, atr in rows:
            for side in ("long", "short"):
                self.stops[metadata["pair"], date + self.length(), side] = stop_of(side, close, atr)
        return df

    def populate_exit_trend(self, df, metadata):
        df.loc[[leaves(rsi) for rsi in df["rsi"]], ["exit_long", "exit_short", "exit_tag"]] = (1, 1, "graph_exit")
        return df

    @staticmethod
    def length():
        import pandas as pd

        return pd.Timedelta("30min")

    def leverage(self, pair, current_time, current_rate, proposed_leverage, max_leverage, entry_tag, side, **kwargs):
        return LEVERAGE[side]

    def custom_stake_amount(self, **kwargs):
        return STAKE

    def custom_stoploss(self, pair, trade, current_time, current_rate, current_profit, after_fill, **kwargs):
        if not after_fill:
            return None
        stop = self.stops[pair, trade.open_date_utc, trade.trade_direction]
        return stoploss_from_absolute(stop, current_rate, is_short=trade.is_short, leverage=trade.leverage)
