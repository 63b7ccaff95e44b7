"""Reviewer: claims against data, then the risk gate; it can only make a decision safer, never bigger."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langchain_core.messages import AnyMessage, ToolMessage
from langgraph.runtime import Runtime

from candlegraph.agents.decision import false_claims, faults
from candlegraph.graph.context import Context
from candlegraph.graph.facts import ABSENT
from candlegraph.graph.market import MarketSnapshot
from candlegraph.graph.settings import Settings
from candlegraph.graph.signal import SIDE_OF, Proposal, Source, TradeSignal
from candlegraph.graph.state import CandleState
from candlegraph.tools.risk import EntryPlan, Limits, size_add, size_entry
from candlegraph.tools.signals import TERMINAL_NAMES


async def reviewer(state: CandleState, runtime: Runtime[Context]) -> dict[str, Any]:
    """Turn the proposal into the terminal signal, or fall back to hold or wait."""
    context = runtime.context or Context()
    proposal = proposal_of(state.messages)
    if proposal is None:
        why = "; ".join(faults(state, context.settings).values()) or "no terminal call"
        return {"signal": stay(state, why, "fallback")}
    return {"signal": review(proposal, state, context.settings)}


def proposal_of(messages: Sequence[AnyMessage]) -> Proposal | None:
    """Return what the terminal call asked for; None if no such call was executed."""
    for message in reversed(messages):
        if isinstance(message, ToolMessage) and message.name in TERMINAL_NAMES and message.status == "success":
            return Proposal.model_validate(message.artifact)
    return None


def review(proposal: Proposal, state: CandleState, settings: Settings) -> TradeSignal:
    """Return the signal for `proposal` after every rule."""
    snapshot = state.snapshot
    assert snapshot is not None and state.facts is not None, "the analyst runs first"
    mismatches = false_claims(proposal.model_dump(exclude_none=True), state)
    if proposal.action in SIDE_OF:
        if state.facts.missing != ABSENT:
            signal = stay(state, f"no entry while {state.facts.missing} is unavailable", "veto")
        else:
            signal = entry(proposal, snapshot, settings)
    elif proposal.action == "adjust":
        signal = adjustment(proposal, snapshot, settings)
    else:
        signal = plain_signal(proposal, snapshot)
    return signal.model_copy(update={"claim_mismatches": mismatches, "confidence": proposal.confidence})


def plain_signal(proposal: Proposal, snapshot: MarketSnapshot) -> TradeSignal:
    """Return exit, hold or wait, which no limit touches."""
    position = snapshot.position
    return TradeSignal(
        action=proposal.action,
        confidence=proposal.confidence,
        reason=proposal.reason,
        source="model",
        trade_score=proposal.trade_score,
        side=None if position is None else position.side,
        trade_id=None if position is None else position.trade_id,
    )


def entry(proposal: Proposal, snapshot: MarketSnapshot, settings: Settings) -> TradeSignal:
    """Return the entry within every limit, or wait with the reason of the refusal."""
    plan = EntryPlan(
        side=SIDE_OF[proposal.action],
        leverage=proposal.leverage or 1.0,
        stake=proposal.stake,
        stop=proposal.stop,
        take_profit=proposal.take_profit,
    )
    limits = Limits(rules=settings.risk_management)
    sized = size_entry(plan, snapshot.account, snapshot.price, stop_atr(snapshot), limits)
    if sized.refusal:
        return TradeSignal(
            action="wait",
            confidence=proposal.confidence,
            reason=f"{proposal.action} refused: {sized.refusal}",
            source="veto",
            clamps=sized.clamps,
        )
    # A stake that nobody asked for stays open: freqtrade proposes one at the order, and the gate runs again there.
    return TradeSignal(
        action=proposal.action,
        side=sized.side,
        leverage=sized.leverage,
        stake=None if proposal.stake is None else sized.stake,
        stop=sized.stop,
        take_profit=sized.take_profit,
        confidence=proposal.confidence,
        reason=proposal.reason,
        source="model",
        clamps=sized.clamps,
    )


def stop_atr(snapshot: MarketSnapshot) -> float | None:
    """Return the ATR that stops are derived from: the second timeframe's, else the main one's."""
    views = snapshot.timeframes
    return views[min(1, len(views) - 1)].indicators.atr


def adjustment(proposal: Proposal, snapshot: MarketSnapshot, settings: Settings) -> TradeSignal:
    """Return the adjustment; an addition within every limit, or hold with the reason of the refusal."""
    position = snapshot.position
    assert position is not None and proposal.adjustment_pct is not None, "adjust is only bound in a position"
    signal = plain_signal(proposal, snapshot).model_copy(update={"adjustment_pct": proposal.adjustment_pct})
    if proposal.adjustment_pct < 0:
        return signal
    wanted = position.stake * proposal.adjustment_pct / 100
    limits = Limits(rules=settings.risk_management)
    allowed, clamps = size_add(wanted, position, snapshot.account, snapshot.price, limits)
    if allowed <= 0:
        refused = {"action": "hold", "adjustment_pct": None, "source": "veto", "clamps": clamps}
        return signal.model_copy(update=refused | {"reason": f"addition refused: {clamps[-1].reason}"})
    return signal.model_copy(update={"adjustment_pct": 100 * allowed / position.stake, "clamps": clamps})


def stay(state: CandleState, reason: str, source: Source) -> TradeSignal:
    """Return the safe signal of the pair's state: hold in a position, wait when flat."""
    position = None if state.snapshot is None else state.snapshot.position
    return TradeSignal(
        action="wait" if position is None else "hold",
        side=None if position is None else position.side,
        trade_id=None if position is None else position.trade_id,
        confidence=0,
        reason=reason,
        source=source,
    )
