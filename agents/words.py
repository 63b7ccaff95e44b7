"""The fixed words of the prompt's second message, in both languages; the facts block keeps its English keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from candlegraph.graph.market import Side
from candlegraph.graph.settings import Language

SectionName = Literal["current_market", "account", "position", "multi_timeframe", "indicator_history", "similar_trades"]
"""As in `context_config.allocation`."""


@dataclass(frozen=True)
class Words:
    """One language. `{}` stands for what is filled in."""

    sentiment: str
    account: str
    position: str
    timeframes: str
    history: str
    cases: str
    left_out: str
    some_cases: str
    lesson_ends: str
    before: str
    unavailable: str
    since_loss: str
    thesis: str
    thesis_end: str
    past_reasons: str
    older_reasons: str
    trends: tuple[str, str, str]
    support: str
    resistance: str
    touches: str
    patterns: str
    closes: str
    averages: str
    bands: str
    far_levels: str
    older_values: str
    older_closes: str
    levels: str
    other_timeframes: str
    other_series: str
    no_case: str
    sides: tuple[str, str]
    case: str
    unscored: str
    score: str
    no_lesson: str
    comma: str
    colon: str

    @property
    def titles(self) -> dict[SectionName, str]:
        """Return the title of each section."""
        return {
            "current_market": self.sentiment,
            "position": self.position,
            "account": self.account,
            "similar_trades": self.cases,
            "multi_timeframe": self.timeframes,
            "indicator_history": self.history,
        }

    def side_of(self, side: Side) -> str:
        """Return the word for a side."""
        return self.sides[0] if side == "long" else self.sides[1]

    @property
    def trend_of(self) -> dict[int, str]:
        """Return the word for an up-trend (1), a down-trend (-1) and neither (0)."""
        up, down, mixed = self.trends
        return {1: up, -1: down, 0: mixed}


WORDS: dict[Language, Words] = {
    "en": Words(
        sentiment="Sentiment",
        account="Account",
        position="Open position",
        timeframes="Timeframes",
        history="Indicator history",
        cases="Similar past cases",
        left_out="(left out: {})",
        some_cases="{} of {} cases",
        lesson_ends="ends of the lessons",
        before="before",
        unavailable="unavailable",
        since_loss="candles since the last losing trade of the pair: {}",
        thesis="why it was opened",
        thesis_end="the end of why",
        past_reasons="latest reasons",
        older_reasons="older reasons",
        trends=("trend up", "trend down", "no clear trend"),
        support="support",
        resistance="resistance",
        touches="{} x{}",
        patterns="patterns",
        closes="closes",
        averages="EMA 20/50/200",
        bands="Bollinger",
        far_levels="farther levels",
        older_values="older values",
        older_closes="older closes",
        levels="levels",
        other_timeframes="other timeframes",
        other_series="other indicators",
        no_case="no similar past case",
        sides=("long", "short"),
        case="case {id}: {pair} {side}, similarity {similarity:.2f}, {score}, entry {entry:.6g}, held {hours:.1f} h, "
        "profit {profit:+.2f} %; lesson: {lesson}",
        unscored="unscored",
        score="score {:.0f} ({})",
        no_lesson="none",
        comma=", ",
        colon=": ",
    ),
    "zh": Words(
        sentiment="市场情绪",
        account="账户",
        position="当前持仓",
        timeframes="各周期",
        history="指标历史",
        cases="相似的历史案例",
        left_out="（未列出：{}）",
        some_cases="{1} 个案例中的 {0} 个",
        lesson_ends="教训的结尾部分",
        before="此前",
        unavailable="不可用",
        since_loss="该交易对上次亏损交易以来的K线数：{}",
        thesis="开仓理由",
        thesis_end="开仓理由的结尾部分",
        past_reasons="最近的决策理由",
        older_reasons="更早的理由",
        trends=("上升趋势", "下降趋势", "无明确趋势"),
        support="支撑",
        resistance="阻力",
        touches="{} x{}",
        patterns="形态",
        closes="收盘价",
        averages="EMA 20/50/200",
        bands="布林带",
        far_levels="较远的价位",
        older_values="更早的数值",
        older_closes="更早的收盘价",
        levels="价位",
        other_timeframes="其他周期",
        other_series="其他指标",
        no_case="没有相似的历史案例",
        sides=("做多", "做空"),
        case="案例 {id}：{pair} {side}，相似度 {similarity:.2f}，{score}，入场价 {entry:.6g}，持有 {hours:.1f} 小时，"
        "收益 {profit:+.2f} %；教训：{lesson}",
        unscored="未评分",
        score="评分 {:.0f}（{}）",
        no_lesson="无",
        comma="，",
        colon="：",
    ),
}
