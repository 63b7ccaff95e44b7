"""What the memory keeps: a closed trade, a part of one, or a decision taken on a winner, and what was made of it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import AwareDatetime, Field, model_validator

from candlegraph.graph.schema.lessons import Kind
from candlegraph.graph.schema.market import Frozen, Price, Regime, Side, Strength
from candlegraph.graph.schema.scene import Scene

Grade = Literal["S", "A", "B", "C", "D", "F"]
ANCESTOR = "ancestor"
"""Stands as the model of a trade that was imported from the earlier system."""


class Occasion(Frozen):
    """What every experience has: whose it is, in which market, and from when on it may be known."""

    namespace: str = Field(min_length=1, description="live, dry_run, studio or backtest:<run>")
    pair: str = Field(min_length=1)
    side: Side
    entry_price: Price
    opened_at: AwareDatetime
    known_at: AwareDatetime = Field(description="retrieval uses known_at < as_of")
    regime: Regime | None = Field(description="None: the entry was not decided by us")
    situation: tuple[float, ...] | None = Field(description="market at the decision; None: it was not recorded")
    space: str = Field(description="name and version of the situation's scales; vectors of two spaces never meet")
    decision_id: str

    @model_validator(mode="after")
    def _situation_has_space(self) -> Self:
        if self.situation is not None and not (self.situation and self.space):
            raise ValueError("expected a situation with numbers and the name of its space")
        return self


class Addition(Frozen):
    """One fill that enlarged the position."""

    after_minutes: float = Field(ge=0, description="since the entry")
    share: float = Field(gt=0, description="of the position before")


class ClosedTrade(Occasion):
    """What the fills of one trade gave, at its final close; percentages are net of fees and funding, of the stake."""

    kind: Literal["trade"] = "trade"
    trade_key: str = Field(min_length=1, description="unique in its namespace")
    leverage: float = Field(ge=1)
    stake: float = Field(gt=0, description="margin, the most during the trade, quote currency")
    exit_price: Price
    planned_stop: Price | None = Field(description="as planned at entry")
    risk_pct: float | None = Field(
        None, gt=0, description="what a fill at that stop would have lost of the first fill; None: not recorded"
    )
    beside: int | None = Field(None, ge=0, description="trades of its side open at its entry; None: not noted")
    closed_at: AwareDatetime
    candle_minutes: float = Field(gt=0)
    profit_pct: float
    profit_abs: float
    fees: float | None = Field(None, description="paid, quote currency; None: not recorded")
    funding: float | None = Field(None, description="received, quote currency; negative: paid; None: not recorded")
    mfe_pct: float = Field(description="profit if closed at the best price")
    mae_pct: float = Field(description="profit if closed at the worst price")
    excursions_known: bool = Field(True, description="False: mfe and mae are those of entry and exit alone, bounds")
    exit_reason: str
    liquidated: bool
    forced: bool = Field(description="closed by the end of the data: kept, but nothing is learnt from it")
    entry_reason: str
    trend_strength: Strength | None
    entry_rsi: float | None = Field(ge=0, le=100)
    scene: Scene | None = Field(None, description="at the entry; None: it was not recorded")
    model_score: float | None = Field(description="the model's own score, beside ours")
    self_evaluation: str = Field("", description="what the model said of the trade when it left it; empty: nothing")
    model: str
    prompt_version: str
    events: tuple[str, ...] = Field(description="adds and partial exits, oldest first")
    additions: tuple[Addition, ...] = Field((), description="oldest first")

    @model_validator(mode="after")
    def _times_in_order(self) -> Self:
        if not self.opened_at <= self.closed_at <= self.known_at:
            times = f"{self.opened_at}, {self.closed_at}, {self.known_at}"
            raise ValueError(f"expected opened_at <= closed_at <= known_at, was {times}")
        return self

    @property
    def key(self) -> str:
        """Return the key of its experience."""
        return self.trade_key

    @property
    def ended_at(self) -> datetime:
        """Return until when it was held."""
        return self.closed_at

    @property
    def is_imported(self) -> bool:
        """Return whether the earlier system made it."""
        return self.model == ANCESTOR


class Held(Occasion):
    """What is stored of a trade that is still open."""

    key: str = Field(min_length=1, description="unique in its namespace")

    @property
    def ended_at(self) -> datetime:
        """Return until when it was held."""
        return self.known_at

    @model_validator(mode="after")
    def _times_in_order(self) -> Self:
        if self.opened_at > self.known_at:
            raise ValueError(f"expected opened_at <= known_at, was {self.opened_at}, {self.known_at}")
        return self


class PartialExit(Held):
    """What one partial exit gave: a lesson before the trade is over; percent net of fees and funding, of its stake."""

    kind: Literal["lesson"] = "lesson"
    share: float = Field(gt=0, lt=1, description="of the position")
    profit_pct: float
    exit_price: Price
    reason: str


class RecordedDecision(Held):
    """A hold or exit that the model wanted remembered while it held a winner."""

    kind: Literal["decision"] = "decision"
    decision_type: Literal["hold", "exit"]
    reason: str
    confidence: float = Field(ge=0, le=1)
    current_profit_pct: float

    @property
    def profit_pct(self) -> float:
        """Return the net profit at that moment."""
        return self.current_profit_pct


Closing = Annotated[ClosedTrade | PartialExit, Field(discriminator="kind")]
"""What a fill that closes or reduces a trade gives."""


class Scores(Frozen):
    """The evaluator's marks."""

    profit: float = Field(ge=0, le=30)
    risk: float = Field(ge=0, le=25)
    timing: float = Field(ge=0, le=25)
    efficiency: float = Field(ge=0, le=20)
    total: float = Field(ge=0, le=100)
    grade: Grade


class Experience(Frozen):
    """Everything that is stored of one occasion; only a closed trade has scores and rewards."""

    source: Annotated[ClosedTrade | PartialExit | RecordedDecision, Field(discriminator="kind")]
    scores: Scores | None = None
    reward: float | None = Field(default=None, description="documented formula")
    reward_quality: float | None = Field(default=None, description="a well-managed loss costs less")
    strengths: tuple[str, ...] = ()
    weaknesses: tuple[str, ...] = ()
    lesson: str
    course: str = Field("", description='the sentence of the course, with which the lesson begins; "": it has none')
    insight: str = Field("", description="the part of the lesson that a model wrote")
    text: str = Field(description="the facts in words, without pair and date")

    @property
    def kind(self) -> Kind:
        """Return what sort of experience this is."""
        return self.source.kind

    @property
    def key(self) -> str:
        """Return the key that is unique for this namespace and kind."""
        return self.source.key

    @property
    def profit_pct(self) -> float:
        """Return the net profit: at the close, of the part, or when the decision was taken."""
        return self.source.profit_pct

    @property
    def forced(self) -> bool:
        """Return whether only the end of the data closed the trade."""
        return isinstance(self.source, ClosedTrade) and self.source.forced

    @property
    def duration_minutes(self) -> float:
        """Return the minutes held: until the close, or until then."""
        return (self.source.ended_at - self.source.opened_at).total_seconds() / 60
