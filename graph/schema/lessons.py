"""Frozen vocabulary of what the past says: similar cases, patterns of setups, guidance."""

from __future__ import annotations

import hashlib
from typing import Literal

from pydantic import Field

from candlegraph.graph.schema.facts import ExperienceFacts, Verdict
from candlegraph.graph.schema.market import Frozen, Regime, Side, Strength

Kind = Literal["trade", "decision", "lesson"]
RsiBand = Literal["0-30", "30-45", "45-55", "55-70", "70-100"]
VolatilityBand = Literal["calm", "normal", "wild"]
AdvisedKind = Literal["stop", "target", "later", "time"]
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
    observations: int = Field(description="trades that overlap on one side are one; only those whose risk is known")
    wins: int = Field(description="net profit > 0")
    losses: int = Field(description="net profit < 0")
    successes: int = Field(description="wins with a score of 70 or more")
    win_rate: float = Field(ge=0, le=1)
    win_rate_low: float
    win_rate_high: float
    mean_r: float | None = Field(description="net, in losses at the initial stop, shrunk; None: no risk is known")
    mean_reward: float = Field(description="of the configured mode")
    reward_low: float
    reward_high: float
    verdict: Verdict


class Advice(Frozen):
    """A rule that is shown to do better over the trades of one setup; a property that is None may be any."""

    side: Side
    regime: Regime
    trend_strength: Strength | None
    rsi: RsiBand | None
    volatility: VolatilityBand | None
    kind: AdvisedKind
    value: float = Field(description="ATR, R, or candles: later, or in the trade")
    trades: int
    gain_atr: float = Field(description="a trade, mean, shrunk towards 0")


class Guidance(Frozen):
    """What is learnt from all closed trades that may be read; patterns only from `needed` trades on."""

    trades: int
    needed: int
    level: float = Field(description="confidence level of the intervals")
    patterns: tuple[Pattern, ...] = Field((), description="of the present setup, at most one a side")
    by_leverage: tuple[Pattern, ...] = Field((), description="same setup, where its leverage changes the verdict")
    advice: tuple[Advice, ...] = Field((), description="for the present setup, at most one a side")
    cumulative_reward: float
    recent_trend: float | None = Field(description="mean reward of the newest trades minus that of those before")


class Lessons(Frozen):
    """What the retriever found, or why it could not look."""

    cases: tuple[Case, ...] = ()
    summary: ExperienceFacts | None = None
    guidance: Guidance | None = None
    unavailable: str | None = None
