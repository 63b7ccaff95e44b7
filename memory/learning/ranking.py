"""Which of the similar trades are shown, and what they say together.

found -> candidates: one a trade -> spread over days -> places: winners by their share, and the most similar of each
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from candlegraph.graph.schema.facts import ABSENT, ExperienceFacts
from candlegraph.graph.schema.lessons import Case, Similar
from candlegraph.graph.schema.market import Side
from candlegraph.memory.learning.counts import Moments
from candlegraph.memory.learning.outline import Outline
from candlegraph.memory.learning.patterns import mean_interval

SURE = 0.99
"""Level of the interval of a mean profit."""


class Candidate(NamedTuple):
    """A similar trade; how alike it is, its most similar moment says."""

    outline: Outline
    """Of the closed trade; where it is still open, of the moment."""
    similarity: float
    is_entry: bool
    """Whether its entry is similar, and not only a decision that was recorded later."""

    @property
    def is_open(self) -> bool:
        """Return whether the trade had not ended."""
        return self.outline.kind != "trade"

    @property
    def has_won(self) -> bool:
        """Return whether it ended with a net profit."""
        return not self.is_open and self.outline.profit_pct > 0

    @property
    def has_lost(self) -> bool:
        """Return whether it ended with a net loss."""
        return not self.is_open and self.outline.profit_pct < 0


class Places(NamedTuple):
    """Who is shown, the most similar first, and what of all they stand for."""

    taken: tuple[Candidate, ...]
    similar: Similar | None
    """None: no closed trade is similar."""


def spread(candidates: Iterable[Candidate], most: int) -> list[Candidate]:
    """Return the first `most` of each pair, side and entry day: ten trades of one afternoon are one experience."""
    days: Counter[tuple[object, ...]] = Counter()
    kept = []
    for one in candidates:
        day = one.outline.pair, one.outline.side, one.outline.entry_day
        days[day] += 1
        if days[day] <= most:
            kept.append(one)
    return kept


def counted(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Return the closed trades whose entry is similar: a trade that only a recorded winner brought is no evidence."""
    return [one for one in candidates if one.is_entry and not one.is_open]


def placed(candidates: Sequence[Candidate], *, places: int, least_losing: int, draw: float) -> Places:
    """Return who gets a place; candidates come the most similar first.

    Of k places floor(k x share + draw) go to winners, share being that of the similar closed trades: over all draws in
    [0, 1) exactly the share. The best losing ones get `least_losing` places, if need be those of the last winners. An
    open trade has no outcome: the most similar one takes a place if it is among the `places` most similar of all.
    """
    open_ones = [one for one in candidates[:places] if one.is_open][:1]
    ended = [one for one in candidates if not one.is_open]
    evidence, k = counted(ended), min(places - len(open_ones), len(ended))
    winners, others = [one for one in ended if one.has_won], [one for one in ended if not one.has_won]
    by_share = others[: max(0, k - min(len(winners), _winning_places(ended, evidence, k, draw)))]
    lost = [one for one in others if one.has_lost][: min(least_losing, k)]
    kept = [*lost, *(one for one in by_share if one not in lost)][: max(len(lost), len(by_share))]
    kept += winners[: k - len(kept)]
    taken = tuple(sorted([*open_ones, *kept], key=_nearest))
    if not evidence:
        return Places(taken, None)
    is_forced = len(lost) > sum(one.has_lost for one in by_share)
    won = sum(one.has_won for one in evidence)
    return Places(taken, Similar(trades=len(evidence), won=won, is_loss_forced=is_forced))


def _winning_places(ended: Sequence[Candidate], evidence: Sequence[Candidate], k: int, draw: float) -> int:
    """Return how many of `k` places are the winners'; without evidence as many as are the most similar."""
    if not evidence:
        return sum(one.has_won for one in ended[:k])
    return math.floor(k * sum(one.has_won for one in evidence) / len(evidence) + draw)


def drawn(situation: Sequence[float]) -> float:
    """Return a number in [0, 1) that follows from the situation alone, so that equal markets show equal cases."""
    told = " ".join(f"{one:.6g}" for one in situation)
    return int.from_bytes(hashlib.sha256(told.encode()).digest()[:6]) / 2**48


def summary_of(candidates: Iterable[Candidate], shown: Sequence[Case]) -> ExperienceFacts:
    """Return counts, success rates and mean profits of the similar closed trades per side, and who is shown."""
    evidence = counted(candidates)
    long, short = _profits(evidence, "long"), _profits(evidence, "short")
    return ExperienceFacts(
        long_cases=len(long),
        long_success_rate=_success_rate(long),
        long_mean_profit_pct=_mean(long),
        short_cases=len(short),
        short_success_rate=_success_rate(short),
        short_mean_profit_pct=_mean(short),
        long_within_pct=_within(long),
        short_within_pct=_within(short),
        ids=" ".join(case.label for case in shown) or ABSENT,
    )


def _nearest(one: Candidate) -> tuple[float, int]:
    return -one.similarity, one.outline.id


def _profits(evidence: Sequence[Candidate], side: Side) -> list[float]:
    return [one.outline.profit_pct for one in evidence if one.outline.side == side]


def _success_rate(profits: list[float]) -> float | None:
    return _mean([float(profit > 0) for profit in profits])


def _mean(numbers: list[float]) -> float | None:
    return sum(numbers) / len(numbers) if numbers else None


def _within(profits: Sequence[float]) -> float | None:
    """Return half the interval of the mean: a strict one, since it is looked at again and again."""
    moments = Moments()
    for one in profits:
        moments.add(one)
    return mean_interval(moments, SURE).high - moments.mean if moments.count > 1 else None
