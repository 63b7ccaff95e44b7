"""Whether a model decides otherwise than it did, the last 7 days than the 28 before: a hosted one changes silently.

rows → days → one permutation test a measure, of whole days → what is unlikely to be chance

A day is one observation: decisions within it, and of pairs in one market, depend on each other. The measures share one
error: where nothing has changed, fewer than one look in 1000 finds any of them changed.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from math import log
from statistics import fmean, median
from typing import Literal, NamedTuple, Self, get_args

import numpy as np
from pydantic import Field

from candlegraph.graph.schema.frozen import Frozen
from candlegraph.graph.schema.signal import Action
from candlegraph.graph.settings.llm import Depth
from candlegraph.memory.books.ledger import DecisionRow

Measure = Literal["actions", "confidence", "repairs", "latency"]
MEASURES: tuple[Measure, ...] = get_args(Measure)
ALPHA = 0.001
"""Of all measures together (Bonferroni)."""
RECENT, BEFORE = timedelta(days=7), timedelta(days=28)
LEAST_RECENT, LEAST_BEFORE, LEAST_A_DAY = 5, 14, 5
"""Days with decisions that are needed, and decisions that make a day."""
RESAMPLES = 9_999
ACTIONS: tuple[Action, ...] = get_args(Action)


class MeasureChange(Frozen):
    """One measure in both spans."""

    name: Measure
    before: str
    recent: str
    p: float = Field(ge=0, le=1, description="how often chance alone moves whole days so far apart")
    is_changed: bool


class DriftReport(Frozen):
    """One comparison; without measures where there are too few days."""

    end: datetime
    model: str
    recent_days: int
    before_days: int
    measures: tuple[MeasureChange, ...]

    @property
    def changed(self) -> tuple[MeasureChange, ...]:
        """Return what has changed more than chance explains."""
        return tuple(one for one in self.measures if one.is_changed)

    @property
    def line(self) -> str:
        """Return what has changed for a person, one line."""
        told = ", ".join(f"{one.name} {one.before} -> {one.recent}" for one in self.changed)
        return f"{self.model} decides otherwise than in the weeks before: {told}; the model or the market has changed"


class ComparedDecision(NamedTuple):
    """What is compared of one decision. The whole row has 10 kB and more, and five weeks have tens of thousands."""

    as_of: datetime
    model: str
    prompt_version: str
    depth: Depth
    action: Action
    confidence: float
    repairs: int
    latency_ms: float

    @classmethod
    def of(cls, row: DecisionRow) -> Self:
        """Return what is compared of a row."""
        wanted, confidence = row.signal.wanted.action, row.signal.confidence
        asked = row.as_of, row.model, row.prompt_version, row.depth
        return cls(*asked, wanted, confidence, row.repairs, row.latency_ms)


Day = Sequence[ComparedDecision]


class Spans(NamedTuple):
    """Days with enough decisions, before and recent."""

    before: Sequence[Day]
    recent: Sequence[Day]


def monday_of(now: datetime) -> datetime:
    """Return when the week of `now` began, UTC."""
    day = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return day - timedelta(days=day.weekday())


def drift_of(rows: Iterable[DecisionRow], end: datetime) -> DriftReport:
    """Return how the 7 days before `end` compare with the 28 before these; only of the newest model and prompt."""
    asked = [ComparedDecision.of(row) for row in rows if row.as_of < end and _is_asked(row)]
    newest = max(asked, key=lambda one: one.as_of, default=None)
    same = [one for one in asked if newest is not None and _is_same(one, newest)]
    spans = Spans(_days(same, end - RECENT - BEFORE, end - RECENT), _days(same, end - RECENT, end))
    is_enough = len(spans.recent) >= LEAST_RECENT and len(spans.before) >= LEAST_BEFORE
    return DriftReport(
        end=end,
        model="" if newest is None else newest.model,
        recent_days=len(spans.recent),
        before_days=len(spans.before),
        measures=tuple(_compared(name, spans) for name in MEASURES) if is_enough else (),
    )


def _is_asked(row: DecisionRow) -> bool:
    return row.signal.source == "model" and bool(row.model_calls)


def _is_same(one: ComparedDecision, newest: ComparedDecision) -> bool:
    """Return whether a person changed nothing between the two: what he changes is no drift."""
    return (one.model, one.prompt_version, one.depth) == (newest.model, newest.prompt_version, newest.depth)


def _days(decisions: Sequence[ComparedDecision], begin: datetime, end: datetime) -> Sequence[Day]:
    days: Mapping[date, list[ComparedDecision]] = defaultdict(list)
    for one in decisions:
        if begin <= one.as_of < end:
            days[one.as_of.astimezone(UTC).date()].append(one)
    return [of_day for of_day in days.values() if len(of_day) >= LEAST_A_DAY]


def _compared(name: Measure, spans: Spans) -> MeasureChange:
    values = np.array([VALUES[name](day) for day in (*spans.recent, *spans.before)])
    p = chance(values, len(spans.recent))
    before, recent = ([one for day in span for one in day] for span in spans)
    told = TOLD[name]
    return MeasureChange(name=name, before=told(before), recent=told(recent), p=p, is_changed=p < ALPHA / len(MEASURES))


def chance(values: np.ndarray, recent: int, resamples: int = RESAMPLES) -> float:
    """Return how often days dealt anew lie so far apart; `values` has a row for each day, the recent ones first.

    The distance is that of the means, summed over what a row holds.
    """
    from scipy.stats import permutation_test  # seconds, and needed once a week

    def distance(one: np.ndarray, other: np.ndarray, axis: int) -> np.ndarray:
        means = [values[days.astype(int)].mean(axis=-2) for days in (one, other)]
        return np.asarray(np.abs(means[0] - means[1]).sum(axis=-1))

    days = np.arange(len(values), dtype=float)
    found = permutation_test(
        (days[:recent], days[recent:]),
        distance,
        vectorized=True,
        n_resamples=resamples,
        alternative="greater",
        rng=np.random.default_rng(0),
    )
    return float(found.pvalue)


def _shares(decisions: Sequence[ComparedDecision]) -> list[float]:
    counts = Counter[str](one.action for one in decisions)
    return [counts[action] / len(decisions) for action in ACTIONS]


def _seconds(decisions: Sequence[ComparedDecision]) -> float:
    return median(one.latency_ms for one in decisions) / 1000


VALUES: Mapping[Measure, Callable[[Day], list[float]]] = {
    "actions": _shares,
    "confidence": lambda day: [fmean(one.confidence for one in day)],
    "repairs": lambda day: [fmean(one.repairs for one in day)],
    "latency": lambda day: [log(max(_seconds(day), 1e-3))],
}
TOLD: Mapping[Measure, Callable[[Sequence[ComparedDecision]], str]] = {
    "actions": lambda span: _mix(span),
    "confidence": lambda span: f"{fmean(one.confidence for one in span):.1f}",
    "repairs": lambda span: f"{fmean(one.repairs for one in span):.3f} a decision",
    "latency": lambda span: f"{_seconds(span):.2g} s",
}


def _mix(decisions: Sequence[ComparedDecision]) -> str:
    shares = sorted(zip(_shares(decisions), ACTIONS, strict=True), reverse=True)
    return " ".join(f"{action} {100 * share:.0f} %" for share, action in shares if share >= 0.005)
