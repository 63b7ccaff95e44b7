"""What was learnt from the trades of a run: scores and rewards, the memory's growth, the calibration of confidence.

A reward is a learning score. It is never money, and stands in no column beside it without saying so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any, NamedTuple

from candlegraph.freqtrade_bridge.report.result import TradeRow
from candlegraph.freqtrade_bridge.report.rows import Linked, rounded
from candlegraph.graph.schema.experience import ClosedTrade, Experience
from candlegraph.memory.books.ledger import DecisionRow

CONFIDENCE_BINS = ((1, 49), (50, 59), (60, 69), (70, 79), (80, 89), (90, 100))
SCORE_BINS = ((0, 29), (30, 49), (50, 69), (70, 84), (85, 100))


class Said(NamedTuple):
    """What a model said of a trade, beside what became of it; `profit_pct` is net, of the stake."""

    said: float
    won: bool
    profit_pct: float
    score: float | None


def learning(
    experiences: Mapping[int, Experience], decisions: Sequence[DecisionRow], links: Linked, trades: Sequence[TradeRow]
) -> dict[str, Any]:
    """Return the learning part of the page."""
    known = sorted(experiences.values(), key=lambda one: one.source.known_at)
    closed = [one for one in known if isinstance(one.source, ClosedTrade) and not one.forced]
    return {
        "curve": [_point(one) for one in closed],
        "growth": _growth(known),
        "confidence": calibration(stated_confidence(decisions, links, trades), CONFIDENCE_BINS),
        "self": calibration(own_scores_of(closed), SCORE_BINS),
        "with_cases": sum(bool(row.case_ids) for row in decisions),
    }


def _point(one: Experience) -> list[Any]:
    """Return when a trade was learnt from, its score, its reward, and its profit in % of the stake."""
    score = None if one.scores is None else round(one.scores.total, 1)
    return [int(one.source.known_at.timestamp()), score, rounded(one.reward), round(one.profit_pct, 2)]


def _growth(known: Sequence[Experience]) -> dict[str, list[int]]:
    """Return when each experience came, by kind."""
    growth: dict[str, list[int]] = {}
    for one in known:
        growth.setdefault(one.kind, []).append(int(one.source.known_at.timestamp()))
    return growth


def stated_confidence(decisions: Sequence[DecisionRow], links: Linked, trades: Sequence[TradeRow]) -> list[Said]:
    """Return the confidence of each entry whose trade ended; one that was not stated says nothing."""
    return [
        Said(confidence, trades[number].profit_abs > 0, 100 * trades[number].profit_ratio, None)
        for number, index in links.entries.items()
        if trades[number].closed_at is not None and (confidence := decisions[index].signal.confidence) > 0
    ]


def own_scores_of(closed: Sequence[Experience]) -> list[Said]:
    """Return the model's own score of each trade that it scored, beside the evaluator's."""
    return [
        Said(one.source.model_score, one.profit_pct > 0, one.profit_pct, one.scores.total if one.scores else None)
        for one in closed
        if isinstance(one.source, ClosedTrade) and one.source.model_score is not None
    ]


def calibration(said: Sequence[Said], bins: Sequence[tuple[int, int]]) -> list[dict[str, Any]]:
    """Return what became of the trades by what was said of them; bins without a trade are left out."""
    found = []
    for low, high in bins:
        if own := [one for one in said if low <= round(one.said) <= high]:
            scores = [one.score for one in own if one.score is not None]
            found.append(
                {
                    "low": low,
                    "high": high,
                    "trades": len(own),
                    "said": round(fmean(one.said for one in own), 1),
                    "won": round(sum(one.won for one in own) / len(own), 4),
                    "profit_pct": round(fmean(one.profit_pct for one in own), 2),
                    "score": round(fmean(scores), 1) if scores else None,
                }
            )
    return found
