"""The fixed words of the prompt's second message, in both languages; the facts block keeps its English keys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from candlegraph.graph.schema.facts import Verdict
from candlegraph.graph.schema.fate import Door, FateKind
from candlegraph.graph.schema.lessons import AdvisedKind
from candlegraph.graph.schema.market import Side
from candlegraph.graph.settings.context import Language

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
    other_lessons: str
    before: str
    unavailable: str
    since_loss: str
    thesis: str
    thesis_end: str
    past_reasons: str
    older_reasons: str
    since_entry: str
    indicators_since: str
    past_warnings: str
    deepest_give_back: str
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
    similar: str
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
    done: str
    done_in_part: str
    not_done: str
    keeps_failing: str
    doors: Mapping[Door, str] = field(hash=False)
    ends: Mapping[FateKind, str] = field(hash=False)
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

    def verdict_of(self, verdict: Verdict) -> str:
        """Return the word for what a pattern says."""
        warned, favoured, undecided = self.verdicts
        return {"warned": warned, "favoured": favoured}.get(verdict, undecided)

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
        other_lessons="the rest of what was learnt",
        before="before",
        unavailable="unavailable",
        since_loss="candles since the last losing trade of the pair: {}",
        thesis="why it was opened",
        thesis_end="the end of why",
        past_reasons="latest reasons",
        older_reasons="older reasons",
        since_entry="market since the entry",
        indicators_since="indicators since the entry",
        past_warnings="warnings while open",
        deepest_give_back="most given back of the best profit so far: {:.2f} % of the stake",
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
        similar="{side}: {count} similar closed trades, {rate:.0%} of them won, mean profit {profit:+.2f} %",
        guidance="all {trades} closed trades: cumulative reward {reward:+.4f}, recent trend {trend}; "
        "R: the loss at the first stop, fees included; in brackets: {level:.0%} intervals",
        no_trend="unknown",
        too_few="no guidance yet: {} of {} closed trades",
        verdicts=("warning", "favourable", "undecided"),
        setup="{side} in {regime}, trend strength {strength}, RSI {rsi}, volatility {volatility}, leverage {leverage}",
        any="any",
        pattern="{verdict}: {setup}: {trades} trades, {rate:.0%} won ({low:.0%} to {high:.0%}), mean result {net}, "
        "mean reward {reward:+.4f} ({reward_low:+.4f} to {reward_high:+.4f})",
        net_r="{:+.2f} R",
        unknown_r="in R unknown",
        advice="advice: {setup}: over {trades} trades {rule} would have made {gain:+.1f} ATR a trade more than what "
        "was done, more than luck explains",
        comma=", ",
        colon=": ",
        done="the last call, {call}, was carried out at {price:.6g}",
        done_in_part="the last call, {call}, was carried out in part, at {price:.6g}",
        not_done="the last call, {call}, made {ago} candles ago, was not carried out: {why}",
        keeps_failing="; the same call has failed {times} times in a row, for the first time {first} candles ago",
        doors={
            "gate": "risk gate",
            "exchange_minimum": "too small",
            "slot": "no slot",
            "wallet": "no funds",
            "stop_beyond_price": "stop",
            "lock": "locked",
            "halted": "entries halted",
            "paused": "entries paused",
            "reviewer": "the reviewer objected",
            "person": "nobody approved",
            "late": "too late",
            "pair_not_tradable": "not tradable",
            "exchange": "no order came of it",
        },
        ends={
            "expired": "it expired",
            "superseded": "another call took its place",
            "no_order_needed": "no order was needed",
        },
        rules={
            "stop": "a stop of {:g} ATR",
            "target": "a target of {:g} R",
            "later": "leaving {:g} candles later",
            "time": "leaving after {:g} candles",
        },
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
        other_lessons="其余的经验总结",
        before="此前",
        unavailable="不可用",
        since_loss="该交易对上次亏损交易以来的K线数：{}",
        thesis="开仓理由",
        thesis_end="开仓理由的结尾部分",
        past_reasons="最近的决策理由",
        older_reasons="更早的理由",
        since_entry="开仓以来的市场变化",
        indicators_since="开仓以来的指标",
        past_warnings="持仓期间的警告",
        deepest_give_back="迄今从最佳盈利回吐的最大幅度：保证金的 {:.2f} %",
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
        similar="{side}：{count} 笔相似的已平仓交易，胜率 {rate:.0%}，平均收益 {profit:+.2f} %",
        guidance="全部 {trades} 笔已平仓交易：累计奖励 {reward:+.4f}，近期趋势 {trend}；"
        "R：触及初始止损的亏损（含手续费）；括号内为 {level:.0%} 置信区间",
        no_trend="未知",
        too_few="暂无指导：已平仓交易 {} 笔，需要 {} 笔",
        verdicts=("警告", "有利", "未定"),
        setup="{side}，市况 {regime}，趋势强度 {strength}，RSI {rsi}，波动 {volatility}，杠杆 {leverage}",
        any="任意",
        pattern="{verdict}：{setup}：{trades} 笔交易，胜率 {rate:.0%}（{low:.0%} 至 {high:.0%}），平均净结果 {net}，"
        "平均奖励 {reward:+.4f}（{reward_low:+.4f} 至 {reward_high:+.4f}）",
        net_r="{:+.2f} R",
        unknown_r="未知（R）",
        advice="建议：{setup}：在 {trades} 笔交易中，{rule}平均每笔会比实际多赚 {gain:+.1f} ATR，超出运气所能解释",
        comma="，",
        colon="：",
        done="上次调用 {call} 已执行，价格 {price:.6g}",
        done_in_part="上次调用 {call} 已部分执行，价格 {price:.6g}",
        not_done="上次调用 {call}（{ago} 根K线之前）未执行：{why}",
        keeps_failing="；同样的调用已连续失败 {times} 次，第一次在 {first} 根K线之前",
        doors={
            "gate": "风控限制",
            "exchange_minimum": "数量过小",
            "slot": "没有空余仓位名额",
            "wallet": "资金不足",
            "stop_beyond_price": "止损",
            "lock": "已锁定",
            "halted": "开仓已停止",
            "paused": "开仓已暂停",
            "reviewer": "审查者反对",
            "person": "未获批准",
            "late": "太迟",
            "pair_not_tradable": "不可交易",
            "exchange": "没有产生订单",
        },
        ends={"expired": "已过期", "superseded": "已被另一次调用取代", "no_order_needed": "不需要订单"},
        rules={
            "stop": "{:g} ATR 的止损",
            "target": "{:g} R 的目标",
            "later": "晚 {:g} 根K线平仓",
            "time": "持有 {:g} 根K线后平仓",
        },
    ),
}
