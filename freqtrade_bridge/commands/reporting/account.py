"""The result of a running account: freqtrade's trades database, through freqtrade's own statistics.

a copy of the database -> freqtrade's trades -> its statistics over the ended ones -> the same form as a backtest's
"""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple, Self

import pandas as pd
from freqtrade.data.btanalysis import load_trades_from_db
from freqtrade.data.metrics import calculate_market_change
from freqtrade.optimize.optimize_reports.optimize_reports import generate_strategy_stats
from freqtrade.persistence import Trade

from candlegraph.freqtrade_bridge.commands.reporting.gathering import KeptInputs
from candlegraph.freqtrade_bridge.commands.reporting.market import RunSpan
from candlegraph.freqtrade_bridge.loopback.backtest import STRATEGY
from candlegraph.freqtrade_bridge.report.result import RunResult
from candlegraph.graph.schema.errors import BridgeError
from candlegraph.memory.books.ledger import DecisionRow

COUNTED = (
    "rejected_signals",
    "timedout_entry_orders",
    "timedout_exit_orders",
    "canceled_trade_entries",
    "canceled_entry_orders",
    "replaced_entry_orders",
    "backtest_start_time",
    "backtest_end_time",
)
PASSED_ON = (
    "stoploss",
    "minimal_roi",
    "use_exit_signal",
    "exit_profit_only",
    "exit_profit_offset",
    "ignore_roi_if_entry_signal",
    "trading_mode",
    "margin_mode",
    "stake_amount",
)
"""What freqtrade's statistics hand through of a backtest and compute nothing from."""


class RunningAccount(NamedTuple):
    """A running account: freqtrade's trades, from when to when it traded on what, and the balance it began with."""

    trades: pd.DataFrame
    span: RunSpan
    start: float
    currency: str

    @classmethod
    def of(cls, trades: pd.DataFrame, decisions: Sequence[DecisionRow], kept: KeptInputs) -> Self:
        """Return the account; raise BridgeError where nothing says what it began with, or it did nothing yet."""
        begin, end = times_of(decisions, trades)
        pairs = list(dict.fromkeys([*(row.pair for row in decisions), *trades["pair"]]))
        quote = pairs[0].partition("/")[2].partition(":")[0]
        timeframes = kept.newest.get("snapshot", {}).get("timeframes") or [{"timeframe": "30m"}]
        return cls(trades, RunSpan(pairs, timeframes[0]["timeframe"], begin, end), start_of(trades, kept), quote)


def account_result(account: RunningAccount, candles: Mapping[str, pd.DataFrame]) -> RunResult:
    """Return the account's result in freqtrade's statistics over the trades that ended; open ones are listed."""
    trades = account.trades
    is_open = trades["is_open"].astype(bool)
    ended = trades[~is_open].astype({"is_short": bool, "profit_abs": float, "profit_ratio": float})
    content = {
        **dict.fromkeys(COUNTED, 0),
        "results": ended,
        "locks": [],
        "final_balance": account.start + ended["profit_abs"].sum(),
        "config": {
            **dict.fromkeys(PASSED_ON),
            "max_open_trades": 1,
            "dry_run_wallet": account.start,
            "stake_currency": account.currency,
            "timeframe": account.span.timeframe,
        },
    }
    change = calculate_market_change(dict(candles), "close")
    pairs, begin, end = list(account.span.pairs), account.span.begin, account.span.end
    stats = generate_strategy_stats(pairs, STRATEGY, content, begin, end, change, is_hyperopt=True)
    stats["trades"] = [plain(row) for row in [*stats["trades"], *trades[is_open].to_dict(orient="records")]]
    return RunResult.model_validate(stats)


def plain(row: Mapping[Any, Any]) -> dict[str, Any]:
    """Return one trade as an archive has it: filled orders alone, None where pandas has its own words for nothing."""
    known = {str(name): value for name, value in row.items() if isinstance(value, list) or not pd.isna(value)}
    orders = [one for one in row["orders"] if one["order_filled_timestamp"]]
    missing = {"close_date": None, "close_rate": None, "stop_loss_abs": None}
    return {**missing, "profit_abs": 0.0, "profit_ratio": 0.0, "exit_reason": "", **known, "orders": orders}


def read_trades(database: Path) -> pd.DataFrame:
    """Return freqtrade's trades, read from a copy: it writes into every database that it opens."""
    if not database.is_file():
        raise BridgeError(f"{database}: no such file; expected freqtrade's trades (db_url of its configuration, -c)")
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "trades.sqlite"
        with (
            closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as own,
            closing(sqlite3.connect(copy)) as to,
        ):
            own.backup(to)
        try:
            trades: pd.DataFrame = load_trades_from_db(f"sqlite:///{copy}")
        finally:
            Trade.session.remove()
        return trades


def times_of(decisions: Sequence[DecisionRow], trades: pd.DataFrame) -> tuple[datetime, datetime]:
    """Return from when to when the account traded: from its first decision, or trade, to its last."""
    opened = [one.to_pydatetime() for one in trades["open_date"]]
    closed = [one.to_pydatetime() for one in trades["close_date"].dropna()]
    begins = [*(row.candle for row in decisions[:1]), *opened]
    ends = [*(row.as_of for row in decisions[-1:]), *opened, *closed]
    if not begins:
        raise BridgeError("report: neither a decision nor a trade: there is nothing to show yet")
    return min(begins), max(ends)


def start_of(trades: pd.DataFrame, kept: KeptInputs) -> float:
    """Return the balance at the beginning: what the first kept decision saw, less what had been earned by then."""
    for doc in kept.read.values():
        if equity := (doc["snapshot"].get("account") or {}).get("equity"):
            before = trades["close_date"] <= pd.Timestamp(doc["snapshot"]["as_of"])
            return float(equity) - float(trades.loc[before, "profit_abs"].sum())
    raise BridgeError(
        "report: nothing kept says what the account began with; see experience_config.snapshots (keep, max_days)"
    )
