"""A closed trade as the model reads it that reviews it: facts, marks, what rules say, what would have been otherwise.

Without pair, date and size, so that equal trades read equal.
"""

from __future__ import annotations

from collections.abc import Iterator

from candlegraph.agents.prompt.case_text import ENDS, EXIT_LENGTH
from candlegraph.agents.prompt.chinese.said import all_said, changed, said
from candlegraph.agents.prompt.outside_text import plain, quoted
from candlegraph.graph.schema.experience import ClosedTrade, Scores
from candlegraph.graph.settings.context import Language, Phrase
from candlegraph.memory.counterfactual.lessons import lesson_of
from candlegraph.memory.counterfactual.table import AlternativeKind, Table
from candlegraph.memory.learning.report import lesson, strengths, weaknesses
from candlegraph.memory.learning.track import Track

LINE_LENGTH = 120
"""Characters of one outside text."""
SHOWN_REASONS = 5

TITLE: Phrase = {"en": "Closed trade", "zh": "已平仓的交易"}
COLON: Phrase = {"en": "{}: {}", "zh": "{}：{}"}
SIDE: Phrase = {"en": "side: {}, leverage {:g}", "zh": "方向：{}，杠杆 {:g}"}
MARKET: Phrase = {"en": "market: {}, trend strength {}", "zh": "市况：{}，趋势强度 {}"}
UNKNOWN: Phrase = {"en": "unknown", "zh": "未知"}
REASON: Phrase = {"en": "entry reason", "zh": "开仓理由"}
STOP: Phrase = {"en": "planned stop: {:.2%} from the entry", "zh": "计划止损：距开仓价 {:.2%}"}
NO_STOP: Phrase = {"en": "planned stop: none", "zh": "计划止损：无"}
EXIT: Phrase = {"en": "exit: {}, after {:.1f} candles", "zh": "平仓：{}，{:.1f} 根K线之后"}
NET: Phrase = {
    "en": "net profit: {:+.2f} % of the stake, best {:+.2f}, worst {:+.2f}",
    "zh": "净收益：保证金的 {:+.2f} %，最佳 {:+.2f}，最差 {:+.2f}",
}
EVENT: Phrase = {"en": "event", "zh": "期间"}
MARKS: Phrase = {
    "en": "marks: profit {:.0f}/30, risk {:.0f}/25, timing {:.0f}/25, efficiency {:.0f}/20; total {:.0f}, grade {}",
    "zh": "评分：收益 {:.0f}/30，风险 {:.0f}/25，时机 {:.0f}/25，效率 {:.0f}/20；合计 {:.0f}，等级 {}",
}
DECISIONS: Phrase = {
    "en": "decisions while open: {}, of them hold: {}",
    "zh": "持仓期间的决策：{} 次，其中持有 {} 次",
}
GIVEN_BACK: Phrase = {
    "en": "most given back of the best profit: {:.2f} % of the stake",
    "zh": "最佳收益的最大回吐：保证金的 {:.2f} %",
}
CHANGED: Phrase = {"en": "from entry to exit", "zh": "开仓到平仓"}
WARNING: Phrase = {"en": "warning", "zh": "警告"}
HELD_FOR: Phrase = {"en": "reason", "zh": "持有理由"}
GOOD: Phrase = {"en": "good", "zh": "优点"}
BAD: Phrase = {"en": "bad", "zh": "缺点"}
BY_RULES: Phrase = {"en": "lesson by the rules", "zh": "规则得出的教训"}
FIRST_FILL: Phrase = {
    "en": "its first fill, closed where the trade was: {:+.2f} %{}",
    "zh": "首笔成交，在该交易平仓处平掉：{:+.2f} %{}",
}
NO_FUNDING: Phrase = {"en": " (here and below without funding)", "zh": "（此处及以下未计资金费）"}
OTHERWISE: dict[AlternativeKind, Phrase] = {
    "stop": {"en": "stop of {:g} ATR", "zh": "{:g} ATR 的止损"},
    "target": {"en": "target of {:g} R", "zh": "{:g} R 的目标"},
    "earlier": {"en": "exit {:g} candles earlier", "zh": "早 {:g} 根K线平仓"},
    "later": {"en": "exit {:g} candles later", "zh": "晚 {:g} 根K线平仓"},
    "time": {"en": "closed after {:g} candles", "zh": "持有 {:g} 根K线后平仓"},
    "entry": {"en": "entry {:g} candles later", "zh": "晚 {:g} 根K线开仓"},
    "leverage": {"en": "{:g} times the leverage", "zh": "{:g} 倍的杠杆"},
    "best": {"en": "best price while it was held", "zh": "持仓期间的最佳价格"},
}
INSTEAD: Phrase = {"en": "otherwise, {}: {}{}", "zh": "改为{}：{}{}"}
MADE: Phrase = {"en": "{:+.2f} % by {}", "zh": "{:+.2f} %，结束于{}"}
NO_TRADE: Phrase = {"en": "no trade", "zh": "不会成交"}
REPLAY_ENDS: dict[str, str] = {
    "exit": "平仓",
    "stop": "止损",
    "target": "目标",
    "liquidation": "强平",
    "time": "到时",
    "horizon": "观察期末",
}
REMARKS: dict[str, str] = {"hindsight": "事后", "bound": "上限", "entry_candle": "取决于开仓那根K线"}
"""In Chinese; in English by their own names."""
AFTERWARDS: Phrase = {
    "en": "within {} candles after the end: {:.1f} ATR for it, {:.1f} ATR against it",
    "zh": "结束后 {} 根K线内：顺向 {:.1f} ATR，逆向 {:.1f} ATR",
}


def trade_text(
    trade: ClosedTrade, track: Track | None, scores: Scores, table: Table | None = None, language: Language = "en"
) -> str:
    """Return the trade in the language of the prompt."""
    ruled = lesson(trade, track, language) if table is None else lesson_of(table, language)
    lines = [*_trade_lines(trade, language), _marks(scores, language), *_track_lines(track, language)]
    lines += _named(GOOD, strengths(trade, track, language), language)
    lines += _named(BAD, weaknesses(trade, track, language), language)
    lines += _named(BY_RULES, [ruled], language)
    lines += [] if table is None else [*_table_lines(table, language)]
    return f"{TITLE[language]}\n<trade>\n" + "\n".join(lines) + "\n</trade>"


def _trade_lines(trade: ClosedTrade, language: Language) -> Iterator[str]:
    candles = (trade.closed_at - trade.opened_at).total_seconds() / 60 / trade.candle_minutes
    market = [UNKNOWN[language] if one is None else said(one, language) for one in (trade.regime, trade.trend_strength)]
    stop = trade.planned_stop
    yield SIDE[language].format(said(trade.side, language), trade.leverage)
    yield MARKET[language].format(*market)
    yield from _named(REASON, [quoted(trade.entry_reason)], language)
    yield NO_STOP[language] if stop is None else STOP[language].format(abs(stop / trade.entry_price - 1))
    yield EXIT[language].format(_exit(trade.exit_reason, language), candles)
    yield NET[language].format(trade.profit_pct, trade.mfe_pct, trade.mae_pct)
    yield from _named(EVENT, [plain(one, LINE_LENGTH) for one in trade.events], language)


def _exit(reason: str, language: Language) -> str:
    return ENDS[reason][language] if language != "en" and reason in ENDS else plain(reason, EXIT_LENGTH)


def _marks(scores: Scores, language: Language) -> str:
    parts = scores.profit, scores.risk, scores.timing, scores.efficiency
    return MARKS[language].format(*parts, scores.total, scores.grade)


def _track_lines(track: Track | None, language: Language) -> Iterator[str]:
    if track is None:
        return
    yield DECISIONS[language].format(track.decisions, track.all_holds)
    yield GIVEN_BACK[language].format(track.deepest_give_back_pct)
    if track.comparison is not None:
        yield from _named(CHANGED, changed(track.comparison.lines, language), language)
    yield from _named(WARNING, [quoted(one, LINE_LENGTH) for one in all_said(track.warnings, language)], language)
    yield from _named(HELD_FOR, [quoted(one, LINE_LENGTH) for one in track.reasons[-SHOWN_REASONS:]], language)


def _table_lines(table: Table, language: Language) -> Iterator[str]:
    """Yield what the first fill would have made with one thing done otherwise, the strongest of each kind first."""
    yield FIRST_FILL[language].format(table.actual_pct, "" if table.has_funding else NO_FUNDING[language])
    for one in sorted(table.outcomes, key=lambda one: (one.kind, -abs(table.gain_atr(one)))):
        end = one.end if language == "en" else REPLAY_ENDS.get(one.end, one.end)
        made = NO_TRADE[language] if one.end == "none" else MADE[language].format(one.profit_pct, end)
        rule = OTHERWISE[one.kind][language].format(one.value)
        yield INSTEAD[language].format(rule, made, _remarks(one.remarks, language))
    if (after := table.afterwards) is not None:
        yield AFTERWARDS[language].format(table.further, after.best_atr, after.worst_atr)


def _remarks(remarks: tuple[str, ...], language: Language) -> str:
    if not remarks:
        return ""
    if language == "en":
        return f" ({', '.join(remarks)})"
    return f"（{'，'.join(REMARKS[one] for one in remarks)}）"


def _named(name: Phrase, lines: list[str] | tuple[str, ...], language: Language) -> list[str]:
    return [COLON[language].format(name[language], line) for line in lines]
