"""Words that several sections of the prompt use; the facts block keeps its English keys.

What only one section says stands beside the code that says it, as a `Phrase` in both languages.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from candlegraph.graph.schema.facts import VerdictWord
from candlegraph.graph.schema.lessons import AdvisedKind
from candlegraph.graph.schema.market import Side
from candlegraph.graph.settings.context import Language

SectionName = Literal["current_market", "account", "position", "multi_timeframe", "indicator_history", "similar_trades"]
"""As in `context_config.allocation`."""


@dataclass(frozen=True, eq=False)  # one a language, looked up by itself: what is kept by it is found at once
class Words:
    """One language. `{}` stands for what is filled in."""

    language: Language
    sentiment: str
    account: str
    position: str
    timeframes: str
    history: str
    cases: str
    left_out: str
    some_cases: str
    case_ends: str
    other_lessons: str
    unavailable: str
    at_exit: str
    own_scores: str
    too_high: str
    too_low: str
    on_the_mark: str
    older_values: str
    no_case: str
    sides: tuple[str, str]
    similar: str
    within: str
    a_few: str
    leaning: tuple[str, str]
    guidance: str
    no_trend: str
    too_few: str
    verdicts: tuple[str, str, str]
    setup: str
    any: str
    pattern: str
    net_r: str
    unknown_r: str
    advice: str
    comma: str
    colon: str
    rules: Mapping[AdvisedKind, str] = field(hash=False)

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

    def verdict_of(self, verdict: VerdictWord) -> str:
        """Return the word for what a pattern says."""
        warned, favoured, undecided = self.verdicts
        return {"warned": warned, "favoured": favoured}.get(verdict, undecided)


WORDS: dict[Language, Words] = {
    "en": Words(
        language="en",
        sentiment="Sentiment",
        account="Account",
        position="Open position",
        timeframes="Timeframes",
        history="Indicator history",
        cases="Similar past cases",
        left_out="(left out: {})",
        some_cases="{} of {} cases",
        case_ends="part of each case",
        other_lessons="the rest of what was learnt",
        unavailable="unavailable",
        at_exit="if you leave: score the whole trade in trade_score, and say in the reason what was right, what was "
        "wrong, what to do next time",
        own_scores="; your last {trades} scores were {told}",
        too_high="{} too high",
        too_low="{} too low",
        on_the_mark="right on average",
        older_values="older values",
        no_case="no similar past case",
        sides=("long", "short"),
        similar="{side}: {count} similar closed trades, {rate:.0%} of them won, mean profit {profit:+.2f} %{within}",
        within=" (±{:.2f}, 99% interval)",
        a_few=" (too few to tell)",
        leaning=("{} (evidence for it {:.1f}, 20 proves it)", "{} (evidence against it {:.1f}, 20 proves it)"),
        guidance="all {trades} closed trades: net result {net:+.2f} (money); learning score {reward:+.4f} "
        "(not profit), recent trend {trend}; "
        "R: the loss at the first stop, fees included; in brackets: {level:.0%} intervals",
        no_trend="unknown",
        too_few="no guidance yet: {} of {} closed trades",
        verdicts=("warning", "favourable", "undecided"),
        setup="{side} in {regime}, trend strength {strength}, RSI {rsi}, volatility {volatility}, leverage {leverage}",
        any="any",
        pattern="{verdict}: {setup}: {trades} trades, {rate:.0%} won ({low:.0%} to {high:.0%}), mean result {net}, "
        "mean learning score {reward:+.4f} ({reward_low:+.4f} to {reward_high:+.4f})",
        net_r="{:+.2f} R",
        unknown_r="in R unknown",
        advice="advice: {setup}: over {trades} trades {rule} would have made {gain:+.1f} ATR a trade more than what "
        "was done, more than luck explains",
        comma=", ",
        colon=": ",
        rules={
            "stop": "a stop of {:g} ATR",
            "target": "a target of {:g} R",
            "later": "leaving {:g} candles later",
            "time": "leaving after {:g} candles",
        },
    ),
    "zh": Words(
        language="zh",
        sentiment="市场情绪",
        account="账户",
        position="当前持仓",
        timeframes="各周期",
        history="指标历史",
        cases="相似的历史案例",
        left_out="（未列出：{}）",
        some_cases="{1} 个案例中的 {0} 个",
        case_ends="各案例的一部分",
        other_lessons="其余的经验总结",
        unavailable="不可用",
        at_exit="若要离场：trade_score 给整笔交易评分，reason 说明做对了什么、做错了什么、下次该怎么做",
        own_scores="；你最近 {trades} 次自评{told}",
        too_high="平均偏高 {} 分",
        too_low="平均偏低 {} 分",
        on_the_mark="平均不偏",
        older_values="更早的数值",
        no_case="没有相似的历史案例",
        sides=("做多", "做空"),
        similar="{side}：{count} 笔相似的已平仓交易，胜率 {rate:.0%}，平均收益 {profit:+.2f} %{within}",
        within="（±{:.2f}，99% 置信区间）",
        a_few="（笔数太少，看不出什么）",
        leaning=("{}（有利证据 {:.1f}，满 20 即证实）", "{}（不利证据 {:.1f}，满 20 即证实）"),
        guidance="全部 {trades} 笔已平仓交易：净结果 {net:+.2f}（资金）；学习评分 {reward:+.4f}（非盈利），"
        "近期趋势 {trend}；"
        "R：触及初始止损的亏损（含手续费）；括号内为 {level:.0%} 置信区间",
        no_trend="未知",
        too_few="暂无指导：已平仓交易 {} 笔，需要 {} 笔",
        verdicts=("警告", "有利", "未定"),
        setup="{side}，市况 {regime}，趋势强度 {strength}，RSI {rsi}，波动 {volatility}，杠杆 {leverage}",
        any="任意",
        pattern="{verdict}：{setup}：{trades} 笔交易，胜率 {rate:.0%}（{low:.0%} 至 {high:.0%}），平均净结果 {net}，"
        "平均学习评分 {reward:+.4f}（{reward_low:+.4f} 至 {reward_high:+.4f}）",
        net_r="{:+.2f} R",
        unknown_r="未知（R）",
        advice="建议：{setup}：在 {trades} 笔交易中，{rule}平均每笔会比实际多赚 {gain:+.1f} ATR，超出运气所能解释",
        comma="，",
        colon="：",
        rules={
            "stop": "{:g} ATR 的止损",
            "target": "{:g} R 的目标",
            "later": "晚 {:g} 根K线平仓",
            "time": "持有 {:g} 根K线后平仓",
        },
    ),
}
