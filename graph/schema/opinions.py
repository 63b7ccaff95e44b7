"""Frozen vocabulary of what other models say of a candle: a view, two arguments, a critique."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from candlegraph.graph.schema.calls import CallRecord
from candlegraph.graph.schema.market import Frozen


class AnalystView(Frozen):
    """The analyst model's typed view of the facts."""

    bias: Literal["bullish", "bearish", "neutral"]
    regime: str = Field(description="in its own words")
    key_support: float | None
    key_resistance: float | None
    conflicts: str = Field(description="between timeframes")
    would_change_mind: str
    call: CallRecord


class Argument(Frozen):
    """One side of the debate."""

    strength: float = Field(ge=1, le=100, description="how strong the side itself finds its case")
    points: tuple[str, ...] = Field(min_length=1)
    risk: str = Field(description="what would prove it wrong")
    call: CallRecord


class Critique(Frozen):
    """What the reviewing model makes of an entry; it can only make it safer."""

    verdict: Literal["approve", "shrink", "send_back", "veto"]
    shrink_to_pct: float | None = Field(None, gt=0, lt=100, description="of the stake, with verdict shrink")
    reason: str
    call: CallRecord
