"""Which of the similar cases are shown, in which order, and what they say together."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from candlegraph.graph.schema.facts import ABSENT, ExperienceFacts
from candlegraph.graph.schema.lessons import Case
from candlegraph.graph.schema.market import Side
from candlegraph.graph.settings.experience import Ranking, RewardMode
from candlegraph.memory.learning.outline import Outline, reward_of
from candlegraph.memory.storage.rows import micros

DAY = 86_400 * 10**6


class Candidate(NamedTuple):
    """A similar case, with what its place depends on."""

    case: Case
    outline: Outline


def ranked(
    candidates: Sequence[Candidate], *, as_of: datetime, places: int, rules: Ranking, mode: RewardMode
) -> tuple[Case, ...]:
    """Return at most `places` cases, the best first; candidates have passed the threshold and were known at `as_of`.

    At most `most_of_a_day` cases are of one pair, side and entry day. The best losing cases get `least_losing` places,
    if need be those of the last winners.
    """
    ordered = in_order(candidates, as_of=as_of, rules=rules, mode=mode)
    losers = (one for one in ordered if one.case.profit_pct < 0)
    taken = _spread([], losers, min(rules.least_losing, places), rules.most_of_a_day)
    taken = _spread(taken, ordered, places, rules.most_of_a_day)
    chosen = {one.case.id for one in taken}
    return tuple(one.case for one in ordered if one.case.id in chosen)


def in_order(candidates: Sequence[Candidate], *, as_of: datetime, rules: Ranking, mode: RewardMode) -> list[Candidate]:
    """Return all candidates by rank; ties go to the more similar one, then to the lower id."""
    sizes = sorted(abs(reward_of(one.outline, mode)) for one in candidates)
    now = micros(as_of)

    def rank(one: Candidate) -> float:
        fresh: float = 0.5 ** ((now - one.outline.known_at) / DAY / rules.half_life_days)
        important = _place(abs(reward_of(one.outline, mode)), sizes)
        gained = rules.recency_weight * fresh + rules.importance_weight * important
        return (one.case.similarity + gained) / (1 + rules.recency_weight + rules.importance_weight)

    return sorted(candidates, key=lambda one: (-rank(one), -one.case.similarity, one.case.id))


def _place(size: float, sizes: Sequence[float]) -> float:
    """Return the place of `size` among sorted sizes, 0-1; equal ones share the middle of theirs."""
    if len(sizes) < 2:
        return 0.0
    return (bisect_left(sizes, size) + bisect_right(sizes, size) - 1) / 2 / (len(sizes) - 1)


def _spread(taken: list[Candidate], ordered: Iterable[Candidate], places: int, most: int) -> list[Candidate]:
    """Return `taken` and the next best up to `places`, never more than `most` of one pair, side and day."""
    chosen = list(taken)
    days = Counter(_day(one.outline) for one in chosen)
    for one in ordered:
        if len(chosen) >= places:
            break
        if one not in taken and days[_day(one.outline)] < most:
            chosen.append(one)
            days[_day(one.outline)] += 1
    return chosen


def _day(outline: Outline) -> tuple[object, ...]:
    return outline.pair, outline.side, outline.entry_day


def summary_of(cases: Sequence[Case]) -> ExperienceFacts:
    """Return counts, success rates and mean profits per side; only closed trades count, all are named."""
    long, short = _profits(cases, "long"), _profits(cases, "short")
    return ExperienceFacts(
        long_cases=len(long),
        long_success_rate=_success_rate(long),
        long_mean_profit_pct=_mean(long),
        short_cases=len(short),
        short_success_rate=_success_rate(short),
        short_mean_profit_pct=_mean(short),
        ids=" ".join(case.label for case in cases) or ABSENT,
    )


def _profits(cases: Sequence[Case], side: Side) -> list[float]:
    return [case.profit_pct for case in cases if case.kind == "trade" and case.side == side]


def _success_rate(profits: list[float]) -> float | None:
    return _mean([float(profit > 0) for profit in profits])


def _mean(numbers: list[float]) -> float | None:
    return sum(numbers) / len(numbers) if numbers else None
