"""What is kept of a run: from freqtrade's archive, the ledger and the candles, numbers alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from pathlib import Path

import numpy as np
import pandas as pd

from candlegraph.freqtrade_bridge.commands.arguments import database_of
from candlegraph.freqtrade_bridge.commands.reporting.market import RunSpan, candles_in
from candlegraph.freqtrade_bridge.lab.evaluation.cells import Cell, CellResult, KeptEntry
from candlegraph.freqtrade_bridge.loopback.backtest import BacktestOrder, RunFiles
from candlegraph.freqtrade_bridge.report.entries import MatchedRun, matched_trades
from candlegraph.freqtrade_bridge.report.equity import EquityCurve, equity_curve
from candlegraph.freqtrade_bridge.report.result import RunResult, read_result
from candlegraph.graph.schema.errors import BridgeError
from candlegraph.graph.settings.context import minutes_of
from candlegraph.memory.books.ledger import DecisionRow, Ledger

LIQUIDATED = "liquidation"
"""Freqtrade's exit reason."""
DAY = 86_400


def told_result(cell: Cell, order: BacktestOrder, files: RunFiles, *, is_tested: bool) -> CellResult:
    """Return what is kept of a finished run; a baseline has no decisions."""
    result = read_result(files.archive)
    rows = Ledger(database_of(order.userdir)).rows(files.namespace) if is_tested else ()
    span = RunSpan(result.pairs, result.timeframe, result.begins_at, result.ends_at)
    candles = candles_in(order.datadir, span, order.configuration.get("dataformat_ohlcv"))
    if without := [pair for pair in cell.pairs if pair not in candles]:
        raise BridgeError(f"evaluate: {cell.key}: no candles of {', '.join(without)} in {order.datadir}")
    curve = equity_curve(result, candles, 60 * (minutes_of(result.timeframe) or 1))
    matched = matched_trades(result, rows, candles) if is_tested else None
    return CellResult(
        key=cell.key,
        strategy=cell.strategy,
        account=cell.account,
        pairs=cell.pairs,
        window=cell.window.number,
        repetition=cell.repetition,
        begin=f"{cell.window.begin}",
        end=f"{cell.window.end}",
        timeframe=result.timeframe,
        currency=result.currency,
        start=result.starting_balance,
        equity=daily(curve, result, (cell.window.end - cell.window.begin).days),
        freqtrade=statistics_of(result),
        sums=sums_of(result, rows, curve),
        r=() if matched is None else tuple(matched.r.tolist()),
        ended=() if matched is None else tuple(matched.ended.tolist()),
        entries={} if matched is None else entries_of(matched),
        fee=0.0 if matched is None else matched.fee,
    )


def daily(curve: EquityCurve, result: RunResult, days: int) -> tuple[float, ...]:
    """Return the balance at the beginning and at the end of each day, open trades at the close; the last as counted."""
    marked = pd.Series(curve.values, index=pd.to_datetime(curve.times - 1, unit="s", utc=True))
    ends = marked.resample("1D").last().ffill().to_numpy()
    return (result.starting_balance, *ends[: days - 1].tolist(), result.final_balance)


def statistics_of(result: RunResult) -> dict[str, float]:
    """Return freqtrade's own numbers: `wallet_` of balances at days' ends, the others of closed trades."""
    found = {
        "return": result.profit_ratio,
        "market_change": result.market_change,
        "drawdown": result.max_drawdown_ratio,
        "sharpe": result.sharpe,
        "sortino": result.sortino,
        "calmar": result.calmar,
        "win_rate": result.win_rate,
        "profit_factor": result.profit_factor,
    }
    wallet = {} if result.wallet is None else result.wallet.model_dump()
    return {name: value for name, value in (found | {f"wallet_{key}": one for key, one in wallet.items()}).items()
            if isfinite(value)}  # fmt: skip


def sums_of(result: RunResult, rows: Sequence[DecisionRow], curve: EquityCurve) -> dict[str, float]:
    """Return what can be added up over windows; money in quote currency, `spent` in that of `llm_config.prices`."""
    closed = result.closed
    return {
        "trades": len(closed),
        "won": sum(trade.profit_abs > 0 for trade in closed),
        "gained": sum(trade.profit_abs for trade in closed if trade.profit_abs > 0),
        "lost": -sum(trade.profit_abs for trade in closed if trade.profit_abs < 0),
        "long": sum(not trade.is_short for trade in closed),
        "volume": result.volume,
        "fees": sum(trade.fees for trade in closed),
        "funding": sum(trade.funding for trade in closed),
        "liquidations": sum(trade.exit_reason == LIQUIDATED for trade in closed),
        "candles": len(curve.times),
        "exposed": float(np.count_nonzero(curve.open_trades)),
        "decisions": len(rows),
        "fallbacks": sum(row.signal.source == "fallback" or row.error is not None for row in rows),
        "tokens": sum(row.tokens_in + row.tokens_out for row in rows),
    }


def entries_of(matched: MatchedRun) -> dict[str, tuple[KeptEntry, ...]]:
    """Return the entries by pair, as random agents make them again."""
    return {
        pair: tuple(
            KeptEntry(
                gap=one.gap,
                sign=one.sign,
                stop=one.exits.stop,
                target=one.exits.target if isfinite(one.exits.target) else None,
                horizon=one.exits.horizon,
                notional=one.notional,
            )
            for one in entries
        )
        for pair, entries in matched.entries.items()
    }


def spent_of(userdir: Path, namespace: str) -> float | None:
    """Return the money of a run's model calls; None: a price is unknown."""
    costs = [row.cost for row in Ledger(database_of(userdir)).rows(namespace)]
    return None if None in costs else sum(cost for cost in costs if cost is not None)


def summed(results: Sequence[CellResult]) -> Mapping[str, float]:
    """Return the sums of several windows together."""
    return {name: sum(one.sums[name] for one in results) for name in results[0].sums}
