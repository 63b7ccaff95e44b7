"""Frozen vocabulary of what is decided: the proposal of a model, the clamps of the gate, the terminal signal."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field

from candlegraph.graph.schema.fate import Refusal
from candlegraph.graph.schema.market import Frozen, MarketSnapshot, Price, Side, Strength

Action = Literal["enter_long", "enter_short", "exit", "adjust", "hold", "wait"]
MoveKind = Literal["enter_long", "enter_short", "wait", "hold", "exit", "reduce", "add"]
"""An action as people name it: an adjustment adds or reduces."""
Source = Literal["model", "fallback", "triage", "budget", "locked", "halted", "paused", "veto"]

PLANNED = ("adjustment_pct", "leverage", "stake", "stop", "take_profit")
"""What a signal that acts has, and none that stands in its place."""
SIDE_OF: dict[str, Side] = {"enter_long": "long", "enter_short": "short"}


class Clamp(Frozen):
    """One reduction by the gate, with the configuration key that caused it."""

    key: str
    before: float | None
    after: float | None
    reason: str

    @property
    def line(self) -> str:
        """Return it for a log, with numbers a person can read."""
        before, after = ("none" if one is None else f"{one:.6g}" for one in (self.before, self.after))
        return f"{self.key}: {before} -> {after} ({self.reason})"


class Move(Frozen):
    """What a decision does to the position."""

    action: Action
    adjustment_pct: float | None = Field(None, description="of the current stake: + adds, - reduces")

    @property
    def entry_side(self) -> Side | None:
        """Return the side that is opened, None where nothing is."""
        return SIDE_OF.get(self.action)

    @property
    def is_entry(self) -> bool:
        """Return whether it opens a position."""
        return self.action in SIDE_OF

    @property
    def is_exit(self) -> bool:
        """Return whether it closes the position."""
        return self.action == "exit"

    @property
    def is_adjustment(self) -> bool:
        """Return whether it adds to or reduces the position."""
        return self.action == "adjust"

    @property
    def is_hold(self) -> bool:
        """Return whether it keeps the position as it is."""
        return self.action == "hold"

    @property
    def grows(self) -> bool:
        """Return whether more is at risk afterwards: an entry or an addition."""
        return self.is_entry or (self.is_adjustment and (self.adjustment_pct or 0) > 0)

    @property
    def is_safer(self) -> bool:
        """Return whether less is at risk afterwards: an exit or a reduction."""
        return self.is_exit or (self.is_adjustment and (self.adjustment_pct or 0) < 0)

    @property
    def acts(self) -> bool:
        """Return whether an order should come of it."""
        return self.grows or self.is_safer

    @property
    def kind(self) -> MoveKind:
        """Return the action as people name it."""
        if self.action == "adjust":
            return "add" if self.grows else "reduce"
        return self.action

    @property
    def name(self) -> str:
        """Return the action, with the percentage of an adjustment."""
        return self.action if self.adjustment_pct is None else f"{self.action} {self.adjustment_pct:+.6g} %"


class Proposal(Move):
    """What a model asked for by one terminal call, before any rule."""

    confidence: float = Field(ge=0, le=100, description="0: it was not stated")
    reason: str
    leverage: float | None = None
    stake: float | None = Field(None, description="margin, quote currency")
    stop: Price | None = None
    take_profit: Price | None = None
    key_support: Price | None = None
    key_resistance: Price | None = None
    rsi_value: float | None = None
    trend_strength: Strength | None = None
    trade_score: float | None = Field(None, description="the model's own score, 0-100")


class TradeSignal(Move):
    """The last word on one candle: the graph's output, the bridge's input."""

    side: Side | None = None
    leverage: float | None = None
    stake: float | None = Field(
        None, description="margin in quote currency; None = freqtrade's proposed stake, then the gate"
    )
    stake_ratio: float = Field(1.0, gt=0, le=1, description="of what the gate gives an open stake at the order")
    stop: Price | None = None
    take_profit: Price | None = None
    confidence: float = Field(ge=0, le=100, description="0: it was not stated")
    reason: str
    source: Source
    clamps: tuple[Clamp, ...] = ()
    claim_mismatches: tuple[str, ...] = ()
    warnings: tuple[str, ...] = Field((), description="rules that warned, each as `rule: why`")
    trade_score: float | None = None
    trade_id: int | None = Field(None, description="the open trade this signal belongs to")
    decision_id: str = Field("", description="ledger row, trace and checkpoint thread share this id")
    instead_of: Move | None = Field(None, description="what was called and acts, where this stands in its place")
    refusal: Refusal | None = Field(None, description="why; None with `instead_of`: a person has yet to answer")

    @property
    def wanted(self) -> Move:
        """Return what was called, before anything took its place."""
        return self.instead_of or Move(action=self.action, adjustment_pct=self.adjustment_pct)

    def in_place_of(self, move: Move, refusal: Refusal | None) -> Self:
        """Return this signal as what stands in the place of a call that acts; one that does not leaves no trace."""
        if not move.acts:
            return self
        known = Move(action=move.action, adjustment_pct=move.adjustment_pct)
        return self.model_copy(update={"instead_of": known, "refusal": refusal})

    def vetoed(self, reason: str, refusal: Refusal | None) -> Self:
        """Return the hold or wait in its place; nothing of its plan is left. No refusal: a person has yet to answer."""
        flat = self.trade_id is None
        nothing: dict[str, None] = dict.fromkeys([*PLANNED, "side"] if flat else PLANNED)
        told = {"action": "wait" if flat else "hold", "source": "veto", "reason": reason}
        return self.model_copy(update=nothing | told).in_place_of(self, refusal)


def stay(snapshot: MarketSnapshot | None, reason: str, source: Source) -> TradeSignal:
    """Return hold or wait with its reason."""
    position = None if snapshot is None else snapshot.position
    return TradeSignal(
        action="wait" if position is None else "hold",
        side=None if position is None else position.side,
        trade_id=None if position is None else position.trade_id,
        confidence=0,
        reason=reason,
        source=source,
    )
