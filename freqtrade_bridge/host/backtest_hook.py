"""Candle-faithful decisions in the stock `freqtrade backtesting`: two methods of Backtesting, wrapped once.

`validate_row` writes the decision's six columns into the row that is about to be traded, and raises a kept failure,
since freqtrade swallows exceptions of the callbacks. `backtest` lets the strategy finish when the data ends.
"""

from __future__ import annotations

import inspect
from datetime import datetime
from typing import Any

from freqtrade.optimize import backtesting as bt

from candlegraph.graph.schema.errors import BridgeError

EXPECTED = {
    "validate_row": ["self", "data", "pair", "row_index", "current_time"],
    "backtest": ["self", "processed", "start_date", "end_date"],
}
COLUMN_INDEX = ("LONG_IDX", "ELONG_IDX", "SHORT_IDX", "ESHORT_IDX", "ENTER_TAG_IDX", "EXIT_TAG_IDX")


def install() -> None:
    """Wrap freqtrade's backtest once per process; raise BridgeError if its methods changed."""
    if getattr(bt.Backtesting, "_candlegraph", False):
        return
    for name, expected in EXPECTED.items():
        if (found := list(inspect.signature(getattr(bt.Backtesting, name)).parameters)) != expected:
            raise BridgeError(f"freqtrade changed Backtesting.{name}: expected {expected}, was {found}")
    bt.Backtesting.validate_row = _validate_row(bt.Backtesting.validate_row)
    bt.Backtesting.backtest = _backtest(bt.Backtesting.backtest)
    bt.Backtesting._candlegraph = True


def _validate_row(original: Any) -> Any:
    def validate_row(self: Any, data: Any, pair: str, row_index: int, current_time: datetime) -> Any:
        row = original(self, data, pair, row_index, current_time)
        decided = getattr(self.strategy, "decided_columns", None)
        if decided is None:
            return row
        _raise_failure(self.strategy)
        if row is not None:
            for index, value in zip(COLUMN_INDEX, decided(pair, current_time), strict=True):
                row[getattr(bt, index)] = value
        return row

    return validate_row


def _backtest(original: Any) -> Any:
    def backtest(self: Any, processed: Any, start_date: datetime, end_date: datetime) -> Any:
        if not hasattr(self.strategy, "decided_columns"):
            return original(self, processed, start_date, end_date)
        if self.strategy.protections:
            # Configured is meant: freqtrade's backtest would leave them out without a word.
            self.enable_protections = self.config["enable_protections"] = True
        try:
            result = original(self, processed, start_date, end_date)
        finally:  # a person may have stopped it, or a failure
            self.strategy.store_decisions()
        _raise_failure(self.strategy)
        self.strategy.backtest_ended(end_date, result)
        return result

    return backtest


def _raise_failure(strategy: Any) -> None:
    if strategy.failure is not None:
        raise strategy.failure
