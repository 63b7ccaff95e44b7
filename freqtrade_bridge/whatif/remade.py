"""One recorded decision under other rules.

standing: `same` and `changed` follow from what was answered; `asked_anew`: the model would have read something else, so
that what it answered then says nothing; `not_again`: a person, a clock, a budget, or an older version had the last word
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import ValidationError

from candlegraph.agents.analyst import seen
from candlegraph.agents.asking.transcript import BY_NAME, allowed_tools, validated
from candlegraph.agents.reviewer import review, unless_closed
from candlegraph.agents.triage import SOURCES, closed_to
from candlegraph.freqtrade_bridge.decisions.inputs import DecisionInputs
from candlegraph.freqtrade_bridge.decisions.replayed import CLOSED, can_be_again, difference
from candlegraph.freqtrade_bridge.whatif.changes import Changes
from candlegraph.graph.context import Context
from candlegraph.graph.schema.signal import Proposal, TradeSignal, stay
from candlegraph.graph.settings.settings import Settings
from candlegraph.graph.state import CandleState
from candlegraph.memory.books.ledger import DecisionRow
from candlegraph.tools.signals import Signal, proposal

Standing = Literal["same", "changed", "asked_anew", "not_again"]
UNCHANGED = Changes()


@dataclass(frozen=True)
class Remade:
    """A decision as it was and as it would have been."""

    row: DecisionRow
    inputs: DecisionInputs
    standing: Standing
    signal: TradeSignal | None = None
    """As it would have been; None where nothing can be said."""
    why: str = ""
    """Of what changed: then and now; else why nothing can be said."""


def state_of(inputs: DecisionInputs, settings: Settings) -> CandleState:
    """Return what a decision saw, before the first question, with these settings."""
    known = seen(inputs.snapshot, Context(settings=settings), inputs.depth)
    return CandleState(**known, lessons=inputs.lessons, view=inputs.view, bull=inputs.bull, bear=inputs.bear)


def kept_proposal(row: DecisionRow) -> Proposal | None:
    """Return what the model asked for; None where no signal was called, or its arguments were cut."""
    for call in reversed(row.functions):
        one = BY_NAME.get(call.name)
        if call.accepted and isinstance(one, Signal):
            try:
                return proposal(one.action, validated(call.name, call.arguments))
            except ValidationError:
                return None
    return None


def gated_again(row: DecisionRow, inputs: DecisionInputs, changes: Changes) -> Remade:
    """Return the decision by the gate and the checker's rules alone; no graph is run."""
    then, now = (one.settings(inputs.settings) for one in (UNCHANGED, changes))
    before = state_of(inputs, then)
    after = before if then == now else state_of(inputs, now)
    if row.error is not None:
        return Remade(row, inputs, "not_again", why="it failed")
    if not row.calls:
        return _unasked(row, inputs, before, after, now)
    given = kept_proposal(row)
    if given is None or not can_be_again(row):
        return Remade(row, inputs, "not_again", why=_last_word(row))
    base = review(given, before, then)
    if differs := difference(row.signal, base):
        return Remade(row, inputs, "not_again", why=f"this version decides otherwise: {differs}")
    if closed := closed_to(after):
        kind = SOURCES.get(closed.door, "triage")
        return judged(row, inputs, base, stay(inputs.snapshot, f"no entry is possible: {closed.dated}", kind))
    if why := reads_otherwise(before, after):
        return Remade(row, inputs, "asked_anew", why=why)
    return judged(row, inputs, base, review(changes.proposal(given, inputs.snapshot), after, now))


def reads_otherwise(before: CandleState, after: CandleState) -> str:
    """Return what the model would have read that it did not; the rules reach its prompt by what is closed alone."""
    assert before.facts is not None and after.facts is not None, "the analyst fills them in"
    if before.facts != after.facts:
        changed = sorted(set(before.facts.closed.items()) ^ set(after.facts.closed.items()))
        return f"the facts say otherwise what is closed: {changed[0][0]}" if changed else "the facts are others"
    offered = [{one.name for one in allowed_tools(state)} for state in (before, after)]
    return f"another function is offered: {min(offered[0] ^ offered[1])}" if offered[0] != offered[1] else ""


def judged(row: DecisionRow, inputs: DecisionInputs, base: TradeSignal, signal: TradeSignal) -> Remade:
    """Return whether a signal does what the recorded one did."""
    differs = difference(base, signal)
    return Remade(row, inputs, "changed" if differs else "same", signal, differs or "")


def _unasked(
    row: DecisionRow, inputs: DecisionInputs, before: CandleState, after: CandleState, now: Settings
) -> Remade:
    """Return what becomes of an answer that no model gave."""
    if (row.signal.source in CLOSED or closed_to(before)) and not closed_to(after):
        return Remade(row, inputs, "asked_anew", why="a door is open that was closed: a model would have been asked")
    assert after.facts is not None, "the analyst fills them in"
    said = stay(inputs.snapshot, row.signal.reason, row.signal.source)
    return judged(row, inputs, row.signal, unless_closed(said, inputs.snapshot, after.facts, now))


def _last_word(row: DecisionRow) -> str:
    if not any(one.accepted for one in row.functions):
        return "the model gave no valid answer"
    if any(role.startswith("reviewer") for role in row.opinions):
        return "the reviewing model had a say; --without reviewer leaves it out"
    return "a person, the clock or a pause had the last word, or its arguments were not kept whole"
