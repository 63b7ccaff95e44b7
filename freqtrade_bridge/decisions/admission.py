"""What a decision comes to: its signal, or what stands in for one that failed, comes too late, or must pause."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

from candlegraph.agents.reviewer import unless_closed
from candlegraph.freqtrade_bridge.decisions.runner import RunOutcome, decision_id
from candlegraph.graph.context import Context
from candlegraph.graph.schema.fate import Refusal
from candlegraph.graph.schema.market import MarketSnapshot
from candlegraph.graph.schema.signal import TradeSignal, stay
from candlegraph.tools.market.facts import facts_of

logger = logging.getLogger(__name__)

LATEST = timedelta(minutes=5)
"""After a close an entry may still be decided: exchanges are late, and so are loops."""

KEY = "llm_config.pause_entries_after"
FAILED = "the models have failed too often"


def signal_of(context: Context, snapshot: MarketSnapshot, outcome: RunOutcome) -> TradeSignal:
    """Return the graph's signal; where it failed hold or wait, or the exit that a rule on the position demands."""
    identity = decision_id(context.namespace, snapshot.pair, snapshot.candle)
    if outcome.state is not None and outcome.state.signal is not None:
        return outcome.state.signal.model_copy(update={"decision_id": identity})
    why = f"{type(outcome.error).__name__}: {outcome.error}"[:500]
    logger.error("%s %s: no decision after %.1f s: %s", snapshot.pair, snapshot.candle, outcome.latency_ms / 1000, why)
    config = context.settings.context_config
    facts = facts_of(snapshot, config.timeframes, config.required_indicators)
    safe = unless_closed(stay(snapshot, f"the graph failed: {why}", "fallback"), snapshot, facts, context.settings)
    return safe.model_copy(update={"decision_id": identity})


def punctual(signal: TradeSignal, snapshot: MarketSnapshot, now: datetime) -> TradeSignal:
    """Drop an entry or addition on a candle that closed long ago: the bot was started in the midst of one."""
    late = now - snapshot.as_of
    if not signal.grows or late <= LATEST:
        return signal
    why = f"its candle closed {late.total_seconds() / 60:.0f} minutes ago"
    return instead(signal, snapshot, f"{signal.action} dropped: {why}", Refusal(door="late", why=why))


def too_late(signal: TradeSignal, snapshot: MarketSnapshot) -> TradeSignal:
    """Return what stands in the place of a decision that came after its deadline, and cannot be used."""
    why = "the decision came after its deadline"
    return instead(signal, snapshot, f"{signal.action} dropped: {why}", Refusal(door="late", why=why))


def instead(signal: TradeSignal, snapshot: MarketSnapshot, reason: str, refusal: Refusal) -> TradeSignal:
    """Return the hold or wait that stands in the place of a signal."""
    known = {"decision_id": signal.decision_id, "confidence": signal.confidence, "clamps": signal.clamps}
    return stay(snapshot, reason, "veto").model_copy(update=known).in_place_of(signal, refusal)


class EntryPause:
    """Counts failed candles in a row; a candle failed when at least half of its decisions did."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._streak = 0
        """Failed candles before the newest one."""
        self._newest: datetime | None = None
        self._decided = self._failed = 0

    @property
    def is_on(self) -> bool:
        """Return whether entries pause now."""
        succeeded = self._decided > 0 and not self._is_failed
        return not succeeded and self._streak + self._is_failed >= self._limit

    @property
    def _is_failed(self) -> bool:
        return 0 < self._decided <= 2 * self._failed

    def note(self, as_of: datetime, *, decided: int, failed: int) -> str | None:
        """Count decisions of the candle that closed at `as_of`; return what to tell people if the pause changed."""
        before = self.is_on
        if as_of != self._newest:
            self._streak = self._streak + 1 if self._is_failed else 0
            self._newest, self._decided, self._failed = as_of, 0, 0
        self._decided += decided
        self._failed += failed
        if self.is_on == before:
            return None
        if self.is_on:
            return f"the models failed on {self._limit} candles in a row: entries pause until a candle succeeds ({KEY})"
        return "the models answer again: entries go on with the next candle"


def waiting_pairs(flat: Sequence[str], *, others_ask: bool) -> frozenset[str]:
    """Return which flat pairs ask no model during the pause; somebody must, to see whether the models answer again."""
    return frozenset(flat if others_ask else flat[1:])


def paused(signal: TradeSignal, snapshot: MarketSnapshot) -> TradeSignal:
    """Return what stands in for an entry or addition during the pause; everything else as it is."""
    if not signal.grows:
        return signal
    refusal = Refusal(door="paused", key=KEY, why=FAILED)
    return instead(signal, snapshot, f"{signal.action} refused: {refusal.line}", refusal)
