"""What the nodes of the candle graph hand on; every key has one writer, but for two that critic may write again.

snapshot -> facts, situation (analyst) -> skipped (triage), or lessons (retriever) -> view, bull, bear (deep only)
  -> messages (decision loop) -> signal (reviewer) -> critiques, signal (critic)
"""

from __future__ import annotations

import hashlib
from typing import Annotated, Literal

from langchain_core.messages import AnyMessage
from langgraph.graph.message import add_messages
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from candlegraph.graph.calls import CallRecord
from candlegraph.graph.facts import ExperienceFacts, Facts, Regime, Strength, Verdict
from candlegraph.graph.market import Frozen, MarketSnapshot, Side
from candlegraph.graph.signal import TradeSignal

Kind = Literal["trade", "decision", "lesson"]
RsiBand = Literal["0-30", "30-45", "45-55", "55-70", "70-100"]
VolatilityBand = Literal["calm", "normal", "wild"]
LeverageBand = Literal["1-5x", "5-10x", "10-20x", "20x+"]


class Case(Frozen):
    """One similar past experience, as retrieval returns it."""

    id: int
    kind: Kind
    pair: str
    side: Side
    similarity: float = Field(ge=0, le=1)
    profit_pct: float = Field(description="net, of the stake")
    score: float | None = Field(description="0-100; None for a recorded decision")
    grade: str
    entry_price: float
    duration_minutes: float
    lesson: str

    @property
    def label(self) -> str:
        """Return six hex digits that name the case in prompts: the same in every run, as an id of a database is not."""
        told = f"{self.kind}|{self.pair}|{self.side}|{self.entry_price}|{self.profit_pct}|{self.duration_minutes}"
        return hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest()[:6]


class Pattern(Frozen):
    """What closed trades of one setup gave together; a property that is None may be any."""

    side: Side
    regime: Regime
    trend_strength: Strength | None
    rsi: RsiBand | None
    volatility: VolatilityBand | None
    leverage: LeverageBand | None
    trades: int = Field(ge=2)
    wins: int = Field(description="net profit > 0")
    losses: int = Field(description="net profit < 0")
    successes: int = Field(description="wins with a score of 70 or more")
    win_rate: float = Field(ge=0, le=1)
    win_rate_low: float
    win_rate_high: float
    mean_reward: float = Field(description="of the configured mode")
    reward_low: float
    reward_high: float
    verdict: Verdict


class Guidance(Frozen):
    """What is learnt from all closed trades that may be read; patterns only from `needed` trades on."""

    trades: int
    needed: int
    level: float = Field(description="confidence level of the intervals")
    patterns: tuple[Pattern, ...] = Field((), description="of the present setup, at most one a side")
    by_leverage: tuple[Pattern, ...] = Field((), description="same setup, where its leverage changes the verdict")
    cumulative_reward: float
    recent_trend: float | None = Field(description="mean reward of the newest trades minus that of those before")


class Lessons(Frozen):
    """What the retriever found, or why it could not look."""

    cases: tuple[Case, ...] = ()
    summary: ExperienceFacts | None = None
    guidance: Guidance | None = None
    unavailable: str | None = None


class View(Frozen):
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


class CandleInput(BaseModel):
    """A full snapshot; or pair and candle open time, to be loaded from the context's candle folder."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    pair: str | None = None
    candle: AwareDatetime | None = None
    snapshot: MarketSnapshot | None = None


class CandleState(CandleInput):
    """One candle's journey."""

    facts: Facts | None = None
    skipped: TradeSignal | None = Field(
        None, description="the answer of triage or of a spent budget; no model is asked"
    )
    view: View | None = None
    bull: Argument | None = None
    bear: Argument | None = None
    critiques: tuple[Critique, ...] = ()
    situation: tuple[float, ...] | None = None
    lessons: Lessons | None = None
    messages: Annotated[list[AnyMessage], add_messages] = Field(default_factory=list)
    signal: TradeSignal | None = None
