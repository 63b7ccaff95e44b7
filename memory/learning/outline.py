"""One experience in short: what patterns and ranking read of it."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

from candlegraph.graph.schema.experience import ClosedTrade, Experience
from candlegraph.graph.schema.lessons import Kind
from candlegraph.graph.schema.market import SIGN, Side
from candlegraph.graph.settings.experience import RewardMode
from candlegraph.memory.learning.evidence import Span
from candlegraph.memory.learning.setups import Setup, setup_of_trade
from candlegraph.memory.storage.rows import micros

FEE = 0.0005
"""Of the value, each way: of trades that were stored before their risk was."""


class TradeId(NamedTuple):
    """Which trade an experience belongs to: a pair has one at a time."""

    namespace: str
    pair: str
    opened_at: int


class Outline(NamedTuple):
    """One experience in short; a recorded decision has no score and no reward: 0, and is never counted as a trade."""

    id: int
    known_at: int
    pair: str
    side: Side
    entry_day: date
    is_learnt: bool
    setup: Setup
    span: Span
    profit_pct: float
    net_r: float | None
    """Net result in losses at the initial stop; None: what was risked is not known."""
    score: float = 0.0
    reward: float = 0.0
    reward_quality: float = 0.0
    kind: Kind = "trade"
    trade: TradeId = TradeId("", "", 0)
    model: str = ""
    self_score: float | None = None
    profit_abs: float = 0.0
    """Net result of a closed trade, quote currency."""
    beside: int | None = None
    """Trades of its side that were open at its entry; None: not noted."""


def outline_of(experience_id: int, experience: Experience) -> Outline:
    """Return the experience in short."""
    source, scores = experience.source, experience.scores
    trade = source if isinstance(source, ClosedTrade) else None
    return Outline(
        id=experience_id,
        known_at=micros(source.known_at),
        pair=source.pair,
        side=source.side,
        entry_day=source.opened_at.date(),
        is_learnt=trade is not None and not experience.forced,
        setup=Setup(source.side, source.regime) if trade is None else setup_of_trade(trade),
        span=Span(source.side, source.opened_at, source.ended_at),
        profit_pct=experience.profit_pct,
        net_r=None if trade is None else net_r_of(trade),
        score=scores.total if scores else 0.0,
        reward=experience.reward or 0.0,
        reward_quality=experience.reward_quality or 0.0,
        kind=experience.kind,
        trade=TradeId(source.namespace, source.pair, micros(source.opened_at)),
        model="" if trade is None else trade.model,
        self_score=None if trade is None else trade.model_score,
        profit_abs=0.0 if trade is None else trade.profit_abs,
        beside=None if trade is None else trade.beside,
    )


def net_r_of(trade: ClosedTrade) -> float | None:
    """Return the net result in losses at the initial stop, both fees included; None where no stop risks anything."""
    if trade.risk_pct is not None:
        return trade.profit_pct / trade.risk_pct
    if trade.planned_stop is None:
        return None
    away = SIGN[trade.side] * (trade.entry_price - trade.planned_stop) / trade.entry_price
    return trade.profit_pct / (100 * trade.leverage * (away + 2 * FEE)) if away > 0 else None


def reward_of(trade: Outline, mode: RewardMode) -> float:
    """Return the stored reward of the configured mode."""
    return trade.reward if mode == "documented" else trade.reward_quality
