"""The sentences of the report by rules, in both languages: what was good, what was bad, what to do next time."""

from __future__ import annotations

from typing import NamedTuple

from candlegraph.graph.schema.market import Regime
from candlegraph.graph.settings.context import Phrase

# part: (from here on it counts as good, sentence), (up to here as bad, fault)
GOOD: dict[str, tuple[float, Phrase]] = {
    "profit": (20, {"en": "The net profit was at least 5 % of the stake.", "zh": "净收益不低于保证金的 5 %。"}),
    "leverage": (5, {"en": "The leverage was modest.", "zh": "杠杆适度。"}),
    "give_back": (2.5, {"en": "Most of the best profit was kept.", "zh": "保住了最佳收益的大部分。"}),
    "entry": (
        6,
        {
            "en": "The entry was well timed: the price hardly went against it.",
            "zh": "开仓时机好：价格几乎没有逆向运动。",
        },
    ),
    "exit": (6.5, {"en": "The exit came close to the best price.", "zh": "平仓接近最佳价格。"}),
    "efficiency": (15, {"en": "The profit came quickly.", "zh": "盈利来得快。"}),
}
WITHIN_STOP: Phrase = {"en": "The loss stayed within the planned stop.", "zh": "亏损没有超出计划的止损。"}
WON_THOUGH_TURNED: Phrase = {
    "en": "It was closed in profit although the timeframes had turned against it.",
    "zh": "尽管各周期已转为不利，仍以盈利平仓。",
}


class Sentences(NamedTuple):
    """What went wrong, and what to do about it next time."""

    text: Phrase
    advice: Phrase


CONFIRM: Phrase = {"en": "wait for confirmation before entering", "zh": "等确认后再开仓"}
BAD: dict[str, tuple[float, Sentences]] = {
    "stop": (
        -5,
        Sentences(
            {"en": "The loss went beyond the planned stop.", "zh": "亏损超出了计划的止损。"},
            {"en": "leave at the planned stop, never later", "zh": "在计划的止损处离场，绝不更晚"},
        ),
    ),
    "leverage": (
        -5,
        Sentences(
            {"en": "The leverage was high.", "zh": "杠杆过高。"}, {"en": "take less leverage", "zh": "用更低的杠杆"}
        ),
    ),
    "profit": (
        5,
        Sentences(
            {"en": "The loss was at least 5 % of the stake.", "zh": "亏损不低于保证金的 5 %。"},
            {"en": "risk less on this setup, or skip it", "zh": "对这种形势少冒险，或放弃"},
        ),
    ),
    "entry": (
        -6,
        Sentences(
            {
                "en": "The entry was early: the price first went far against it.",
                "zh": "开仓过早：价格先大幅逆向运动。",
            },
            CONFIRM,
        ),
    ),
    "exit": (
        -6.5,
        Sentences(
            {
                "en": "The exit kept little or nothing of the best profit.",
                "zh": "平仓时最佳收益所剩无几。",
            },
            {"en": "take profit while it is there", "zh": "有盈利时及时兑现"},
        ),
    ),
    "give_back": (
        -2.5,
        Sentences(
            {"en": "Most of the best profit was given back.", "zh": "回吐了最佳收益的大部分。"},
            {"en": "tighten the stop once the profit has grown", "zh": "盈利扩大后收紧止损"},
        ),
    ),
}
LIQUIDATED = Sentences(
    {"en": "The position was liquidated.", "zh": "仓位被强平。"},
    {"en": "keep the stop well before liquidation", "zh": "让止损远在强平价之前"},
)
NO_STOP = Sentences(
    {"en": "No stop was planned.", "zh": "没有计划止损。"},
    {"en": "plan a stop before entering", "zh": "开仓前先定止损"},
)
NEVER_GREEN = Sentences({"en": "The trade was never in profit.", "zh": "这笔交易从未盈利。"}, CONFIRM)
TURNED = Sentences(
    {
        "en": "The timeframes turned against the trade while it was held.",
        "zh": "持仓期间各周期转为不利。",
    },
    {"en": "leave when the timeframes turn", "zh": "各周期转向时离场"},
)
OVERRULED = Sentences(
    {"en": "It was held against the checker's warnings.", "zh": "无视检查的警告而继续持有。"},
    {"en": "heed the warnings while a trade loses", "zh": "亏损时听从警告"},
)
FORCED: Phrase = {"en": "Closed by the end of the data: nothing to learn.", "zh": "因数据结束而平仓：无可学习。"}
IN_MARKET: Phrase = {"en": "{side} in {regime}", "zh": "{regime}中的{side}"}
REGIMES: dict[Regime, Phrase] = {
    "trend_up": {"en": "trend_up", "zh": "上升趋势"},
    "trend_down": {"en": "trend_down", "zh": "下降趋势"},
    "range": {"en": "range", "zh": "震荡"},
}
NO_REGIME: Phrase = {"en": "an unknown regime", "zh": "未知市况"}
WON: Phrase = {"en": "{} won; repeat it the same way.", "zh": "{}盈利；照此重复。"}
WON_BUT: Phrase = {"en": "{} won; next time {}.", "zh": "{}盈利；下次{}。"}
LOST: Phrase = {
    "en": "{} lost in good order: the plan was kept, the market went the other way.",
    "zh": "{}亏损但有序：遵守了计划，行情走向相反。",
}
LOST_AND: Phrase = {"en": "{} lost; next time {}.", "zh": "{}亏损；下次{}。"}
PART: dict[bool, Phrase] = {
    True: {
        "en": "{where}: took profit on {share:.0%} of it at {profit:+.1f} %.",
        "zh": "{where}：在 {profit:+.1f} % 处止盈 {share:.0%}。",
    },
    False: {
        "en": "{where}: cut {share:.0%} of it at {profit:+.1f} %.",
        "zh": "{where}：在 {profit:+.1f} % 处减仓 {share:.0%}。",
    },
}
TAKEN: dict[str, Phrase] = {
    "hold": {"en": "hold at {:+.1f} %: {}", "zh": "在 {:+.1f} % 时持有：{}"},
    "exit": {"en": "exit at {:+.1f} %: {}", "zh": "在 {:+.1f} % 时离场：{}"},
}
