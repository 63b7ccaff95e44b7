"""One trade as a counterfactual needs it: its first fill, its plan, how it ended, and the candles it went through."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise
from typing import Literal, NamedTuple, Self

from pydantic import AwareDatetime, Field, model_validator

from candlegraph.graph.schema.market import SIGN, Frozen, Price, Side

ClosedBy = Literal["exit", "stop", "target", "liquidation"]
"""`exit`: at a moment that somebody chose: the model, a rule, a person."""


class PathCandles(Frozen):
    """Closed candles of the trade's pair in columns, oldest first; the first one holds the entry fill."""

    time: tuple[int, ...] = Field(min_length=1, description="opening, seconds since 1970")
    open: tuple[Price, ...]
    high: tuple[Price, ...]
    low: tuple[Price, ...]
    close: tuple[Price, ...]

    @model_validator(mode="after")
    def _columns_fit(self) -> Self:
        lengths = {name: len(getattr(self, name)) for name in type(self).model_fields}
        if len(set(lengths.values())) > 1:
            raise ValueError(f"expected columns of one length, was {lengths}")
        steps = {later - earlier for earlier, later in pairwise(self.time)}
        if len(steps) > 1 or min(steps, default=1) <= 0:
            raise ValueError(f"expected candles in order and without gaps, was with steps of {sorted(steps)[:5]} s")
        return self


class Funding(NamedTuple):
    """One funding time of the pair."""

    time: int
    """Seconds since 1970."""
    rate: float
    """Ratio of the value; positive: longs pay."""
    mark: float
    """Opening mark price."""


class Tier(NamedTuple):
    """One leverage tier of the pair, as the exchange states it."""

    min_notional: float
    max_leverage: float
    maintenance_ratio: float
    maintenance_amount: float


class Opening(Frozen):
    """What a replay needs of a trade's first fill, noted when it was made."""

    entry_price: Price
    stake: float = Field(gt=0, description="margin, quote currency")
    leverage: float = Field(ge=1)
    stop: Price | None = Field(description="as planned at the entry")
    target: Price | None = Field(description="as planned at the entry")
    atr: float = Field(gt=0, description="main timeframe at the entry, price units")
    tick: float = Field(gt=0, description="smallest step of a price")
    fee: float = Field(ge=0, lt=1, description="of the value, each way")
    tiers: tuple[Tier, ...] = Field(min_length=1, description="smallest notional first")


class Ending(Frozen):
    """How the trade really ended; percentages are net of the stake, and of the whole trade."""

    kind: ClosedBy
    at: AwareDatetime = Field(description="fill, as Freqtrade stamps it: a stop inside a candle has its opening")
    known_at: AwareDatetime = Field(description="of a stop inside a candle its close")
    price: Price
    profit_pct: float
    mfe_pct: float
    mae_pct: float


class TradePath(Opening):
    """All that a replay of one closed trade reads."""

    side: Side
    entered_at: AwareDatetime
    funding: tuple[Funding, ...] | None = Field((), description="oldest first; None: not to be had")
    candle_minutes: float = Field(gt=0)
    candles: PathCandles = Field(description="from the entry on, as far as they are known")
    ending: Ending
    is_changed: bool = Field(description="added to, partly closed, or its stop was moved")

    @model_validator(mode="after")
    def _times_fit(self) -> Self:
        first, entered = self.candles.time[0], self.entered_at.timestamp()
        if not first <= entered < first + self.length:
            raise ValueError(f"expected the entry {self.entered_at} in the first candle, which opens {moment(first)}")
        if not self.entered_at <= self.ending.at <= self.ending.known_at:
            times = f"{self.entered_at}, {self.ending.at}, {self.ending.known_at}"
            raise ValueError(f"expected entered_at <= ending.at <= ending.known_at, was {times}")
        needed = self.end + (self.ending.kind != "exit")
        if len(self.candles.time) < needed:
            raise ValueError(f"expected the {needed} candles up to the end, was {len(self.candles.time)}")
        return self

    @property
    def end(self) -> int:
        """Return the candle in which the trade ended; that of the entry is 0."""
        return int((self.ending.at.timestamp() - self.candles.time[0]) // self.length)

    @property
    def known_until(self) -> datetime:
        """Return when the last candle closed."""
        return moment(self.candles.time[-1] + self.length)

    @property
    def sign(self) -> int:
        """Return 1 of a long, -1 of a short."""
        return SIGN[self.side]

    @property
    def length(self) -> int:
        """Return the seconds of a candle."""
        return round(self.candle_minutes * 60)

    @property
    def risk(self) -> float | None:
        """Return the distance to the planned stop in price units; None without one on the losing side."""
        return risk_of(self, self.side)


def risk_of(opening: Opening, side: Side) -> float | None:
    """Return the distance to the planned stop in price units; None without one on the losing side."""
    away = 0.0 if opening.stop is None else SIGN[side] * (opening.entry_price - opening.stop)
    return away if away > 0 else None


def risk_pct(opening: Opening, side: Side) -> float | None:
    """Return what a fill at the planned stop loses, % of the stake, both fees included; None without a stop."""
    risk = risk_of(opening, side)
    return None if risk is None else 100 * opening.leverage * (risk / opening.entry_price + 2 * opening.fee)


def moment(seconds: int) -> datetime:
    """Return seconds since 1970 as a time in UTC."""
    return datetime.fromtimestamp(seconds, UTC)
