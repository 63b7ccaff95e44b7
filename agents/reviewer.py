"""Reviewer: it can only make a decision safer, never bigger.

proposal -> risk gate -> checker's rules -> signal
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from langgraph.runtime import Runtime

from candlegraph.agents.asking.transcript import faults, proposal_of
from candlegraph.graph.context import Context
from candlegraph.graph.schema.facts import ABSENT, Facts
from candlegraph.graph.schema.fate import Refusal
from candlegraph.graph.schema.market import MarketSnapshot
from candlegraph.graph.schema.signal import Proposal, TradeSignal, stay
from candlegraph.graph.settings.risk import RiskManagement
from candlegraph.graph.settings.settings import Settings
from candlegraph.graph.state import CandleState
from candlegraph.tools.risk.checks import Breach, Subject, findings
from candlegraph.tools.risk.claims import false_claims
from candlegraph.tools.risk.gate import EntryPlan, Limits, refused_by, size_add, size_entry
from candlegraph.tools.risk.possible import lock_of, pause_of, reduction_refusal
from candlegraph.tools.risk.stops import stop_basis

LONGEST_REASON = 1000
OF_POSITIONS = frozenset({"no_progress", "profit_erosion"})
"""Rules that look at the position and not at what a model says of it."""


async def reviewer(state: CandleState, runtime: Runtime[Context]) -> dict[str, Any]:
    """Turn the proposal into the terminal signal, or fall back to hold or wait."""
    context = runtime.context or Context()
    if state.skipped is not None:
        return {"signal": unless_closed(state.skipped, *seen_by(state), context.settings)}
    proposal = proposal_of(state.messages)
    if proposal is None:
        told = [fault.advice or fault.message for fault in faults(state).values()]
        why = "; ".join(dict.fromkeys(told))[:LONGEST_REASON] or "no terminal call"
        return {"signal": unless_closed(stay(state.snapshot, why, "fallback"), *seen_by(state), context.settings)}
    return {"signal": review(proposal, state, context.settings)}


def seen_by(state: CandleState) -> tuple[MarketSnapshot, Facts]:
    """Return what the analyst left."""
    assert state.snapshot is not None and state.facts is not None, "the analyst runs first"
    return state.snapshot, state.facts


def unless_closed(signal: TradeSignal, snapshot: MarketSnapshot, facts: Facts, settings: Settings) -> TradeSignal:
    """Return an answer that no model gave; a rule that closes a position closes it all the same."""
    if snapshot.position is None:
        return signal
    proposal = Proposal(action="hold", confidence=1, reason=signal.reason)
    found = findings(Subject(proposal=proposal, snapshot=snapshot, facts=facts), settings.risk_management.checks)
    return checked(signal, snapshot, [one for one in found if one.rule in OF_POSITIONS])


def review(proposal: Proposal, state: CandleState, settings: Settings) -> TradeSignal:
    """Return the signal for `proposal` after every rule."""
    snapshot, facts = seen_by(state)
    mismatches = false_claims(proposal.model_dump(exclude_none=True), snapshot)
    if proposal.is_entry and facts.missing != ABSENT:
        why = f"no entry while {facts.missing} is unavailable"
        missing = Refusal(door="gate", key="context_config.required_indicators", why=f"{facts.missing} is unavailable")
        signal = stay(state.snapshot, why, "veto").in_place_of(proposal, missing)
    else:
        signal = gated(proposal, snapshot, facts, settings.risk_management)
    if signal.source == "model":
        subject = Subject(
            proposal=proposal,
            snapshot=snapshot,
            facts=facts,
            mismatches=mismatches,
            stop=signal.stop,
            take_profit=signal.take_profit,
        )
        signal = checked(signal, snapshot, findings(subject, settings.risk_management.checks))
    return signal.model_copy(update={"claim_mismatches": mismatches, "confidence": proposal.confidence})


def gated(proposal: Proposal, snapshot: MarketSnapshot, facts: Facts, rules: RiskManagement) -> TradeSignal:
    """Return the signal within the limits of the risk gate."""
    if proposal.is_entry:
        return entry(proposal, snapshot, facts, exchange_limits(snapshot, rules, snapshot.limits.min_entry))
    if proposal.is_adjustment:
        return adjustment(proposal, snapshot, exchange_limits(snapshot, rules, snapshot.limits.min_add))
    return plain_signal(proposal, snapshot)


def exchange_limits(snapshot: MarketSnapshot, rules: RiskManagement, least: float) -> Limits:
    """Return our limits with what the exchange takes, as position values."""
    return Limits(rules=rules, min_notional=least, max_notional=snapshot.limits.max_order or math.inf)


def checked(signal: TradeSignal, snapshot: MarketSnapshot, found: Sequence[Breach]) -> TradeSignal:
    """Return `signal` with the warnings of the checker, or what is safer where a rule blocks it."""
    warnings = tuple(f"{one.rule}: {one.why}" for one in found if one.strictness == "warn")
    blocks = [refused_by(f"risk_management.checks.{one.rule}", one.why) for one in found if one.strictness == "block"]
    if not blocks:
        return signal.model_copy(update={"warnings": warnings})
    why = "; ".join(one.line for one in blocks)
    refused = stay(snapshot, f"{signal.action} refused: {why}", "veto").in_place_of(signal, blocks[0])
    safer = "exit" if signal.is_hold else refused.action
    return refused.model_copy(update={"action": safer, "clamps": signal.clamps, "warnings": warnings})


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


def entry(proposal: Proposal, snapshot: MarketSnapshot, facts: Facts, limits: Limits) -> TradeSignal:
    """Return the entry within every limit, or wait with the reason of the refusal."""
    side = proposal.entry_side
    assert side is not None, "only entries come here"
    plan = EntryPlan(
        side=side,
        leverage=proposal.leverage or 1.0,
        stake=proposal.stake,
        stop=proposal.stop,
        take_profit=proposal.take_profit,
        confidence=proposal.confidence,
    )
    sized = size_entry(plan, snapshot.account, snapshot.price, stop_basis(snapshot, facts, proposal), limits)
    signal = plain_signal(proposal, snapshot).model_copy(update={"clamps": sized.clamps})
    if refusal := pause_of(snapshot) or lock_of(snapshot, side) or sized.refusal:
        return signal.vetoed(f"{proposal.action} refused: {refusal.line}", refusal)
    # A stake that nobody asked for stays open: freqtrade proposes one at the order, and the gate runs again there.
    planned = sized.model_dump(include={"side", "leverage", "stop", "take_profit"})
    return signal.model_copy(update=planned | {"stake": None if proposal.stake is None else sized.stake})


def adjustment(proposal: Proposal, snapshot: MarketSnapshot, limits: Limits) -> TradeSignal:
    """Return the adjustment within every limit, or hold with the reason of the refusal."""
    position, wanted = snapshot.position, proposal.adjustment_pct
    assert position is not None and wanted is not None, "adjust is only bound in a position"
    signal = plain_signal(proposal, snapshot).model_copy(update={"adjustment_pct": wanted})
    if wanted < 0:
        refusal = reduction_refusal(position, wanted, snapshot)
        return signal if refusal is None else signal.vetoed(f"reduction refused: {refusal.line}", refusal)
    stake, confidence = position.stake * wanted / 100, proposal.confidence
    sized = size_add(stake, position, snapshot.account, snapshot.price, limits, confidence)
    signal = signal.model_copy(update={"clamps": sized.clamps})
    if refusal := pause_of(snapshot) or sized.refusal:
        return signal.vetoed(f"addition refused: {refusal.line}", refusal)
    assert sized.stake is not None, "what is not refused has a size"
    # Dividing again may round up, and nothing may come out above what was asked for.
    return signal.model_copy(update={"adjustment_pct": min(wanted, 100 * sized.stake / position.stake)})
