"""What the nodes of the candle graph hand on; every key has one writer, but for `messages` and `signal`.

snapshot, terms, facts, possible, situation (analyst) -> skipped (triage), or lessons (retriever)
  -> view, bull, bear (deep only)
  -> messages (decision loop) -> signal (reviewer) -> critiques, signal or messages (critic) -> signal (approval)

The reviewer gives the signal; critic and approval may only replace it by a safer one. Where a thread goes on to
another candle, the analyst clears every key first.
"""

from __future__ import annotations

from typing import Annotated

from langchain_core.messages import AnyMessage
from langgraph.graph.message import add_messages
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from candlegraph.graph.schema.facts import Facts
from candlegraph.graph.schema.fate import Possible
from candlegraph.graph.schema.lessons import Lessons
from candlegraph.graph.schema.market import Frozen, MarketSnapshot
from candlegraph.graph.schema.opinions import AnalystView, Argument, Critique
from candlegraph.graph.schema.signal import TradeSignal
from candlegraph.graph.settings.llm import Depth
from candlegraph.graph.settings.settings import Settings


class Terms(Frozen):
    """What the ways through the graph depend on, as the context had it at the start: routers see nothing but the state.

    LangGraph runs a router without a context where a person changes the state of a paused run.
    """

    depth: Depth
    is_triaged: bool
    needs_approval: bool
    max_repairs: int
    max_memory_calls: int
    max_tokens: int | None
    reject_false_claims: bool
    record_min_profit_pct: float

    @classmethod
    def of(cls, settings: Settings, depth: Depth | None = None, *, is_spent: bool = False) -> Terms:
        """Return the terms of a decision with these settings; `depth` may be less than theirs."""
        rules = settings.llm_config.decision
        return cls(
            depth=depth or settings.llm_config.depth,
            is_triaged=is_spent or settings.llm_config.triage.enabled,
            needs_approval=settings.risk_management.approval.required,
            max_repairs=rules.max_repairs,
            max_memory_calls=rules.max_memory_calls,
            max_tokens=settings.llm_config.models_of("decision")[0].max_tokens,
            reject_false_claims=rules.reject_false_claims,
            record_min_profit_pct=settings.experience_config.record_min_profit_pct,
        )


class CandleInput(BaseModel):
    """A full snapshot; or pair and candle open time, to be loaded from the context's candle folder."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    pair: str | None = Field(None, description="with `candle`, instead of a snapshot", examples=["BTC/USDT:USDT"])
    candle: AwareDatetime | None = Field(
        None, description="open time of a main candle, UTC", examples=["2025-06-10T12:00:00Z"]
    )
    snapshot: MarketSnapshot | None = Field(
        None, description="all that may be known; `candlegraph open` fills it in", examples=[None]
    )


class CandleState(CandleInput):
    """One candle's journey."""

    terms: Terms = Field(Terms.of(Settings()), description="the defaults until the analyst has run")
    facts: Facts | None = None
    possible: Possible = Field(Possible(), description="what an entry or an adjustment can still do at this candle")
    skipped: TradeSignal | None = Field(
        None, description="the answer where no model need be asked: nothing can be done, spent or has changed"
    )
    view: AnalystView | None = None
    bull: Argument | None = None
    bear: Argument | None = None
    critiques: tuple[Critique, ...] = ()
    situation: tuple[float, ...] | None = None
    lessons: Lessons | None = None
    messages: Annotated[list[AnyMessage], add_messages] = Field(default_factory=list)
    signal: TradeSignal | None = None
