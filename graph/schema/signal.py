"""Frozen vocabulary of what is decided: the proposal of a model, the clamps of the gate, the terminal signal."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from candlegraph.graph.schema.market import Frozen, MarketSnapshot, Price, Side

Action = Literal["enter_long", "enter_short", "exit", "adjust", "hold", "wait"]
Source = Literal["model", "fallback", "triage", "budget", "veto"]

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


class Proposal(Frozen):
    """What a model asked for by one terminal call, before any rule."""

    action: Action
    confidence: float = Field(ge=0, le=100, description="0: it was not stated")
    reason: str
    leverage: float | None = None
    stake: float | None = Field(None, description="margin, quote currency")
    stop: Price | None = None
    take_profit: Price | None = None
    adjustment_pct: float | None = Field(None, description="of the current stake: + adds, - reduces")
    key_support: Price | None = None
    key_resistance: Price | None = None
    rsi_value: float | None = None
    trade_score: float | None = Field(None, description="the model's own score, 0-100")


class TradeSignal(Frozen):
    """The last word on one candle: the graph's output, the bridge's input."""

    action: Action
    side: Side | None = None
    leverage: float | None = None
    stake: float | None = Field(
        None, description="margin in quote currency; None = freqtrade's proposed stake, then the gate"
    )
    stake_ratio: float = Field(1.0, gt=0, le=1, description="of what the gate gives an open stake at the order")
    stop: Price | None = None
    take_profit: Price | None = None
    adjustment_pct: float | None = None
    confidence: float = Field(ge=0, le=100, description="0: it was not stated")
    reason: str
    source: Source
    clamps: tuple[Clamp, ...] = ()
    claim_mismatches: tuple[str, ...] = ()
    warnings: tuple[str, ...] = Field((), description="rules that warned, each as `rule: why`")
    trade_score: float | None = None
    trade_id: int | None = Field(None, description="the open trade this signal belongs to")
    decision_id: str = Field("", description="ledger row, trace and checkpoint thread share this id")


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
