"""The reviewer's report by rules: what went right, what went wrong, the lesson, in the language of the prompts.

closed trade -> components -> sentences; entry against exit -> sentences; what a model adds stands behind them

No date and no pair, so that equal trades teach in equal words.
"""

from __future__ import annotations

from candlegraph.graph.schema.experience import ClosedTrade, Experience, Occasion, PartialExit, RecordedDecision
from candlegraph.graph.schema.market import SIGN, Frozen
from candlegraph.graph.settings.context import Language
from candlegraph.memory.counterfactual.lessons import course_told, lesson_of
from candlegraph.memory.counterfactual.phrases import SIDES
from candlegraph.memory.counterfactual.rule_phrases import (
    BAD,
    FORCED,
    GOOD,
    IN_MARKET,
    LIQUIDATED,
    LOST,
    LOST_AND,
    NEVER_GREEN,
    NO_REGIME,
    NO_STOP,
    OVERRULED,
    PART,
    REGIMES,
    TAKEN,
    TURNED,
    WITHIN_STOP,
    WON,
    WON_BUT,
    WON_THOUGH_TURNED,
    Sentences,
)
from candlegraph.memory.counterfactual.table import Table
from candlegraph.memory.learning.scores import Components, components, evaluate, reward, reward_quality, within_stop
from candlegraph.memory.learning.track import Track

TURNED_BY = 2
"""Timeframes, net, from entry to exit."""


class Insight(Frozen):
    """What a model adds to the rules' report: plain text, a line each."""

    lesson: str = ""
    went_well: str = ""
    to_improve: str = ""


NOTHING = Insight()


def experience_of(
    trade: ClosedTrade,
    track: Track | None = None,
    insight: Insight | None = None,
    table: Table | None = None,
    language: Language = "en",
) -> Experience:
    """Return the trade with its scores, rewards and lesson; `track` says how it went while it was open.

    The lesson is that of the counterfactual table; without one it is what rules say of the trade alone.
    """
    scores, said = evaluate(trade), insight or NOTHING
    if table is None or trade.forced:
        course, learnt = "", lesson(trade, track, language)
    else:
        course, learnt = course_told(table.course, language), lesson_of(table, language)
    return Experience(
        source=trade,
        scores=scores,
        reward=reward(trade.profit_pct, scores.total, trade.leverage),
        reward_quality=reward_quality(trade.profit_pct, scores.total, trade.leverage),
        strengths=(*strengths(trade, track, language), *filter(None, [said.went_well])),
        weaknesses=(*weaknesses(trade, track, language), *filter(None, [said.to_improve])),
        lesson=with_insight(learnt, said.lesson),
        course=course,
        insight=said.lesson,
        text=_text(trade, trade.entry_reason, f"closed by {trade.exit_reason}"),
    )


def with_insight(learnt: str, said: str) -> str:
    """Return a lesson with what a model adds."""
    return " ".join(filter(None, [learnt, said]))


def experience_of_decision(decision: RecordedDecision, language: Language = "en") -> Experience:
    """Return the recorded decision as an experience: no scores, its reason is the lesson."""
    told = TAKEN[decision.decision_type][language].format(decision.current_profit_pct, decision.reason)
    taken = f"{decision.decision_type} at {decision.current_profit_pct:+.1f} %"
    return Experience(source=decision, lesson=told, text=_text(decision, decision.reason, taken))


def experience_of_part(part: PartialExit, language: Language = "en") -> Experience:
    """Return the partial exit as an experience: it is no whole trade, so it has no scores and no reward."""
    told = PART[part.profit_pct > 0][language].format(
        where=_where(part, language), share=part.share, profit=part.profit_pct
    )
    done = f"{'took profit on' if part.profit_pct > 0 else 'cut'} {part.share:.0%} of it at {part.profit_pct:+.1f} %"
    return Experience(source=part, lesson=told, text=_text(part, part.reason, done))


def strengths(trade: ClosedTrade, track: Track | None = None, language: Language = "en") -> tuple[str, ...]:
    """Return one sentence for each part that went clearly well."""
    parts = components(trade)
    found = [text for name, (least, text) in GOOD.items() if getattr(parts, name) >= least]
    if trade.profit_pct < 0 and within_stop(trade):
        found.insert(0, WITHIN_STOP)
    if trade.profit_pct > 0 and has_turned(track):
        found.append(WON_THOUGH_TURNED)
    return tuple(one[language] for one in found)


def weaknesses(trade: ClosedTrade, track: Track | None = None, language: Language = "en") -> tuple[str, ...]:
    """Return one sentence for each part that went clearly badly, the gravest first."""
    return tuple(one.text[language] for one in _faults(trade, track))


def lesson(trade: ClosedTrade, track: Track | None = None, language: Language = "en") -> str:
    """Return what to do about the gravest weakness, or what to repeat."""
    if trade.forced:
        return FORCED[language]
    faults = [one.advice[language] for one in _faults(trade, track)]
    has_won = trade.profit_pct > 0
    if faults:
        return (WON_BUT if has_won else LOST_AND)[language].format(_where(trade, language), faults[0])
    return (WON if has_won else LOST)[language].format(_where(trade, language))


def _where(source: ClosedTrade | PartialExit, language: Language) -> str:
    regime = NO_REGIME if source.regime is None else REGIMES[source.regime]
    return IN_MARKET[language].format(side=SIDES[language][source.side], regime=regime[language])


def has_turned(track: Track | None) -> bool:
    """Return whether the timeframes stood clearly more against the trade at the exit than at the entry."""
    if track is None or track.comparison is None:
        return False
    sign = SIGN[track.side]
    return sign * track.comparison.alignment_change <= -TURNED_BY


def _faults(trade: ClosedTrade, track: Track | None) -> list[Sentences]:
    parts = components(trade)
    found = [told for name, (most, told) in BAD.items() if _is_bad(trade, parts, name, most)]
    if trade.planned_stop is None and not trade.is_imported:  # the earlier system kept no stop in its log
        found.insert(0, NO_STOP)
    if trade.liquidated:
        found.insert(0, LIQUIDATED)
    if trade.mfe_pct <= 0 and trade.excursions_known:
        found.append(NEVER_GREEN)
    return [*found, *(_faults_while_held(track) if trade.profit_pct < 0 else ())]


def _faults_while_held(track: Track | None) -> list[Sentences]:
    """Return what could have been seen while a losing trade was open."""
    found = [TURNED] if has_turned(track) else []
    return [*found, OVERRULED] if track is not None and track.warnings else found


def _is_bad(trade: ClosedTrade, parts: Components, name: str, most: float) -> bool:
    if name == "stop" and trade.liquidated:
        return False  # said by LIQUIDATED
    if name == "exit" and trade.mfe_pct <= 0:
        return False  # there was no best profit to keep
    if name == "entry" and not trade.excursions_known:
        return False  # that the price first went against it would have to be known
    value: float = getattr(parts, name)
    return value <= most


def _text(source: Occasion, reason: str, end: str) -> str:
    facts: list[str] = [source.side, source.regime or "unknown regime"]
    if isinstance(source, ClosedTrade):
        facts += [f"{source.trend_strength} trend"] if source.trend_strength else []
        facts += [f"RSI {source.entry_rsi:.0f}"] if source.entry_rsi is not None else []
    return f"{', '.join(facts)}; {reason}; {end}"
