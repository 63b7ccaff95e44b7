"""One experience as a case: what of it a prompt may tell."""

from __future__ import annotations

from typing import Any

from candlegraph.graph.schema.experience import ClosedTrade, Experience, PartialExit
from candlegraph.graph.schema.lessons import Case, Moment


def case_of(experience_id: int, experience: Experience) -> Case:
    """Return the experience as a case; how similar it is, the question says."""
    source, scores = experience.source, experience.scores
    return Case(
        id=experience_id,
        kind=experience.kind,
        pair=source.pair,
        side=source.side,
        similarity=0,
        profit_pct=experience.profit_pct,
        score=scores.total if scores else None,
        grade=scores.grade if scores else "",
        entry_price=source.entry_price,
        duration_minutes=experience.duration_minutes,
        lesson=experience.lesson,
        course=experience.course,
        regime=source.regime,
        moments=moments_of(experience),
        **(_of_trade(source) if isinstance(source, ClosedTrade) else {}),
    )


def moments_of(experience: Experience) -> tuple[Moment, ...]:
    """Return what was done while the trade was open, as far as this experience says it."""
    source, after = experience.source, experience.duration_minutes
    if isinstance(source, ClosedTrade):
        return tuple(Moment(kind="add", after_minutes=one.after_minutes, share=one.share) for one in source.additions)
    if isinstance(source, PartialExit):
        return (Moment(kind="reduction", after_minutes=after, share=source.share, profit_pct=source.profit_pct),)
    told = {"profit_pct": source.profit_pct, "said": source.reason}
    return (Moment(kind=source.decision_type, after_minutes=after, **told),)


def _of_trade(trade: ClosedTrade) -> dict[str, Any]:
    return {
        "trend_strength": trade.trend_strength,
        "rsi": trade.entry_rsi,
        "scene": trade.scene,
        "entry_reason": trade.entry_reason,
        "best_pct": trade.mfe_pct if trade.excursions_known else None,
        "worst_pct": trade.mae_pct if trade.excursions_known else None,
        "is_imported": trade.is_imported,
        "exit_reason": trade.exit_reason,
        "self_evaluation": trade.self_evaluation,
        "self_score": trade.model_score,
    }
