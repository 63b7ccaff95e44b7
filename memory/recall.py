"""What the retrieved cases say together."""

from __future__ import annotations

from collections.abc import Sequence

from candlegraph.graph.facts import ABSENT, ExperienceFacts
from candlegraph.graph.market import Side
from candlegraph.graph.state import Case


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
