"""Writes down that a backtest began and what came of it, whoever started it: our commands, freqtrade's, FreqUI."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
from freqtrade.configuration import TimeRange
from freqtrade.optimize.optimize_reports.optimize_reports import generate_wallet_stats
from freqtrade.util.dry_run_wallet import get_dry_run_wallet

from candlegraph.agents.prompt.files import deciding_version
from candlegraph.freqtrade_bridge.host.trials import Begun, Ended, TrialBook, days_of, hash_of
from candlegraph.graph.context import Context

OF_FREQTRADE = ("dry_run_wallet", "stake_amount", "max_open_trades", "timeframe", "fee")
"""What of freqtrade's own configuration makes another run of the same candles."""
UNKNOWN = -100.0
"""What freqtrade says of a ratio whose divisor is 0."""


def begun(config: Mapping[str, Any], context: Context, strategy: str, pairs: list[str]) -> None:
    """Note that a backtest begins."""
    settings = context.settings.model_dump(mode="json") | {name: config.get(name) for name in OF_FREQTRADE}
    timerange = str(config.get("timerange") or "")
    span = TimeRange.parse_timerange(timerange)
    book = TrialBook(Path(context.user_data_dir))
    book.note(
        Begun(
            run=context.namespace,
            at=datetime.now(UTC),
            strategy=strategy,
            model=context.settings.llm_config.model,
            prompt=deciding_version(context.settings),
            config=hash_of(settings),
            pairs=tuple(pairs),
            timerange=timerange,
            days=days_of(span.startdt, span.stopdt),
        )
    )


def ended(context: Context, result: Mapping[str, Any], config: Mapping[str, Any]) -> None:
    """Note what came of it, in freqtrade's own statistics."""
    trades: pd.DataFrame = result["results"]
    earned = float(trades["profit_abs"].sum()) if len(trades) else 0.0
    balances: pd.DataFrame = result["wallet_summary"]
    stats = generate_wallet_stats(balances.copy(), config["stake_currency"])
    sharpe = stats.get("sharpe", UNKNOWN)
    TrialBook(Path(context.user_data_dir)).note(
        Ended(
            run=context.namespace,
            at=datetime.now(UTC),
            trades=len(trades),
            net=earned / get_dry_run_wallet(config),
            sharpe=None if sharpe == UNKNOWN or len(trades) == 0 else float(sharpe),
        )
    )
