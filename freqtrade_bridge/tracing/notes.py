"""What is told to a viewer: a decision, a later change of it, and at the end how its trade went."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from candlegraph.freqtrade_bridge.decisions.records import Change
from candlegraph.freqtrade_bridge.tracing.description import TraceStep, below, root_of, without_redacted
from candlegraph.freqtrade_bridge.tracing.redaction import redacted
from candlegraph.graph.reflection import ReflectionState
from candlegraph.graph.schema.experience import ClosedTrade
from candlegraph.graph.settings.settings import Settings
from candlegraph.graph.state import CandleState
from candlegraph.memory.books.ledger import DecisionRow


class Decided(NamedTuple):
    """A decision, and how its run ended."""

    row: DecisionRow
    state: CandleState | None


class Changed(NamedTuple):
    """A decision of which more is known; `state` is that of the resumed run, where one was resumed."""

    row: DecisionRow
    thread: str
    change: Change
    at: datetime
    state: CandleState | None


class Mark(NamedTuple):
    """One judgement of a decision: a number, a word, or both."""

    key: str
    score: float | None
    label: str | None
    comment: str | None


class Judged(NamedTuple):
    """A decision whose trade was closed, with its marks."""

    row: DecisionRow
    marks: tuple[Mark, ...]
    at: datetime


Note = Decided | Changed | Judged


def changed_step(note: Changed, settings: Settings) -> tuple[TraceStep, TraceStep]:
    """Return the decision as it is known now, and the step that changed it."""
    root = root_of(note.row, note.state, note.thread, settings)
    fate, lowered = root.metadata["fate"], [one.line for one in note.row.changes]
    told = {"action": note.row.signal.name, "fate": fate, "lowered": lowered}
    if settings.tracing.prompts and note.change != "fate":
        told["reason"] = note.row.signal.reason
    step = below(root, note.change, "rule", note.at, note.at, outputs=told)
    return root, without_redacted(step, settings)


def marks_of(row: DecisionRow, state: ReflectionState, settings: Settings) -> tuple[Mark, ...]:
    """Return what is known of a decision once its trade was closed: outcome, score, reward, the reviewers' words."""
    assert state.experience is not None and isinstance(state.trade, ClosedTrade), "a closed trade was learnt from"
    learnt, trade = state.experience, state.trade
    words = settings.tracing.prompts
    lesson = learnt.lesson if words else None
    found = [Mark("profit_pct", trade.profit_pct, None, f"{trade.exit_reason}, {learnt.duration_minutes:.0f} minutes")]
    if learnt.scores is not None:
        found.append(Mark("score", learnt.scores.total, learnt.scores.grade, lesson))
    if state.reward is not None:
        found.append(Mark("reward", state.reward, None, None))
    found += [Mark("reviewer", None, verdict, why if words else None) for verdict, why in verdicts(row)]
    if learnt.insight and words:
        found.append(Mark("review", None, "lesson", learnt.insight))
    return tuple(redacted_mark(one, settings) for one in found)


def verdicts(row: DecisionRow) -> Iterator[tuple[str, str]]:
    """Yield what the reviewer model said of the entry before it was made: verdict and reason."""
    for role, said in row.opinions.items():
        if role.startswith("reviewer"):
            told = json.loads(said)
            yield told["verdict"], told["reason"]


def redacted_mark(mark: Mark, settings: Settings) -> Mark:
    """Return the mark without what `tracing.redact` names."""
    return mark._replace(comment=redacted(mark.comment, settings.tracing.redact))
