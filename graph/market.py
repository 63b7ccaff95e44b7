"""Frozen vocabulary of what may be known at a candle's close: market, position, account.

Times are UTC-aware. `candle` is an open time, `as_of` the close time of that candle and the moment of decision.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

Side = Literal["long", "short"]
Price = Annotated[float, Field(gt=0)]


class Frozen(BaseModel):
    """Immutable, refuses unknown fields, NaN and infinity."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Indicators(Frozen):
    """Indicators of one timeframe at its last closed candle; None = unavailable."""

    ema_20: float | None
    ema_50: float | None
    ema_200: float | None
    adx: float | None = Field(description="0-100, 14 candles")
    rsi: float | None = Field(description="0-100, 14 candles")
    macd: float | None
    macd_signal: float | None
    bollinger_upper: float | None
    bollinger_lower: float | None
    atr: float | None = Field(description="price units, 14 candles")
    mfi: float | None = Field(description="0-100, 14 candles")
    obv_slope: float | None = Field(description="OBV change over 20 candles per volume traded in them, -1..1")


class TimeframeView(Frozen):
    """One timeframe as of the decision: its last closed candle, indicators and swing levels."""

    timeframe: str
    candle: AwareDatetime
    rows: int = Field(ge=1, description="closed candles in the window")
    open: Price
    high: Price
    low: Price
    close: Price
    volume: float = Field(ge=0)
    past_closes: tuple[float, ...] = Field(description="older closes, oldest first, without this one")
    indicators: Indicators
    swing_highs: tuple[float, ...] = Field(description="confirmed swing highs in the window, newest last")
    swing_lows: tuple[float, ...]


class Position(Frozen):
    """The open trade of the pair."""

    trade_id: int
    side: Side
    leverage: float = Field(ge=1)
    entry_price: Price
    stake: float = Field(gt=0, description="margin, quote currency")
    stop: Price | None
    take_profit: Price | None
    planned_risk_ratio: float | None = Field(description="|entry - stop| / entry, planned at entry")
    profit_pct: float = Field(description="net, of the stake, leveraged")
    mfe_pct: float = Field(description="best net profit so far, of the stake")
    mae_pct: float = Field(description="worst net profit so far, of the stake")
    opened_at: AwareDatetime
    age_candles: int = Field(ge=0)
    adds: int = Field(ge=0)
    reductions: int = Field(ge=0)
    recorded_decisions: int = Field(ge=0, description="record_decision_to_rag calls that were stored for this trade")
    entry_reason: str


class Account(Frozen):
    """The wallet in quote currency."""

    equity: float = Field(ge=0, description="free + used + open profit")
    free: float = Field(ge=0)
    open_positions: int = Field(ge=0)


class MarketSnapshot(Frozen):
    """All that may be known about one pair at one candle's close; the main timeframe stands first."""

    pair: str
    candle: AwareDatetime
    as_of: AwareDatetime
    timeframes: tuple[TimeframeView, ...] = Field(min_length=1)
    account: Account
    position: Position | None = None

    @property
    def main(self) -> TimeframeView:
        """Return the timeframe that decisions are made on."""
        return self.timeframes[0]

    @property
    def price(self) -> float:
        """Return the close of the last closed main candle."""
        return self.main.close


def utc_minute(time: datetime) -> str:
    """Return `time` for people and keys: 2025-03-01T00:30Z."""
    return time.strftime("%Y-%m-%dT%H:%MZ")
