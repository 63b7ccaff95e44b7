"""What the nodes of the candle graph hand on; every key has one writer.

snapshot -> facts, situation (analyst) -> lessons (retriever) -> messages (decision loop) -> signal (reviewer)
"""

from __future__ import annotations

from typing import Annotated, Literal

from langchain_core.messages import AnyMessage
from langgraph.graph.message import add_messages
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from candlegraph.graph.facts import ExperienceFacts, Facts
from candlegraph.graph.market import Frozen, MarketSnapshot, Side
from candlegraph.graph.signal import TradeSignal

Kind = Literal["trade", "decision", "lesson"]


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


class Lessons(Frozen):
    """What the retriever found, or why it could not look."""

    cases: tuple[Case, ...] = ()
    summary: ExperienceFacts | None = None
    unavailable: str | None = None


class CandleInput(BaseModel):
    """A full snapshot; or pair and candle open time, to be loaded from the context's candle folder."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    pair: str | None = None
    candle: AwareDatetime | None = None
    snapshot: MarketSnapshot | None = None


class CandleState(CandleInput):
    """One candle's journey."""

    facts: Facts | None = None
    situation: tuple[float, ...] | None = None
    lessons: Lessons | None = None
    messages: Annotated[list[AnyMessage], add_messages] = Field(default_factory=list)
    signal: TradeSignal | None = None
