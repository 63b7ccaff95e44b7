"""What freqtrade wrote about a backtest, read from its result archive."""

from __future__ import annotations

import json
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

from candlegraph.graph.schema.errors import BridgeError
from candlegraph.graph.schema.market import Side

RESULTS = "backtest_results"
UNKNOWN_RATIO = -100.0
"""Freqtrade's Sharpe or Sortino ratio of a run that has none: too few trades, or no losing one."""


class FreqtradeRow(BaseModel):
    """Frozen; what freqtrade adds beside our fields is left out."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)


class OrderRow(FreqtradeRow):
    """One filled order of a trade; `amount` is in base currency, leverage included."""

    price: float = Field(alias="safe_price")
    amount: float
    filled_ms: int = Field(alias="order_filled_timestamp")
    is_entry: bool = Field(alias="ft_is_entry")
    tag: str | None = Field(alias="ft_order_tag")


class TradeRow(FreqtradeRow):
    """One trade; `profit_ratio` is of the stake. One that is still open has no close, and its profit is the realised.

    Freqtrade books funding within `profit_abs`.
    """

    pair: str
    is_short: bool
    leverage: float
    stake: float = Field(alias="max_stake_amount")
    opened_at: datetime = Field(alias="open_date")
    closed_at: datetime | None = Field(alias="close_date")
    entry_price: float = Field(alias="open_rate")
    exit_price: float | None = Field(alias="close_rate")
    stop: float | None = Field(alias="stop_loss_abs")
    first_stop: float | None = Field(None, alias="initial_stop_loss_abs")
    fee_open: float = 0.0
    fee_close: float = 0.0
    funding: float = Field(0.0, alias="funding_fees")
    profit_abs: float
    profit_ratio: float
    exit_reason: str
    orders: tuple[OrderRow, ...]

    @property
    def side(self) -> Side:
        """Return the direction of the trade."""
        return "short" if self.is_short else "long"

    @property
    def sign(self) -> int:
        """Return 1 for a long trade, -1 for a short one."""
        return -1 if self.is_short else 1

    @property
    def adjustments(self) -> tuple[OrderRow, ...]:
        """Return the orders between the entry and the final exit."""
        return self.orders[1:-1] if self.closed_at else self.orders[1:]

    @property
    def fees(self) -> float:
        """Return the fees of all orders, quote currency."""
        return sum(
            order.price * order.amount * (self.fee_open if order.is_entry else self.fee_close) for order in self.orders
        )


class WalletStats(FreqtradeRow):
    """Freqtrade's ratios of the account's balance at the ends of days; annual, of 365 days."""

    sharpe: float
    sortino: float
    calmar: float
    drawdown: float = Field(alias="max_drawdown_account")


class RunResult(FreqtradeRow):
    """One run of one strategy in freqtrade's own statistics."""

    strategy: str = Field(alias="strategy_name")
    timeframe: str
    begin_ms: int = Field(alias="backtest_start_ts")
    end_ms: int = Field(alias="backtest_end_ts")
    started_s: int = Field(0, alias="backtest_run_start_ts", description="when freqtrade computed it")
    ended_s: int = Field(0, alias="backtest_run_end_ts")
    currency: str = Field(alias="stake_currency")
    starting_balance: float
    final_balance: float
    profit_ratio: float = Field(alias="profit_total")
    profit_abs: float = Field(alias="profit_total_abs")
    max_drawdown_ratio: float = Field(alias="max_drawdown_account")
    sharpe: float
    sortino: float
    calmar: float = 0.0
    wallet: WalletStats | None = Field(None, alias="wallet_stats")
    volume: float = Field(0.0, alias="total_volume", description="of all orders, quote currency")
    profit_factor: float = Field(description="0: no trade lost")
    win_rate: float = Field(alias="winrate")
    wins: int
    losses: int
    trade_count: int = Field(alias="total_trades")
    market_change: float = Field(description="mean change of the pairs: buy and hold")
    pairs: tuple[str, ...] = Field(alias="pairlist")
    trades: tuple[TradeRow, ...]

    @field_validator("trades")
    @classmethod
    def _by_entry(cls, trades: tuple[TradeRow, ...]) -> tuple[TradeRow, ...]:
        """Freqtrade lists them by their ends; a reader counts them as they began."""
        return tuple(sorted(trades, key=lambda trade: (trade.opened_at, trade.pair)))

    @field_validator("wallet", mode="before")
    @classmethod
    def _known_wallet(cls, wallet: object) -> object:
        """Return None for the empty one of an account that was never followed."""
        return wallet or None

    @property
    def begins_at(self) -> datetime:
        """Return when its first candle opened."""
        return datetime.fromtimestamp(self.begin_ms / 1000, UTC)

    @property
    def ends_at(self) -> datetime:
        """Return when it ended."""
        return datetime.fromtimestamp(self.end_ms / 1000, UTC)

    @property
    def closed(self) -> tuple[TradeRow, ...]:
        """Return the trades that ended."""
        return tuple(trade for trade in self.trades if trade.closed_at is not None)


def read_result(archive: Path) -> RunResult:
    """Return the result of the only strategy in a freqtrade archive; raise BridgeError naming the file."""
    try:
        with zipfile.ZipFile(archive) as files:
            document: dict[str, Any] = json.loads(files.read(f"{archive.stem}.json"))
        (strategy,) = document["strategy"].values()
        return RunResult.model_validate(strategy)
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as e:
        raise BridgeError(f"{archive}: not a freqtrade backtest result of one strategy: {e}") from e
