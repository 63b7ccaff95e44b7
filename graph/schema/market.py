"""Frozen vocabulary of what may be known at a candle's close: market, position, account.

Times are UTC-aware. `candle` is an open time, `as_of` the close time of that candle and the moment of decision.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from candlegraph.graph.schema.fate import LastCall
from candlegraph.graph.schema.frozen import Frozen as Frozen
from candlegraph.graph.schema.indicators import Indicators, PastIndicators

Side = Literal["long", "short"]
SIGN: dict[Side, int] = {"long": 1, "short": -1}
"""What a rise of the price is to a trade of that side."""
Price = Annotated[float, Field(gt=0)]

PUNCTUAL = timedelta(minutes=1)
"""Live, what belongs to a close or an open comes some seconds after it: within this it counts as then."""

Regime = Literal["trend_up", "trend_down", "range"]
Strength = Literal["strong", "moderate", "weak"]


class Level(Frozen):
    """A price where the market turned before."""

    price: Price
    touches: int = Field(ge=1, description="swings that turned there")
    kind: Literal["support", "resistance"] = Field(description="by its side of the close")


class TimeframeView(Frozen):
    """One timeframe as of the decision: its last closed candle, indicators and levels."""

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
    levels: tuple[Level, ...] = Field((), description="nearest to the close first")
    patterns: tuple[str, ...] = Field((), description="candle patterns that the last closed candles complete")
    past_indicators: PastIndicators = PastIndicators()


class Reading(Frozen):
    """One sentiment value with its origin."""

    value: float
    at: AwareDatetime = Field(description="when the value held")
    source: str
    label: str = Field("", description="the source's own word, outside text")
    past: tuple[float, ...] = Field((), description="older values, oldest first")


class Sentiment(Frozen):
    """What the crowd does; None = unavailable, with the reason in `unavailable`."""

    fear_greed: Reading | None = Field(None, description="0 fear - 100 greed")
    funding_rate: Reading | None = Field(None, description="ratio per funding interval; positive: longs pay")
    open_interest: Reading | None = Field(None, description="notional in quote currency")
    long_short_ratio: Reading | None = Field(None, description="accounts long per account short")
    book_imbalance: Reading | None = Field(None, description="(bids - asks) / (bids + asks) near the price, -1..1")
    unavailable: dict[str, str] = Field({}, description="why, by name")


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
    holds: int = Field(0, ge=0, description="decisions in a row that left it as it is")
    past_reasons: tuple[str, ...] = Field((), description="reasons of the newest decisions, oldest first")
    past_warnings: tuple[str, ...] = Field((), description="of the checker while it was open, newest last, one a rule")
    since_entry: tuple[str, ...] = Field((), description="what has clearly changed in the market since the entry")
    indicators_since_entry: tuple[str, ...] = Field((), description="then and now, one line a timeframe")
    deepest_give_back_pct: float = Field(0, ge=0, description="most given back of the best profit, % of the stake")


class Account(Frozen):
    """The wallet in quote currency."""

    equity: float = Field(ge=0, description="free + used + open profit")
    free: float = Field(ge=0)
    used: float = Field(0, ge=0, description="margin of open positions")
    exposure: float = Field(0, ge=0, description="notional of open positions, quote currency")
    open_positions: int = Field(ge=0)
    slots: int | None = Field(None, ge=0, description="most positions at once; None: the configuration's")
    day_profit_pct: float = Field(0, description="equity against the start of the UTC day")
    drawdown_pct: float = Field(0, ge=0, le=100, description="below the highest equity so far")
    halted: str | None = Field(None, description="why entries are halted until a reset")


class Lock(Frozen):
    """One of Freqtrade's locks of a pair, a protection's or a person's; an entry on its side is dropped."""

    side: Literal["long", "short", "*"]
    name: str = Field(description="its reason, outside text")
    until: AwareDatetime


class OrderLimits(Frozen):
    """What the exchange takes and Freqtrade demands for it, as value of the position: margin times leverage."""

    min_entry: float = Field(0, ge=0)
    min_add: float = Field(0, ge=0)
    min_left: float = Field(0, ge=0, description="of what a reduction leaves")
    max_order: float | None = Field(None, gt=0, description="at leverage 1; None: no limit is known")


class MarketSnapshot(Frozen):
    """All that may be known about one pair at one candle's close; the main timeframe stands first."""

    pair: str
    candle: AwareDatetime
    as_of: AwareDatetime
    timeframes: tuple[TimeframeView, ...] = Field(min_length=1)
    account: Account
    position: Position | None = None
    sentiment: Sentiment = Sentiment()
    candles_since_loss: int | None = Field(None, ge=0, description="main candles since the pair's last losing trade")
    limits: OrderLimits = OrderLimits()
    locks: tuple[Lock, ...] = Field((), description="in force at this close, of the pair and of all pairs")
    paused: str | None = Field(None, description="why the bot makes no entries for now")
    last_call: LastCall | None = Field(None, description="the pair's last call that acts, while it is worth saying")

    @property
    def main(self) -> TimeframeView:
        """Return the timeframe that decisions are made on."""
        return self.timeframes[0]

    @property
    def price(self) -> float:
        """Return the close of the last closed main candle."""
        return self.main.close

    @property
    def currency(self) -> str:
        """Return what the margin is counted in."""
        return self.pair.rpartition(":")[2].rpartition("/")[2]


def utc_minute(time: datetime) -> str:
    """Return `time` for people and keys: 2025-03-01T00:30Z."""
    return time.strftime("%Y-%m-%dT%H:%MZ")
