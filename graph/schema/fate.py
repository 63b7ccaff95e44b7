"""Frozen vocabulary of what became of a decision that acts: at which door it was refused, or what its order did."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import AwareDatetime, Field, model_validator

from candlegraph.graph.schema.frozen import Frozen

FateKind = Literal["filled", "partly_filled", "refused", "expired", "superseded", "no_order_needed"]
"""expired: its candle passed, and nobody refused it. no_order_needed: something else had done it already."""

Door = Literal[
    "gate",
    "exchange_minimum",
    "slot",
    "wallet",
    "stop_beyond_price",
    "lock",
    "halted",
    "paused",
    "reviewer",
    "person",
    "late",
    "pair_not_tradable",
    "exchange",
]
"""Where a decision can be refused. lock: Freqtrade's locks, protections among them. exchange: no order came of it."""


class Refusal(Frozen):
    """A closed door."""

    door: Door
    key: str = Field("", description="the configuration's key, or the lock's name; empty where the door has none")
    why: str
    until: AwareDatetime | None = Field(None, description="when a lock ends")

    @property
    def line(self) -> str:
        """Return key and reason for a person."""
        return f"{self.key}: {self.why}" if self.key else self.why

    @property
    def dated(self) -> str:
        """Return the same with the end of a lock; no model reads this, since a prompt has no date."""
        return self.line if self.until is None else f"{self.line}, until {self.until:%Y-%m-%d %H:%M} UTC"


class Fate(Frozen):
    """What became of one decision that acts; it is set once."""

    kind: FateKind
    at: AwareDatetime = Field(description="when it was known, by the bot's clock; in a backtest by the candles'")
    refusal: Refusal | None = None
    why: str = Field("", description="of a fate without an order and without a door")
    order_id: str | None = None
    price: float | None = Field(None, gt=0, description="mean price of the fill")
    amount: float | None = Field(None, ge=0, description="filled, base currency")
    stake: float | None = Field(None, ge=0, description="margin of what was filled, quote currency")
    leverage: float | None = Field(None, ge=1)
    slippage_pct: float | None = Field(None, description="against the decision's price; positive: worse than it")
    seconds: float | None = Field(None, description="from the decision's close to the fill")

    @model_validator(mode="after")
    def _tells_why(self) -> Self:
        if (self.kind == "refused") != (self.refusal is not None):
            raise ValueError("a refusal names its door, and nothing else does")
        return self

    @property
    def is_filled(self) -> bool:
        """Return whether an order did it, or a part of it."""
        return self.kind in ("filled", "partly_filled")

    @property
    def door(self) -> str:
        """Return what people count by: the door of a refusal, of gate and locks with its key; else the kind."""
        if self.refusal is None:
            return self.kind.replace("_", " ")
        key = self.refusal.key if self.refusal.door in ("gate", "lock") else ""
        return f"refused: {self.refusal.door.replace('_', ' ')} {key}".rstrip()

    @property
    def line(self) -> str:
        """Return it for a log, with numbers a person can read."""
        if self.refusal is not None:
            return f"refused ({self.refusal.door.replace('_', ' ')}): {self.refusal.dated}"
        told = self.kind.replace("_", " ")
        if not self.is_filled:
            return f"{told}: {self.why}" if self.why else told
        numbers = (
            ("at {:.6g}", self.price),
            ("amount {:.6g}", self.amount),
            ("stake {:.6g}", self.stake),
            ("{:g}x", self.leverage),
            ("slippage {:+.3f} %", self.slippage_pct),
            ("{:.0f} s after the close", self.seconds),
        )
        parts = [form.format(value) for form, value in numbers if value is not None]
        return " ".join([told, ", ".join(parts) or self.why])


class LastCall(Frozen):
    """What the next briefings of a pair say of its last call that acts; without a date, as all that a model reads."""

    function: str
    adjustment_pct: float | None = None
    kind: FateKind
    refusal: Refusal | None = None
    why: str = ""
    price: float | None = Field(None, gt=0, description="of the fill")
    candles_ago: int = Field(ge=1)
    times: int = Field(1, ge=1, description="the same call came to nothing, one after the other")
    first_ago: int = Field(1, ge=1, description="candles since the first of them")


class Possible(Frozen):
    """What can have an effect at this candle; a refusal stands where nothing of the kind can."""

    long: Refusal | None = None
    short: Refusal | None = None
    add: Refusal | None = None
    reduce: Refusal | None = None
    reduce_at_most_pct: float | None = Field(None, description="of the stake; None: no limit is known")

    @property
    def entry(self) -> Refusal | None:
        """Return why neither side can be entered; the long side's reason, which is nearly always that of both."""
        return self.long if self.short is not None else None

    @property
    def adjustment(self) -> Refusal | None:
        """Return why the position can neither be enlarged nor reduced."""
        return self.reduce if self.add is not None else None
