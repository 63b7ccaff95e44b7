"""What chance would have made of a run's entries: from Freqtrade's archive and the ledger to the matched agents."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from math import ceil, inf
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from candlegraph.freqtrade_bridge.host.tags import INSIDE_CANDLE
from candlegraph.freqtrade_bridge.report.result import RunResult, TradeRow
from candlegraph.freqtrade_bridge.truth.circle import Circle, Exits
from candlegraph.freqtrade_bridge.truth.matched import Agents, Luck, MatchedEntry, agents_of, luck_of
from candlegraph.graph.schema.signal import TradeSignal
from candlegraph.memory.books.ledger import DecisionRow

FEWEST = 5
"""Entries below which nothing is said."""
SEED = 7


class MatchedRun(NamedTuple):
    """A run's trades as random agents make them again, and what they made of it."""

    circles: dict[str, Circle]
    entries: dict[str, list[MatchedEntry]]
    fee: float
    r: NDArray[np.float64]
    """Net result of each trade in units of its loss at the stop, in the order of their ends."""
    ended: NDArray[np.int64]
    """When each of those ended, seconds since 1970."""

    def agents(self) -> Agents:
        """Return what the random agents made."""
        return agents_of(self.circles, self.entries, fee=self.fee, seed=SEED)


def matched_run(
    result: RunResult, decisions: Sequence[DecisionRow], candles: Mapping[str, pd.DataFrame]
) -> MatchedRun | None:
    """Return the run's trades whose decision had a stop; None where these are too few to say anything.

    None too where a pair has no candles.
    """
    if not all("high" in candles.get(pair, ()) for pair in result.pairs):
        return None
    matched = matched_trades(result, decisions, candles)
    return None if len(matched.r) < FEWEST else matched


def matched_trades(
    result: RunResult, decisions: Sequence[DecisionRow], candles: Mapping[str, pd.DataFrame]
) -> MatchedRun:
    """Return the run's trades whose decision had a stop, be they few or none; every pair must have candles.

    The agents do not add, reduce or move stops; what no level ends they close after a fixed time.
    """
    signals = {(row.pair, row.as_of): row.signal for row in decisions if row.signal.is_entry and row.signal.stop}
    known = [trade for trade in result.closed if (trade.pair, trade.opened_at) in signals]
    horizon = _horizon(result)
    entries = {pair: list(_entries(result, pair, signals, candles[pair], horizon)) for pair in result.pairs}
    circles = {pair: circle_of(candles[pair]) for pair, given in entries.items() if given}
    known = sorted(known, key=_end)
    r = np.array([_r(trade, signals[trade.pair, trade.opened_at]) for trade in known])
    ended = np.array([_end(trade).timestamp() for trade in known], dtype=np.int64)
    fee = known[0].fee_open if known else 0.0
    return MatchedRun(circles, {pair: entries[pair] for pair in circles}, fee, r, ended)


def luck_of_run(
    result: RunResult, decisions: Sequence[DecisionRow], candles: Mapping[str, pd.DataFrame]
) -> Luck | None:
    """Return the run's result beside those of random agents with its entries; None where it has too few with a stop."""
    matched = matched_run(result, decisions, candles)
    return None if matched is None else luck_of(matched.agents().results, result.profit_ratio)


def _entries(
    result: RunResult,
    pair: str,
    signals: Mapping[tuple[str, datetime], TradeSignal],
    candles: pd.DataFrame,
    horizon: int,
) -> Iterator[MatchedEntry]:
    """Yield the pair's entries in order; of a trade whose decision has no stop none."""
    free = 0
    for trade in sorted((one for one in result.closed if one.pair == pair), key=lambda one: one.opened_at):
        at, end = (int(candles["date"].searchsorted(pd.Timestamp(when))) for when in (trade.opened_at, _end(trade)))
        signal = signals.get((pair, trade.opened_at))
        if signal is not None:
            notional = trade.orders[0].amount * trade.entry_price / result.starting_balance
            yield MatchedEntry(at - free, -1 if trade.is_short else 1, _exits(trade, signal, horizon), notional)
            free = end


def _exits(trade: TradeRow, signal: TradeSignal, horizon: int) -> Exits:
    """Return the levels as distances from the fill; a stop beyond the margin is the liquidation."""
    assert signal.stop is not None, "signals with a stop alone"
    first = trade.orders[0].price
    stop = min(abs(first - signal.stop), first / trade.leverage)
    target = inf if signal.take_profit is None else abs(signal.take_profit - first) / first
    return Exits(stop / first, target, horizon)


def _r(trade: TradeRow, signal: TradeSignal) -> float:
    """Return the net result over the loss that the first fill would make at its stop."""
    first = trade.orders[0]
    return trade.profit_abs / (_exits(trade, signal, 1).stop * first.price * first.amount)


def _end(trade: TradeRow) -> datetime:
    assert trade.closed_at is not None, "closed trades alone"
    return trade.closed_at


def _horizon(result: RunResult) -> int:
    """Return how long a trade that no level ended lasted on average, in candles; of all trades where there is none."""
    chosen = [one for one in result.closed if one.exit_reason not in INSIDE_CANDLE] or list(result.closed)
    lasted = pd.Series([(_end(one) - one.opened_at) / pd.Timedelta(result.timeframe) for one in chosen])
    return max(1, ceil(lasted.mean())) if len(lasted) else 1


def circle_of(candles: pd.DataFrame) -> Circle:
    """Return a pair's candles as a circle."""
    return Circle.of(*(candles[name].to_numpy(dtype=float) for name in ("open", "high", "low", "close")))
