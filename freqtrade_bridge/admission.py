"""What a decision comes to: its signal, or what stands in for one that failed or comes too late."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from candlegraph.agents.safe import stay
from candlegraph.freqtrade_bridge.runner import Outcome, decision_id
from candlegraph.graph.market import MarketSnapshot
from candlegraph.graph.signal import SIDE_OF, TradeSignal
from candlegraph.graph.state import CandleState

logger = logging.getLogger(__name__)

LATEST = timedelta(minutes=5)
"""After a close an entry may still be decided: exchanges are late, and so are loops."""


def signal_of(namespace: str, snapshot: MarketSnapshot, outcome: Outcome) -> TradeSignal:
    """Return the graph's signal, or hold or wait where it failed."""
    identity = decision_id(namespace, snapshot.pair, snapshot.candle)
    if outcome.state is not None and outcome.state.signal is not None:
        return outcome.state.signal.model_copy(update={"decision_id": identity})
    why = f"{type(outcome.error).__name__}: {outcome.error}"[:500]
    logger.error("%s %s: no decision after %.1f s: %s", snapshot.pair, snapshot.candle, outcome.latency_ms / 1000, why)
    safe = stay(CandleState(snapshot=snapshot), f"the graph failed: {why}", "fallback")
    return safe.model_copy(update={"decision_id": identity})


def punctual(signal: TradeSignal, snapshot: MarketSnapshot, now: datetime) -> TradeSignal:
    """Drop an entry or addition on a candle that closed long ago: the bot was started in the midst of one."""
    late = now - snapshot.as_of
    grows = signal.action in SIDE_OF or (signal.adjustment_pct or 0) > 0
    if not grows or late <= LATEST:
        return signal
    why = f"{signal.action} dropped: its candle closed {late.total_seconds() / 60:.0f} minutes ago"
    safe = stay(CandleState(snapshot=snapshot), why, "veto")
    return safe.model_copy(update={"decision_id": signal.decision_id, "confidence": signal.confidence})
