"""The account marked to market at every candle's close, its drawdown, and what holding the pairs would have been.

realised profits of ended trades + what each open one would give at the close, fees paid included

Freqtrade books funding when a trade ends, and so does this curve: its last value is the run's final balance.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from candlegraph.freqtrade_bridge.report.result import RunResult, TradeRow

Numbers = npt.NDArray[np.float64]


class EquityCurve(NamedTuple):
    """Equity at the close of each candle, and the same money spread over the pairs at the first one and left alone."""

    times: Numbers
    """Seconds since 1970, the candles' close."""
    values: Numbers
    held: Numbers | None
    """None: there are no prices."""
    open_trades: Numbers
    """How many trades were open during each candle."""

    @property
    def drawdown(self) -> Numbers:
        """Return how far below its peak so far the equity is, as a ratio; 0 or less."""
        peaks = np.maximum.accumulate(self.values)
        return np.divide(self.values, peaks, out=np.ones_like(self.values), where=peaks > 0) - 1

    @property
    def max_drawdown(self) -> float:
        """Return the deepest drawdown as a ratio, 0 or more."""
        return float(-self.drawdown.min()) if len(self.values) else 0.0

    @property
    def exposure(self) -> float:
        """Return the share of the candles during which a trade was open."""
        return float((self.open_trades > 0).mean()) if len(self.open_trades) else 0.0


def equity_curve(result: RunResult, candles: Mapping[str, pd.DataFrame], seconds: int) -> EquityCurve:
    """Return the curve; `candles` has `date` (open time) and `close` by pair, `seconds` is the length of one."""
    closes = closes_of(candles)
    opens = _seconds(closes.index)
    values = np.full(len(opens), result.starting_balance, dtype=float)
    open_trades = np.zeros(len(opens))
    for trade in result.trades:
        prices = closes[trade.pair].to_numpy() if trade.pair in closes else np.full(len(opens), trade.entry_price)
        values += marked(trade, opens, prices)
        open_trades += is_open(trade, opens, seconds)
    held = None if closes.empty else result.starting_balance * _relative(closes)
    return EquityCurve(opens + seconds, values, held, open_trades)


def closes_of(candles: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return the closes of all pairs over the candles of any; before a pair's first candle, that one's."""
    if not candles:
        return pd.DataFrame(index=pd.DatetimeIndex([], tz="UTC"))
    columns = {pair: frame.set_index("date")["close"] for pair, frame in candles.items()}
    return pd.DataFrame(columns).sort_index().ffill().bfill()


def marked(trade: TradeRow, opens: Numbers, closes: Numbers) -> Numbers:
    """Return what the trade is worth at the close of each candle: 0 before it, its profit after it."""
    cash, held = np.zeros(len(opens)), np.zeros(len(opens))
    for order in trade.orders:
        since = opens >= order.filled_ms / 1000
        way = 1 if order.is_entry else -1
        fee = order.price * order.amount * (trade.fee_open if order.is_entry else trade.fee_close)
        cash -= since * (way * trade.sign * order.price * order.amount + fee)
        held += since * (way * trade.sign * order.amount)
    worth = cash + held * closes
    if trade.closed_at is not None:
        worth[opens >= trade.closed_at.timestamp()] = trade.profit_abs
    return worth


def is_open(trade: TradeRow, opens: Numbers, seconds: int) -> Numbers:
    """Return 1 for each candle during which the trade was open, for a part of it too."""
    end = np.inf if trade.closed_at is None else trade.closed_at.timestamp()
    begin = trade.opened_at.timestamp()
    return ((opens + seconds > begin) & (opens < max(end, begin + 1))).astype(float)


def _relative(closes: pd.DataFrame) -> Numbers:
    relative: Numbers = (closes / closes.iloc[0]).mean(axis=1).to_numpy(dtype=float)
    return relative


def _seconds(index: pd.Index[pd.Timestamp]) -> Numbers:
    return pd.DatetimeIndex(index).as_unit("s").asi8.astype(float)
