"""What a tested strategy is held against: stock strategies of freqtrade, vectorised, without leverage."""

from typing import Any

import talib
from freqtrade.strategy import IStrategy
from pandas import DataFrame

FAST, SLOW = 50, 200
"""Candles of the two averages."""


class BuyAndHold(IStrategy):
    """Buy at the first candle, and hold until the data ends."""

    INTERFACE_VERSION = 3
    timeframe = "30m"
    can_short = False
    startup_candle_count = 0
    minimal_roi: dict[str, float] = {}
    stoploss = -0.99

    def populate_indicators(self, dataframe: DataFrame, metadata: dict[str, Any]) -> DataFrame:
        """Need nothing."""
        return dataframe

    def populate_entry_trend(self, dataframe: DataFrame, metadata: dict[str, Any]) -> DataFrame:
        """Buy whenever nothing is held."""
        dataframe["enter_long"] = 1
        return dataframe

    def populate_exit_trend(self, dataframe: DataFrame, metadata: dict[str, Any]) -> DataFrame:
        """Never sell."""
        return dataframe


class EmaCross(IStrategy):
    """Be long above the crossing of two averages, short below it; both sides without a stop."""

    INTERFACE_VERSION = 3
    timeframe = "30m"
    can_short = True
    startup_candle_count = 600
    minimal_roi: dict[str, float] = {}
    stoploss = -0.99

    def populate_indicators(self, dataframe: DataFrame, metadata: dict[str, Any]) -> DataFrame:
        """Add whether the fast average is above the slow one."""
        fast, slow = (talib.EMA(dataframe["close"].to_numpy(), timeperiod=candles) for candles in (FAST, SLOW))
        return dataframe.assign(is_up=fast > slow)

    def populate_entry_trend(self, dataframe: DataFrame, metadata: dict[str, Any]) -> DataFrame:
        """Enter where the averages cross."""
        before = dataframe["is_up"].shift(1, fill_value=False)
        dataframe.loc[dataframe["is_up"] & ~before, "enter_long"] = 1
        dataframe.loc[~dataframe["is_up"] & before, "enter_short"] = 1
        return dataframe

    def populate_exit_trend(self, dataframe: DataFrame, metadata: dict[str, Any]) -> DataFrame:
        """Leave where they stand the other way round."""
        dataframe.loc[~dataframe["is_up"], "exit_long"] = 1
        dataframe.loc[dataframe["is_up"], "exit_short"] = 1
        return dataframe
