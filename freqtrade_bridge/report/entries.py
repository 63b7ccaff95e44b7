"""What chance would have made of a run's entries: from Freqtrade's archive and the ledger to the matched agents."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from math import ceil

import pandas as pd

from candlegraph.freqtrade_bridge.host.tags import INSIDE_CANDLE
from candlegraph.freqtrade_bridge.report.result import RunResult, TradeRow
from candlegraph.freqtrade_bridge.truth.circle import Circle, Exits
from candlegraph.freqtrade_bridge.truth.matched import Luck, MatchedEntry, agents_of, luck_of
from candlegraph.graph.schema.signal import TradeSignal
from candlegraph.memory.books.ledger import DecisionRow

FEWEST = 5
"""Entries below which nothing is said."""
SEED = 7


def luck_of_run(
    result: RunResult, decisions: Sequence[DecisionRow], candles: Mapping[str, pd.DataFrame]
) -> Luck | None:
    """Return the run's result beside those of random agents with its entries; None where it has too few with a stop.

    The agents do not add, reduce or move stops; what no level ends they close after a fixed time.
    """
    signals = {(row.pair, row.as_of): row.signal for row in decisions if row.signal.is_entry and row.signal.stop}
    horizon = _horizon(result)
    entries = {pair: list(_entries(result, pair, signals, candles[pair], horizon)) for pair in result.pairs}
    if sum(map(len, entries.values())) < FEWEST:
        return None
    circles = {pair: _circle(candles[pair]) for pair, given in entries.items() if given}
    fee = result.trades[0].fee
    return luck_of(
        agents_of(circles, {pair: entries[pair] for pair in circles}, fee=fee, seed=SEED), result.profit_ratio
    )


def _entries(
    result: RunResult,
    pair: str,
    signals: Mapping[tuple[str, datetime], TradeSignal],
    candles: pd.DataFrame,
    horizon: int,
) -> Iterator[MatchedEntry]:
    """Yield the pair's entries in order; of a trade whose decision has no stop none."""
    free = 0
    for trade in sorted((one for one in result.trades if one.pair == pair), key=lambda one: one.opened_at):
        at, end = (int(candles["date"].searchsorted(pd.Timestamp(when))) for when in (trade.opened_at, trade.closed_at))
        signal = signals.get((pair, trade.opened_at))
        if signal is not None:
            notional = trade.orders[0].amount * trade.entry_price / result.starting_balance
            yield MatchedEntry(at - free, -1 if trade.is_short else 1, _exits(trade, signal, horizon), notional)
            free = end


def _exits(trade: TradeRow, signal: TradeSignal, horizon: int) -> Exits:
    """Return the levels as distances from the fill; a stop beyond the margin is the liquidation."""
    first = trade.orders[0].price
    stop = min(abs(first - signal.stop), first / trade.leverage) if signal.stop else first / trade.leverage
    target = None if signal.take_profit is None else abs(signal.take_profit - first) / first
    return Exits(stop / first, target, horizon)


def _horizon(result: RunResult) -> int:
    """Return how long a trade that no level ended lasted on average, in candles; of all trades where there is none."""
    chosen = [one for one in result.trades if one.exit_reason not in INSIDE_CANDLE] or list(result.trades)
    lasted = pd.Series([(one.closed_at - one.opened_at) / pd.Timedelta(result.timeframe) for one in chosen])
    return max(1, ceil(lasted.mean())) if len(lasted) else 1


def _circle(candles: pd.DataFrame) -> Circle:
    return Circle.of(*(candles[name].to_numpy(dtype=float) for name in ("open", "high", "low", "close")))
