"""The reviewer's report by rules: what went right, what went wrong, the lesson.

closed trade -> components -> sentences; entry against exit -> sentences; what a model adds stands behind them

No date and no pair, so that equal trades teach in equal words.
"""

from __future__ import annotations

from candlegraph.graph.schema.experience import ClosedTrade, Experience, Occasion, PartialExit, RecordedDecision
from candlegraph.graph.schema.market import Frozen, sign_of
from candlegraph.graph.settings.context import Language
from candlegraph.memory.counterfactual.lessons import course_told, lesson_of
from candlegraph.memory.counterfactual.table import Table
from candlegraph.memory.learning.scores import Components, components, evaluate, reward, reward_quality, within_stop
from candlegraph.memory.learning.track import Track

# part: (from here on it counts as good, sentence), (up to here as bad, sentence, advice)
GOOD: dict[str, tuple[float, str]] = {
    "profit": (20, "The net profit was at least 5 % of the stake."),
    "leverage": (5, "The leverage was modest."),
    "give_back": (2.5, "Most of the best profit was kept."),
    "entry": (6, "The entry was well timed: the price hardly went against it."),
    "exit": (6.5, "The exit came close to the best price."),
    "efficiency": (15, "The profit came quickly."),
}
BAD: dict[str, tuple[float, str, str]] = {
    "stop": (-5, "The loss went beyond the planned stop.", "leave at the planned stop, never later"),
    "leverage": (-5, "The leverage was high.", "take less leverage"),
    "profit": (5, "The loss was at least 5 % of the stake.", "risk less on this setup, or skip it"),
    "entry": (-6, "The entry was early: the price first went far against it.", "wait for confirmation before entering"),
    "exit": (-6.5, "The exit kept little or nothing of the best profit.", "take profit while it is there"),
    "give_back": (-2.5, "Most of the best profit was given back.", "tighten the stop once the profit has grown"),
}
LIQUIDATED = ("The position was liquidated.", "keep the stop well before liquidation")
NO_STOP = ("No stop was planned.", "plan a stop before entering")
NEVER_GREEN = ("The trade was never in profit.", "wait for confirmation before entering")
TURNED = ("The timeframes turned against the trade while it was held.", "leave when the timeframes turn")
TURNED_BY = 2
"""Timeframes, net, from entry to exit."""
OVERRULED = ("It was held against the checker's warnings.", "heed the warnings while a trade loses")
WON_THOUGH_TURNED = "It was closed in profit although the timeframes had turned against it."


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

    The lesson is that of the counterfactual table; without one it is what rules say of the trade alone, in English.
    """
    scores, said = evaluate(trade), insight or NOTHING
    if table is None or trade.forced:
        course, learnt = "", lesson(trade, track)
    else:
        course, learnt = course_told(table.course, language), lesson_of(table, language)
    return Experience(
        source=trade,
        scores=scores,
        reward=reward(trade.profit_pct, scores.total, trade.leverage),
        reward_quality=reward_quality(trade.profit_pct, scores.total, trade.leverage),
        strengths=(*strengths(trade, track), *filter(None, [said.went_well])),
        weaknesses=(*weaknesses(trade, track), *filter(None, [said.to_improve])),
        lesson=with_insight(learnt, said.lesson),
        course=course,
        insight=said.lesson,
        text=_text(trade, trade.entry_reason, f"closed by {trade.exit_reason}"),
    )


def with_insight(learnt: str, said: str) -> str:
    """Return a lesson with what a model adds."""
    return " ".join(filter(None, [learnt, said]))


def experience_of_decision(decision: RecordedDecision) -> Experience:
    """Return the recorded decision as an experience: no scores, its reason is the lesson."""
    taken = f"{decision.decision_type} at {decision.current_profit_pct:+.1f} %"
    return Experience(
        source=decision, lesson=f"{taken}: {decision.reason}", text=_text(decision, decision.reason, taken)
    )


def experience_of_part(part: PartialExit) -> Experience:
    """Return the partial exit as an experience: it is no whole trade, so it has no scores and no reward."""
    done = "took profit on" if part.profit_pct > 0 else "cut"
    told = f"{done} {part.share:.0%} of it at {part.profit_pct:+.1f} %"
    where = f"{part.side.capitalize()} in {part.regime or 'an unknown regime'}"
    return Experience(source=part, lesson=f"{where}: {told}.", text=_text(part, part.reason, told))


def strengths(trade: ClosedTrade, track: Track | None = None) -> tuple[str, ...]:
    """Return one sentence for each part that went clearly well."""
    parts = components(trade)
    found = [text for name, (least, text) in GOOD.items() if getattr(parts, name) >= least]
    if trade.profit_pct < 0 and within_stop(trade):
        found.insert(0, "The loss stayed within the planned stop.")
    if trade.profit_pct > 0 and has_turned(track):
        found.append(WON_THOUGH_TURNED)
    return tuple(found)


def weaknesses(trade: ClosedTrade, track: Track | None = None) -> tuple[str, ...]:
    """Return one sentence for each part that went clearly badly, the gravest first."""
    return tuple(text for text, _ in _faults(trade, track))


def lesson(trade: ClosedTrade, track: Track | None = None) -> str:
    """Return what to do about the gravest weakness, or what to repeat."""
    if trade.forced:
        return "Closed by the end of the data: nothing to learn."
    outcome = f"{trade.side.capitalize()} in {trade.regime or 'an unknown regime'}"
    faults = _faults(trade, track)
    if trade.profit_pct > 0:
        return f"{outcome} won; next time {faults[0][1]}." if faults else f"{outcome} won; repeat it the same way."
    if faults:
        return f"{outcome} lost; next time {faults[0][1]}."
    return f"{outcome} lost in good order: the plan was kept, the market went the other way."


def has_turned(track: Track | None) -> bool:
    """Return whether the timeframes stood clearly more against the trade at the exit than at the entry."""
    if track is None or track.comparison is None:
        return False
    sign = sign_of(track.side)
    return sign * track.comparison.alignment_change <= -TURNED_BY


def _faults(trade: ClosedTrade, track: Track | None) -> list[tuple[str, str]]:
    parts = components(trade)
    found = [(text, advice) for name, (most, text, advice) in BAD.items() if _is_bad(trade, parts, name, most)]
    if trade.planned_stop is None and not trade.is_imported:  # the earlier system kept no stop in its log
        found.insert(0, NO_STOP)
    if trade.liquidated:
        found.insert(0, LIQUIDATED)
    if trade.mfe_pct <= 0 and trade.excursions_known:
        found.append(NEVER_GREEN)
    return [*found, *(_faults_while_held(track) if trade.profit_pct < 0 else ())]


def _faults_while_held(track: Track | None) -> list[tuple[str, str]]:
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
