"""One past trade as the model reads it: what the market was, why it was entered, how it went, what was made of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from candlegraph.agents.prompt.case_phrases import CaseWords
from candlegraph.agents.prompt.outside_text import TEXT_LENGTH, quoted, symbol
from candlegraph.agents.prompt.phrases import Words
from candlegraph.graph.schema.lessons import Case, Moment, Similar

EXIT_LENGTH = 40


class CaseDetail(NamedTuple):
    """How much of a case is told."""

    lesson: int = TEXT_LENGTH
    reason: int = 160
    own_view: int = TEXT_LENGTH
    moments: int = 3


WHOLE = CaseDetail()
CUT = CaseDetail(lesson=160, reason=80, own_view=100, moments=1)
SHORT = CaseDetail(lesson=80, reason=60, own_view=0, moments=0)


def case_line(case: Case, words: Words, detail: CaseDetail = WHOLE) -> str:
    """Return one case in one line; what is not known of it is not mentioned."""
    told = words.told
    parts = [_head(case, words), _setup(case, words), *_why(case, told, detail), _course(case, told)]
    parts += [*_moments(case, told, detail), *_own_view(case, told, detail), *_lesson(case, told, detail)]
    return told.join.join(parts)


def share_line(similar: Similar, told: CaseWords) -> str:
    """Return what the cases stand for."""
    form = told.forced if similar.is_loss_forced else told.share
    return form.format(trades=similar.trades, won=similar.won)


def _head(case: Case, words: Words) -> str:
    told = words.told
    form = told.open_head if case.is_open else told.head
    head = form.format(id=case.label, side=words.side_of(case.side), pair=symbol(case.pair), profit=case.profit_pct)
    origin = [told.imported] if case.is_imported else []
    score = [] if case.score is None else [told.score.format(case.score, symbol(case.grade))]
    return told.between.join([head, *origin, *score, told.similarity.format(case.similarity)])


def _setup(case: Case, words: Words) -> str:
    told = words.told
    market = told.unknown if case.regime is None else told.regimes[case.regime]
    if case.trend_strength is not None:
        market = told.strengths[case.trend_strength].format(market)
    known = [market] if case.rsi is None else [market, told.rsi.format(case.rsi)]
    return told.setup.format(told.between.join([*known, *_scene(case, told)]))


def _scene(case: Case, told: CaseWords) -> Iterator[str]:
    if case.scene is None:
        return
    yield told.alignment.format(case.scene.alignment, case.scene.timeframes)
    yield told.no_level if case.scene.touched is None else told.levels[case.scene.touched]
    yield from (told.patterns.get(name, symbol(name)) for name in case.scene.patterns)


def _why(case: Case, told: CaseWords, detail: CaseDetail) -> list[str]:
    return [told.why.format(quoted(case.entry_reason, detail.reason))] if case.entry_reason else []


def _course(case: Case, told: CaseWords) -> str:
    hours = case.duration_minutes / 60
    if case.is_open:
        return told.open_course.format(hours=hours)
    end = told.ends.get(case.exit_reason) or quoted(case.exit_reason, EXIT_LENGTH)
    if case.best_pct is None or case.worst_pct is None:
        return told.unseen_course.format(hours=hours, end=end)
    return told.course.format(hours=hours, best=case.best_pct, worst=case.worst_pct, end=end)


def _moments(case: Case, told: CaseWords, detail: CaseDetail) -> list[str]:
    """Return the newest moments, oldest first: what was done last shaped the end most."""
    shown = case.moments[-detail.moments :] if detail.moments else ()
    return [told.moments.format(told.between.join(_moment(one, told) for one in shown))] if shown else []


def _moment(one: Moment, told: CaseWords) -> str:
    forms = {"add": told.add, "reduction": told.reduction}
    line = forms.get(one.kind, told.record).format(
        kind=told.records.get(one.kind, ""),
        share=one.share or 0,
        profit=one.profit_pct or 0,
        hours=one.after_minutes / 60,
    )
    return line + told.said.format(quoted(one.said, 80)) if one.said else line


def _own_view(case: Case, told: CaseWords, detail: CaseDetail) -> list[str]:
    if not (case.self_evaluation and detail.own_view):
        return []
    score = "" if case.self_score is None else told.own_score.format(case.self_score)
    return [told.own_view.format(quoted(case.self_evaluation, detail.own_view)) + score]


def _lesson(case: Case, told: CaseWords, detail: CaseDetail) -> list[str]:
    return [told.lesson.format(quoted(untold(case), detail.lesson))] if case.lesson and not case.is_open else []


def untold(case: Case) -> str:
    """Return the lesson without the sentence of its course: the line has said how it went."""
    return case.lesson.removeprefix(case.course).strip() or case.lesson


def lines_of(cases: Sequence[Case], words: Words, detail: CaseDetail) -> list[str]:
    """Return a line a case."""
    return [case_line(case, words, detail) for case in cases]
