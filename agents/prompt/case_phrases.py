"""The words of a past trade in both languages; the same names with the same fields in each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from candlegraph.graph.schema.market import Regime, Strength
from candlegraph.graph.schema.scene import Touched


@dataclass(frozen=True)
class CaseWords:
    """One language. `{}` stands for what is filled in."""

    head: str
    open_head: str
    imported: str
    score: str
    similarity: str
    setup: str
    why: str
    course: str
    open_course: str
    unseen_course: str
    moments: str
    own_view: str
    own_score: str
    lesson: str
    no_level: str
    alignment: str
    rsi: str
    add: str
    reduction: str
    record: str
    said: str
    share: str
    forced: str
    unknown: str
    between: str
    join: str
    regimes: Mapping[Regime, str] = field(hash=False)
    strengths: Mapping[Strength, str] = field(hash=False)
    levels: Mapping[Touched, str] = field(hash=False)
    records: Mapping[str, str] = field(hash=False)
    ends: Mapping[str, str] = field(hash=False)
    """By Freqtrade's exit reason or our exit tag; another one is told as it is."""
    patterns: Mapping[str, str] = field(hash=False)


EN = CaseWords(
    head="case {id}: {side} {pair}, {profit:+.2f} % net",
    open_head="case {id}: {side} {pair}, still open, {profit:+.2f} % net then",
    imported="imported from the earlier system",
    score="score {:.0f} ({})",
    similarity="similarity {:.2f}",
    setup="entered in {}",
    why="its reason: {}",
    course="held {hours:.1f} h, best {best:+.1f} %, worst {worst:+.1f} %, {end}",
    open_course="open for {hours:.1f} h at least",
    unseen_course="held {hours:.1f} h, best and worst not known, {end}",
    moments="on the way: {}",
    own_view="said at its exit: {}",
    own_score=" (scored itself {:.0f})",
    lesson="lesson: {}",
    no_level="no level near",
    alignment="alignment {:+d} of {}",
    rsi="RSI {:.0f}",
    add="added {share:.0%} after {hours:.1f} h",
    reduction="closed {share:.0%} at {profit:+.1f} % after {hours:.1f} h",
    record="{kind} at {profit:+.1f} % after {hours:.1f} h",
    said=" ({})",
    share="{won} of {trades} similar closed trades won; shown in that proportion, the most similar of each:",
    forced="{won} of {trades} similar closed trades won; one loser is always shown, here more than its share:",
    unknown="an unknown market",
    between=", ",
    join="; ",
    regimes={"trend_up": "up-trend", "trend_down": "down-trend", "range": "range"},
    strengths={"strong": "strong {}", "moderate": "moderate {}", "weak": "weak {}"},
    levels={"support": "at support", "resistance": "at resistance"},
    records={"hold": "decided to hold", "exit": "decided to leave"},
    ends={
        "graph_exit": "closed by decision",
        "exit_signal": "closed by decision",
        "stop_loss": "stopped out",
        "stoploss_on_exchange": "stopped out",
        "trailing_stop_loss": "stopped by the moved stop",
        "roi": "target reached",
        "liquidation": "liquidated",
        "force_exit": "closed by hand",
        "emergency_stop": "closed by the emergency stop",
        "graph_stop_missing": "closed: its stop was missing",
        "graph_stop_passed": "closed: the price had passed its stop",
    },
    patterns={},
)
ZH = CaseWords(
    head="案例 {id}：{side} {pair}，净收益 {profit:+.2f} %",
    open_head="案例 {id}：{side} {pair}，尚未平仓，当时净收益 {profit:+.2f} %",
    imported="由旧系统导入",
    score="评分 {:.0f}（{}）",
    similarity="相似度 {:.2f}",
    setup="开仓时：{}",
    why="理由：{}",
    course="持有 {hours:.1f} 小时，最佳 {best:+.1f} %，最差 {worst:+.1f} %，{end}",
    open_course="至少已持有 {hours:.1f} 小时",
    unseen_course="持有 {hours:.1f} 小时，最佳与最差未知，{end}",
    moments="期间：{}",
    own_view="平仓时的自评：{}",
    own_score="（自评分 {:.0f}）",
    lesson="教训：{}",
    no_level="附近无关键价位",
    alignment="周期一致性 {:+d}/{}",
    rsi="RSI {:.0f}",
    add="{hours:.1f} 小时后加仓 {share:.0%}",
    reduction="{hours:.1f} 小时后以 {profit:+.1f} % 平掉 {share:.0%}",
    record="{hours:.1f} 小时后在 {profit:+.1f} % 时{kind}",
    said="（{}）",
    share="{trades} 笔相似的已平仓交易中 {won} 笔盈利；按此比例展示，各取最相似者：",
    forced="{trades} 笔相似的已平仓交易中 {won} 笔盈利；总会展示一笔亏损，此处多于其比例：",
    unknown="未知市况",
    between="，",
    join="；",
    regimes={"trend_up": "上升趋势", "trend_down": "下降趋势", "range": "震荡"},
    strengths={"strong": "强势{}", "moderate": "中等强度{}", "weak": "弱势{}"},
    levels={"support": "位于支撑", "resistance": "位于阻力"},
    records={"hold": "决定持有", "exit": "决定离场"},
    ends={
        "graph_exit": "按决策平仓",
        "exit_signal": "按决策平仓",
        "stop_loss": "止损出场",
        "stoploss_on_exchange": "止损出场",
        "trailing_stop_loss": "被移动后的止损平仓",
        "roi": "到达目标价",
        "liquidation": "被强制平仓",
        "force_exit": "人工平仓",
        "emergency_stop": "被紧急止损平仓",
        "graph_stop_missing": "因缺少止损而平仓",
        "graph_stop_passed": "因价格已越过止损而平仓",
    },
    patterns={
        "doji": "十字星",
        "hammer": "锤子线",
        "hanging_man": "上吊线",
        "inverted_hammer": "倒锤子线",
        "shooting_star": "流星线",
        "bullish_engulfing": "看涨吞没",
        "bearish_engulfing": "看跌吞没",
        "bullish_harami": "看涨孕线",
        "bearish_harami": "看跌孕线",
        "bullish_three_inside": "三内升",
        "bearish_three_inside": "三内降",
        "bullish_three_outside": "三外升",
        "bearish_three_outside": "三外降",
        "three_white_soldiers": "红三兵",
        "three_black_crows": "三只乌鸦",
        "inside_bar": "内包线",
    },
)
