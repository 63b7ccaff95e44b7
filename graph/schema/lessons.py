"""Frozen vocabulary of what the past says: similar cases, patterns of setups, guidance."""

from __future__ import annotations

import hashlib
from typing import Literal

from pydantic import Field

from candlegraph.graph.schema.facts import ExperienceFacts, VerdictWord
from candlegraph.graph.schema.market import Frozen, Regime, Side, Strength
from candlegraph.graph.schema.scene import Scene

Kind = Literal["trade", "decision", "lesson"]
RsiBand = Literal["0-30", "30-45", "45-55", "55-70", "70-100"]
VolatilityBand = Literal["calm", "normal", "wild"]
AdvisedKind = Literal["stop", "target", "later", "time"]
LeverageBand = Literal["1-5x", "5-10x", "10-20x", "20x+"]


class Moment(Frozen):
    """Something that was done while a trade was open."""

    kind: Literal["add", "reduction", "hold", "exit"] = Field(description="hold, exit: a decision that was recorded")
    after_minutes: float = Field(ge=0, description="since the entry")
    share: float | None = Field(None, description="of the position, added or closed")
    profit_pct: float | None = Field(None, description="net, of the stake: of the trade then, or of the closed part")
    said: str = Field("", description="why, in the model's words")


class Case(Frozen):
    """One past trade, as retrieval returns it; of one that is still open only what was known of it."""

    id: int
    kind: Kind = Field(description="of the experience `id`; not `trade`: the trade was open")
    pair: str
    side: Side
    similarity: float = Field(ge=0, le=1, description="of the entry, or of a recorded decision if that is more alike")
    profit_pct: float = Field(description="net, of the stake; of an open trade: at its newest moment")
    score: float | None = Field(description="0-100; None: the trade is open")
    grade: str
    entry_price: float
    duration_minutes: float
    lesson: str
    course: str = Field("", description='the sentence of the course, with which the lesson begins; "": it has none')
    regime: Regime | None = None
    trend_strength: Strength | None = None
    rsi: float | None = Field(None, description="of the main timeframe at the entry")
    scene: Scene | None = Field(None, description="None: it was not kept")
    entry_reason: str = ""
    best_pct: float | None = Field(None, description="None: the trade was open, or nobody saw it")
    worst_pct: float | None = None
    is_imported: bool = Field(False, description="the earlier system made the trade")
    exit_reason: str = ""
    self_evaluation: str = Field("", description="what the model said of its trade at its exit")
    self_score: float | None = None
    moments: tuple[Moment, ...] = Field((), description="oldest first")

    @property
    def is_open(self) -> bool:
        """Return whether the trade had not ended."""
        return self.kind != "trade"

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
    observations: float = Field(description="as how many those whose risk is known count: overlapping ones for less")
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
    verdict: VerdictWord
    favour: float = Field(1.0, ge=0, description="what a stake of 1 on a mean above 0 has become; 20 proves it")
    against: float = Field(1.0, ge=0, description="the same, on a mean below 0; 1 where it was not kept")


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
    net_result: float = Field(0.0, description="of these trades, quote currency")
    cumulative_reward: float = Field(description="a learning score: its sum may rise while money is lost")
    recent_trend: float | None = Field(description="mean reward of the newest trades minus that of those before")


class Similar(Frozen):
    """The similar closed trades that the shown cases stand for."""

    trades: int = Field(ge=1)
    won: int = Field(ge=0, description="net profit > 0")
    is_loss_forced: bool = Field(description="more losing cases are shown than their share: one place is always theirs")


class SelfScores(Frozen):
    """The scores that a model gave its own trades at their exits, against the evaluator's."""

    trades: int = Field(ge=1)
    bias: float = Field(description="mean of own score minus evaluator's")
    rank_correlation: float | None = Field(description="Spearman's; None: fewer than three, or all equal")


class Lessons(Frozen):
    """What the retriever found, or why it could not look."""

    cases: tuple[Case, ...] = ()
    summary: ExperienceFacts | None = None
    guidance: Guidance | None = None
    similar: Similar | None = None
    self_scores: SelfScores | None = Field(None, description="of the newest trades, in a position only")
    unavailable: str | None = None
