"""What freqtrade wrote about a backtest, read from its result archive."""

from __future__ import annotations

import json
import zipfile
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from candlegraph.graph.schema.errors import BridgeError
from candlegraph.graph.schema.market import Side

RESULTS = "backtest_results"


class FreqtradeRow(BaseModel):
    """Frozen; what freqtrade adds beside our fields is left out."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)


class OrderRow(FreqtradeRow):
    """One filled order of a trade."""

    price: float = Field(alias="safe_price")
    amount: float
    filled_ms: int = Field(alias="order_filled_timestamp")
    is_entry: bool = Field(alias="ft_is_entry")
    tag: str | None = Field(alias="ft_order_tag")


class TradeRow(FreqtradeRow):
    """One closed trade; `profit_ratio` is of the stake."""

    pair: str
    is_short: bool
    leverage: float
    stake: float = Field(alias="max_stake_amount")
    opened_at: datetime = Field(alias="open_date")
    closed_at: datetime = Field(alias="close_date")
    entry_price: float = Field(alias="open_rate")
    exit_price: float = Field(alias="close_rate")
    stop: float | None = Field(alias="stop_loss_abs")
    fee: float = Field(alias="fee_open", description="of the notional, per fill")
    profit_abs: float
    profit_ratio: float
    exit_reason: str
    orders: tuple[OrderRow, ...]

    @property
    def side(self) -> Side:
        """Return the direction of the trade."""
        return "short" if self.is_short else "long"

    @property
    def adjustments(self) -> tuple[OrderRow, ...]:
        """Return the orders between the entry and the final exit."""
        return self.orders[1:-1]


class RunResult(FreqtradeRow):
    """One backtest of one strategy."""

    strategy: str = Field(alias="strategy_name")
    timeframe: str
    begin_ms: int = Field(alias="backtest_start_ts")
    end_ms: int = Field(alias="backtest_end_ts")
    currency: str = Field(alias="stake_currency")
    starting_balance: float
    final_balance: float
    profit_ratio: float = Field(alias="profit_total")
    profit_abs: float = Field(alias="profit_total_abs")
    max_drawdown_ratio: float = Field(alias="max_drawdown_account")
    market_change: float = Field(description="mean change of the pairs: buy and hold")
    pairs: tuple[str, ...] = Field(alias="pairlist")
    trades: tuple[TradeRow, ...]


def read_result(archive: Path) -> RunResult:
    """Return the result of the only strategy in a freqtrade archive; raise BridgeError naming the file."""
    try:
        with zipfile.ZipFile(archive) as files:
            document: dict[str, Any] = json.loads(files.read(f"{archive.stem}.json"))
        (strategy,) = document["strategy"].values()
        return RunResult.model_validate(strategy)
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as e:
        raise BridgeError(f"{archive}: not a freqtrade backtest result of one strategy: {e}") from e
