"""Approval: an entry waits for a person, where configured; the answer counts for exactly that entry, or for nothing.

entry -> request -> interrupt … resume with an answer -> the same entry, or wait
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from langgraph.runtime import Runtime
from langgraph.types import interrupt
from pydantic import ValidationError

from candlegraph.graph.context import Context
from candlegraph.graph.schema.fate import Refusal
from candlegraph.graph.schema.market import MarketSnapshot
from candlegraph.graph.schema.signal import TradeSignal
from candlegraph.graph.settings.risk import Approval
from candlegraph.graph.state import CandleState
from candlegraph.memory.books.approvals import ApprovalAnswer, ApprovalRequest
from candlegraph.tools.risk.gate import Limits

YES_OR_NO: dict[str, str] = {
    **dict.fromkeys(("yes", "y", "true", "approve", "是", "同意"), "approve"),
    **dict.fromkeys(("no", "n", "false", "reject", "否", "拒绝"), "reject"),
}
EXPECTED = "Shall this entry trade? Answer yes or no; or like `example`, which also counts the time and the price."
ASKED = ("action", "confidence", "reason", "side", "leverage", "stake", "stop", "take_profit")
"""What a person is told of an entry."""


async def approval(state: CandleState, runtime: Runtime[Context]) -> dict[str, Any]:
    """Ask a person about the entry."""
    context = runtime.context or Context()
    rules, signal = context.settings.risk_management.approval, state.signal
    assert state.snapshot is not None and signal is not None, "the reviewer runs first"
    request = request_of(signal, state.snapshot, context)
    answer = read(interrupt(asked(request)), request)
    return {"signal": answered(signal, request, answer, rules)}


def is_awaited(state: CandleState) -> bool:
    """Return whether the signal waits for a person: an entry, where that is configured."""
    return state.terms.needs_approval and state.signal is not None and state.signal.is_entry


def asked(request: ApprovalRequest) -> dict[str, Any]:
    """Return the interrupt's value, as Studio shows it: what may be answered, and the request with its id."""
    example = {"id": request.id, "verdict": "approve", "at": request.as_of.isoformat(), "price": request.price}
    return {"question": EXPECTED, "example": example, "id": request.id} | request.model_dump(mode="json")


def read(answer: object, request: ApprovalRequest) -> ApprovalAnswer | None:
    """Return the answer, None where it cannot be read: LangGraph keeps what resumed a run, so it is not asked again.

    A plain yes or no is given at once, at the proposal's price.
    """
    word = str(answer).strip().lower() if isinstance(answer, bool | str) else ""
    if word in YES_OR_NO:
        answer = {"id": request.id, "verdict": YES_OR_NO[word], "at": request.as_of, "price": request.price}
    try:
        return ApprovalAnswer.model_validate(answer)
    except ValidationError:
        return None


def request_of(signal: TradeSignal, snapshot: MarketSnapshot, context: Context) -> ApprovalRequest:
    """Return what a person is asked; it ends with its candle at the latest, for the signal does."""
    rules = context.settings.risk_management
    lasts = min(timedelta(seconds=rules.approval.expires_seconds), snapshot.as_of - snapshot.candle)
    return ApprovalRequest.model_validate(
        signal.model_dump(include=set(ASKED))
        | {
            "namespace": context.namespace,
            "pair": snapshot.pair,
            "candle": snapshot.candle,
            "as_of": snapshot.as_of,
            "expires_at": snapshot.as_of + lasts,
            "price": snapshot.price,
            "risk": risk_at_stop(signal, snapshot, Limits(rules=rules)),
        }
    )


def risk_at_stop(signal: TradeSignal, snapshot: MarketSnapshot, limits: Limits) -> float:
    """Return the loss at the stop with fees; the most that the gate allows where freqtrade will size the stake."""
    assert signal.stop is not None and signal.leverage is not None, "the gate gives every entry both"
    if signal.stake is None:
        return limits.rules.max_risk_per_trade_pct / 100 * snapshot.account.equity
    distance = abs(snapshot.price - signal.stop) / snapshot.price
    return signal.stake * signal.leverage * (distance + 2 * limits.fee_ratio)


def answered(
    signal: TradeSignal, request: ApprovalRequest, answer: ApprovalAnswer | None, rules: Approval
) -> TradeSignal:
    """Return the same signal if it was approved in time, near its price, and itself; else wait with the reason."""
    refusal = refusal_of(request, answer, rules)
    if refusal is None:
        return signal
    return signal.vetoed(f"{request.action} refused: {refusal.line}", refusal)


def refusal_of(request: ApprovalRequest, answer: ApprovalAnswer | None, rules: Approval) -> Refusal | None:
    """Return why the answer makes no trade, with the key that says so; None if it makes one."""
    found = why_not(request, answer, rules)
    return None if found is None else Refusal(door="person", key=found[0], why=found[1])


def why_not(request: ApprovalRequest, answer: ApprovalAnswer | None, rules: Approval) -> tuple[str, str] | None:
    """Return key and reason."""
    if answer is None:
        return "approval.required", "the answer is none: expected yes or no, or id, verdict, at and price"
    if answer.id != request.id:
        return "approval.required", f"the answer is to proposal {answer.id[:10]}, this is {request.id[:10]}"
    if answer.at > request.expires_at:
        late = (answer.at - request.expires_at).total_seconds()
        return "approval.expires_seconds", f"not approved in time, {late:.0f} s late"
    if answer.verdict == "reject":
        return "approval.required", f"rejected{answer.note and f': {answer.note}'}"
    drift = drift_pct(request.price, answer.price)
    if drift > rules.max_drift_pct:
        return "approval.max_drift_pct", f"the price moved {drift:.2f} %, most is {rules.max_drift_pct:g} %"
    return None


def drift_pct(proposed: float, price: float) -> float:
    """Return how far the price moved since the proposal, up or down, in percent."""
    return 100 * abs(price - proposed) / proposed


def awaiting(signal: TradeSignal, request: ApprovalRequest) -> TradeSignal:
    """Return the signal that counts until a person has answered."""
    return signal.vetoed(f"awaiting approval {request.id}", None)
