"""One past trade as the model reads it: what the market was, why it was entered, how it went, what was made of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from candlegraph.agents.prompt.outside_text import TEXT_LENGTH, quoted, symbol
from candlegraph.agents.prompt.phrases import Words
from candlegraph.agents.prompt.timeframes import pattern_name
from candlegraph.graph.schema.lessons import Case, Moment, Similar
from candlegraph.graph.schema.market import Regime, Strength
from candlegraph.graph.schema.scene import Touched
from candlegraph.graph.settings.context import Language, Phrase

EXIT_LENGTH = 40

HEAD: Phrase = {
    "en": "case {id}: {side} {pair}, {profit:+.2f} % net",
    "zh": "案例 {id}：{side} {pair}，净收益 {profit:+.2f} %",
}
OPEN_HEAD: Phrase = {
    "en": "case {id}: {side} {pair}, still open, {profit:+.2f} % net then",
    "zh": "案例 {id}：{side} {pair}，尚未平仓，当时净收益 {profit:+.2f} %",
}
IMPORTED: Phrase = {"en": "imported from the earlier system", "zh": "由旧系统导入"}
SCORE: Phrase = {"en": "score {:.0f} ({})", "zh": "评分 {:.0f}（{}）"}
SIMILARITY: Phrase = {"en": "similarity {:.2f}", "zh": "相似度 {:.2f}"}
SETUP: Phrase = {"en": "entered in {}", "zh": "开仓时：{}"}
WHY: Phrase = {"en": "its reason: {}", "zh": "理由：{}"}
COURSE: Phrase = {
    "en": "held {hours:.1f} h, best {best:+.1f} %, worst {worst:+.1f} %, {end}",
    "zh": "持有 {hours:.1f} 小时，最佳 {best:+.1f} %，最差 {worst:+.1f} %，{end}",
}
OPEN_COURSE: Phrase = {"en": "open for {hours:.1f} h at least", "zh": "至少已持有 {hours:.1f} 小时"}
UNSEEN_COURSE: Phrase = {
    "en": "held {hours:.1f} h, best and worst not known, {end}",
    "zh": "持有 {hours:.1f} 小时，最佳与最差未知，{end}",
}
MOMENTS: Phrase = {"en": "on the way: {}", "zh": "期间：{}"}
OWN_VIEW: Phrase = {"en": "said at its exit: {}", "zh": "平仓时的自评：{}"}
OWN_SCORE: Phrase = {"en": " (scored itself {:.0f})", "zh": "（自评分 {:.0f}）"}
LESSON: Phrase = {"en": "lesson: {}", "zh": "教训：{}"}
NO_LEVEL: Phrase = {"en": "no level near", "zh": "附近无关键价位"}
ALIGNMENT: Phrase = {"en": "alignment {:+d} of {}", "zh": "周期一致性 {:+d}/{}"}
RSI: Phrase = {"en": "RSI {:.0f}", "zh": "RSI {:.0f}"}
ADD: Phrase = {"en": "added {share:.0%} after {hours:.1f} h", "zh": "{hours:.1f} 小时后加仓 {share:.0%}"}
REDUCTION: Phrase = {
    "en": "closed {share:.0%} at {profit:+.1f} % after {hours:.1f} h",
    "zh": "{hours:.1f} 小时后以 {profit:+.1f} % 平掉 {share:.0%}",
}
RECORD: Phrase = {
    "en": "{kind} at {profit:+.1f} % after {hours:.1f} h",
    "zh": "{hours:.1f} 小时后在 {profit:+.1f} % 时{kind}",
}
SAID: Phrase = {"en": " ({})", "zh": "（{}）"}
SHARE: Phrase = {
    "en": "{won} of {trades} similar closed trades won; shown in that proportion, the most similar of each:",
    "zh": "{trades} 笔相似的已平仓交易中 {won} 笔盈利；按此比例展示，各取最相似者：",
}
FORCED: Phrase = {
    "en": "{won} of {trades} similar closed trades won; one loser is always shown, here more than its share:",
    "zh": "{trades} 笔相似的已平仓交易中 {won} 笔盈利；总会展示一笔亏损，此处多于其比例：",
}
UNKNOWN: Phrase = {"en": "an unknown market", "zh": "未知市况"}
BETWEEN: Phrase = {"en": ", ", "zh": "，"}
JOIN: Phrase = {"en": "; ", "zh": "；"}
REGIMES: dict[Regime, Phrase] = {
    "trend_up": {"en": "up-trend", "zh": "上升趋势"},
    "trend_down": {"en": "down-trend", "zh": "下降趋势"},
    "range": {"en": "range", "zh": "震荡"},
}
STRENGTHS: dict[Strength, Phrase] = {
    "strong": {"en": "strong {}", "zh": "强势{}"},
    "moderate": {"en": "moderate {}", "zh": "中等强度{}"},
    "weak": {"en": "weak {}", "zh": "弱势{}"},
}
LEVELS: dict[Touched, Phrase] = {
    "support": {"en": "at support", "zh": "位于支撑"},
    "resistance": {"en": "at resistance", "zh": "位于阻力"},
}
RECORDS: dict[str, Phrase] = {
    "hold": {"en": "decided to hold", "zh": "决定持有"},
    "exit": {"en": "decided to leave", "zh": "决定离场"},
}
ENDS: dict[str, Phrase] = {
    "graph_exit": {"en": "closed by decision", "zh": "按决策平仓"},
    "exit_signal": {"en": "closed by decision", "zh": "按决策平仓"},
    "stop_loss": {"en": "stopped out", "zh": "止损出场"},
    "stoploss_on_exchange": {"en": "stopped out", "zh": "止损出场"},
    "trailing_stop_loss": {"en": "stopped by the moved stop", "zh": "被移动后的止损平仓"},
    "roi": {"en": "target reached", "zh": "到达目标价"},
    "liquidation": {"en": "liquidated", "zh": "被强制平仓"},
    "force_exit": {"en": "closed by hand", "zh": "人工平仓"},
    "emergency_stop": {"en": "closed by the emergency stop", "zh": "被紧急止损平仓"},
    "graph_stop_missing": {"en": "closed: its stop was missing", "zh": "因缺少止损而平仓"},
    "graph_stop_passed": {"en": "closed: the price had passed its stop", "zh": "因价格已越过止损而平仓"},
}
"""By Freqtrade's exit reason or our exit tag; another one is told as it is."""


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
    language = words.language
    parts = [_head(case, words), _setup(case, words), *_why(case, language, detail), _course(case, language)]
    parts += [*_moments(case, language, detail), *_own_view(case, language, detail), *_lesson(case, language, detail)]
    return JOIN[language].join(parts)


def share_line(similar: Similar, language: Language) -> str:
    """Return what the cases stand for."""
    form = FORCED if similar.is_loss_forced else SHARE
    return form[language].format(trades=similar.trades, won=similar.won)


def _head(case: Case, words: Words) -> str:
    language = words.language
    form = OPEN_HEAD[language] if case.is_open else HEAD[language]
    head = form.format(id=case.label, side=words.side_of(case.side), pair=symbol(case.pair), profit=case.profit_pct)
    origin = [IMPORTED[language]] if case.is_imported else []
    score = [] if case.score is None else [SCORE[language].format(case.score, symbol(case.grade))]
    return BETWEEN[language].join([head, *origin, *score, SIMILARITY[language].format(case.similarity)])


def _setup(case: Case, words: Words) -> str:
    language = words.language
    market = UNKNOWN[language] if case.regime is None else REGIMES[case.regime][language]
    if case.trend_strength is not None:
        market = STRENGTHS[case.trend_strength][language].format(market)
    known = [market] if case.rsi is None else [market, RSI[language].format(case.rsi)]
    return SETUP[language].format(BETWEEN[language].join([*known, *_scene(case, words)]))


def _scene(case: Case, words: Words) -> Iterator[str]:
    if case.scene is None:
        return
    language, touched = words.language, case.scene.touched
    yield ALIGNMENT[language].format(case.scene.alignment, case.scene.timeframes)
    yield NO_LEVEL[language] if touched is None else LEVELS[touched][language]
    yield from (pattern_name(name, words) for name in case.scene.patterns)


def _why(case: Case, language: Language, detail: CaseDetail) -> list[str]:
    return [WHY[language].format(quoted(case.entry_reason, detail.reason))] if case.entry_reason else []


def _course(case: Case, language: Language) -> str:
    hours = case.duration_minutes / 60
    if case.is_open:
        return OPEN_COURSE[language].format(hours=hours)
    known = ENDS.get(case.exit_reason)
    end = quoted(case.exit_reason, EXIT_LENGTH) if known is None else known[language]
    if case.best_pct is None or case.worst_pct is None:
        return UNSEEN_COURSE[language].format(hours=hours, end=end)
    return COURSE[language].format(hours=hours, best=case.best_pct, worst=case.worst_pct, end=end)


def _moments(case: Case, language: Language, detail: CaseDetail) -> list[str]:
    """Return the newest moments, oldest first: what was done last shaped the end most."""
    shown = case.moments[-detail.moments :] if detail.moments else ()
    told = BETWEEN[language].join(_moment(one, language) for one in shown)
    return [MOMENTS[language].format(told)] if shown else []


def _moment(one: Moment, language: Language) -> str:
    form = {"add": ADD, "reduction": REDUCTION}.get(one.kind, RECORD)
    line = form[language].format(
        kind=RECORDS[one.kind][language] if one.kind in RECORDS else "",
        share=one.share or 0,
        profit=one.profit_pct or 0,
        hours=one.after_minutes / 60,
    )
    return line + SAID[language].format(quoted(one.said, 80)) if one.said else line


def _own_view(case: Case, language: Language, detail: CaseDetail) -> list[str]:
    if not (case.self_evaluation and detail.own_view):
        return []
    score = "" if case.self_score is None else OWN_SCORE[language].format(case.self_score)
    return [OWN_VIEW[language].format(quoted(case.self_evaluation, detail.own_view)) + score]


def _lesson(case: Case, language: Language, detail: CaseDetail) -> list[str]:
    return [LESSON[language].format(quoted(untold(case), detail.lesson))] if case.lesson and not case.is_open else []


def untold(case: Case) -> str:
    """Return the lesson without the sentence of its course: the line has said how it went."""
    return case.lesson.removeprefix(case.course).strip() or case.lesson


def lines_of(cases: Sequence[Case], words: Words, detail: CaseDetail) -> list[str]:
    """Return a line a case."""
    return [case_line(case, words, detail) for case in cases]
