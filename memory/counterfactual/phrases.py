"""The sentences that lessons are made of, in both languages; the same names with the same fields in each.

`{side}` long or short, `{hours}` a time held, `{profit}` `{best}` `{worst}` net % of the stake, `{made}` what the
alternative would have made, `{swap}` that instead of what was, `{value}` the alternative, `{planned}` what it
replaces, `{within}` a span after the end.
"""

from __future__ import annotations

from candlegraph.graph.schema.market import Side
from candlegraph.graph.settings.context import Language

SIDES: dict[Language, dict[Side, str]] = {
    "en": {"long": "Long", "short": "Short"},
    "zh": {"long": "多单", "short": "空单"},
}
MINUTES: dict[Language, str] = {"en": "{} min", "zh": "{}分钟"}
HOURS: dict[Language, str] = {"en": "{} h", "zh": "{}小时"}
DAYS: dict[Language, str] = {"en": "{} days", "zh": "{}天"}
A_DAY: dict[Language, str] = {"en": "a day", "zh": "一天"}
SWAP: dict[Language, str] = {"en": "{} instead of {}", "zh": "{}，而非{}"}
BETWEEN: dict[Language, str] = {"en": " ", "zh": ""}

COURSE: dict[Language, dict[str, str]] = {
    "en": {
        "stop_at_once": "{side}, stopped within its first candle: {profit}.",
        "stop_never_green": "{side}, stopped after {hours} without ever being in profit: {profit}.",
        "stop_after_gain": "{side}, stopped after {hours} at {profit}, having been {best} up (after {best_after}).",
        "stop_in_profit": "{side}, stopped in profit after {hours}: {profit} of {best} at best.",
        "stop": "{side}, stopped after {hours} at {profit}; never better than {best} (after {best_after}).",
        "target_at_once": "{side}, target reached within its first candle: {profit}.",
        "target_smooth": "{side}, ran to its target in {hours} with hardly a setback ({worst} at worst): {profit}.",
        "target_close_call": "{side}, target reached after {hours}: {profit}, though nearly stopped before ({worst}).",
        "target": "{side}, target reached after {hours}: {profit}; {worst} at worst (after {worst_after}).",
        "liquidation": "{side} at {leverage}x, liquidated after {hours}: {profit}; {best} at best.",
        "exit_near_best": "{side}, closed after {hours} near its best: {profit} of {best}.",
        "exit_close_call": "{side}, closed after {hours} at {profit}, though nearly stopped before ({worst}).",
        "exit_gave_back": "{side}, closed after {hours} with {profit} left of {best} (after {best_after}).",
        "exit_in_profit": "{side}, closed after {hours} at {profit}; {best} at best, {worst} at worst.",
        "exit_never_green": "{side}, cut after {hours} without ever being in profit: {profit}.",
        "exit_after_gain": "{side}, closed after {hours} at {profit}: {best} (after {best_after}) was let go.",
        "exit_before_stop": "{side}, cut after {hours} at {profit}, before its stop ({risk}) was reached.",
        "exit_at_loss": "{side}, closed after {hours} at {profit}; {best} at best.",
    },
    "zh": {
        "stop_at_once": "{side}在第一根K线内止损：{profit}。",
        "stop_never_green": "{side}持有{hours}后止损，从未盈利：{profit}。",
        "stop_after_gain": "{side}持有{hours}后止损于{profit}，此前（{best_after}后）曾盈利{best}。",
        "stop_in_profit": "{side}持有{hours}后由止损锁定盈利：最佳{best}，实得{profit}。",
        "stop": "{side}持有{hours}后止损于{profit}；最好时只有{best}（{best_after}后）。",
        "target_at_once": "{side}在第一根K线内到达目标：{profit}。",
        "target_smooth": "{side}用{hours}到达目标，几乎没有回撤（最差{worst}）：{profit}。",
        "target_close_call": "{side}持有{hours}后到达目标：{profit}，但途中险些止损（{worst}）。",
        "target": "{side}持有{hours}后到达目标：{profit}；最差{worst}（{worst_after}后）。",
        "liquidation": "{side}以{leverage}倍杠杆持有{hours}后爆仓：{profit}；最好时{best}。",
        "exit_near_best": "{side}持有{hours}后在接近最佳处平仓：最佳{best}，实得{profit}。",
        "exit_close_call": "{side}持有{hours}后平仓于{profit}，但途中险些止损（{worst}）。",
        "exit_gave_back": "{side}持有{hours}后平仓，曾有的{best}（{best_after}后）只剩{profit}。",
        "exit_in_profit": "{side}持有{hours}后平仓于{profit}；最好{best}，最差{worst}。",
        "exit_never_green": "{side}持有{hours}后割肉，从未盈利：{profit}。",
        "exit_after_gain": "{side}持有{hours}后平仓于{profit}：曾有的盈利{best}（{best_after}后）没有留住。",
        "exit_before_stop": "{side}持有{hours}后平仓于{profit}，尚未触及止损（{risk}）。",
        "exit_at_loss": "{side}持有{hours}后平仓于{profit}；最好时{best}。",
    },
}  # fmt: skip
FINDING: dict[Language, dict[str, str]] = {
    "en": {
        "stop_held_to_target": "A stop of {value} ATR instead of {planned} would have held until the target: {swap}.",
        "stop_held": "A stop of {value} ATR instead of {planned} would have held: {swap}.",
        "stop_held_horizon": "A stop of {value} ATR instead of {planned} would have held: {within} later {swap}.",
        "stop_in_vain": "No stop up to {value} ATR would have held: {swap}.",
        "stop_held_lower": "A stop of {value} ATR would have held and lost more: {within} later {swap}.",
        "stop_hit": "A stop of {value} ATR instead of {planned} would have been hit after {after}: {swap}.",
        "stop_saved": "A stop of {value} ATR instead of {planned} would have cut it short after {after}: {swap}.",
        "stop_other": "With a stop of {value} ATR: {swap}.",
        "target_filled": "A target of {value} R would have been filled after {after}: {swap}.",
        "target_small": "A target of {value} R would have ended it after {after}: only {swap}.",
        "target_missed": "A target of {value} R would have been missed: {swap}.",
        "target_none": "Without reaching a target of {value} R it would have ended at {swap}.",
        "later_better": "Held {span} longer: {swap}.",
        "later_worse": "{span} longer would have cost: {swap}.",
        "later_stopped": "Held on, it would have been stopped {after} after the entry: {swap}.",
        "time_better": "Closed by the clock after {span}: {swap}.",
        "time_worse": "It took patience: closed by the clock after {span}, {swap}.",
        "earlier_better": "In hindsight, {span} before its end it stood at {swap}.",
        "earlier_worse": "In hindsight, {span} before its end it still stood at {swap}.",
        "entry_none": "Waiting {span}, its stop or exit would have come first: no trade instead of {profit}.",
        "entry_better": "Entered {span} later, at the same distances: {swap}.",
        "entry_worse": "Waiting {span} with the entry would have cost: {swap}.",
        "entry_stopped": "Entered {span} later it would have been stopped: {swap}.",
        "leverage_liquidated": "At {value} times the leverage it would have been liquidated: {swap}.",
        "leverage_survived": "At {value} times the leverage it would not have been liquidated: {swap}.",
        "after_exit_on": "After the exit the price ran on by {atr} ATR within {within}.",
        "after_exit_back": "After the exit the price turned against it by {atr} ATR within {within}.",
        "after_target_on": "Beyond the target the price ran on by {atr} ATR within {within}.",
        "after_target_back": "From the target the price fell back by {atr} ATR within {within}.",
        "after_stop_on": "After the stop the price came back by {atr} ATR within {within}.",
        "after_stop_back": "After the stop the price went on against it by {atr} ATR within {within}.",
    },
    "zh": {
        "stop_held_to_target": "若止损为{value} ATR而非{planned}，可坚持到目标：{swap}。",
        "stop_held": "若止损为{value} ATR而非{planned}，则不会被触及：{swap}。",
        "stop_held_horizon": "若止损为{value} ATR而非{planned}，则不会被触及：{within}后为{swap}。",
        "stop_in_vain": "直到{value} ATR的止损都守不住：{swap}。",
        "stop_held_lower": "{value} ATR的止损虽能守住，但亏损更大：{within}后为{swap}。",
        "stop_hit": "若止损为{value} ATR而非{planned}，{after}后就会被触及：{swap}。",
        "stop_saved": "若止损为{value} ATR而非{planned}，{after}后即可减少亏损：{swap}。",
        "stop_other": "若止损为{value} ATR：{swap}。",
        "target_filled": "{value} R的目标在{after}后就会成交：{swap}。",
        "target_small": "{value} R的目标在{after}后就会结束交易：只有{swap}。",
        "target_missed": "{value} R的目标不会到达：{swap}。",
        "target_none": "若目标为{value} R，未到达目标而结束于{swap}。",
        "later_better": "再多持有{span}：{swap}。",
        "later_worse": "再多持有{span}反而有损：{swap}。",
        "later_stopped": "继续持有会在开仓{after}后止损：{swap}。",
        "time_better": "若到{span}按时平仓：{swap}。",
        "time_worse": "这笔交易需要耐心：若到{span}按时平仓，{swap}。",
        "earlier_better": "事后看，结束前{span}为{swap}。",
        "earlier_worse": "事后看，结束前{span}还只有{swap}。",
        "entry_none": "等待{span}就不会有这笔交易，而非{profit}：止损或平仓先到。",
        "entry_better": "晚{span}以同样的距离开仓：{swap}。",
        "entry_worse": "晚{span}开仓反而有损：{swap}。",
        "entry_stopped": "晚{span}开仓会止损：{swap}。",
        "leverage_liquidated": "若杠杆为{value}倍于此，会爆仓：{swap}。",
        "leverage_survived": "若杠杆为{value}倍于此，不会爆仓：{swap}。",
        "after_exit_on": "平仓后{within}内价格继续顺行{atr} ATR。",
        "after_exit_back": "平仓后{within}内价格反向{atr} ATR。",
        "after_target_on": "到达目标后{within}内价格继续顺行{atr} ATR。",
        "after_target_back": "到达目标后{within}内价格回落{atr} ATR。",
        "after_stop_on": "止损后{within}内价格回来{atr} ATR。",
        "after_stop_back": "止损后{within}内价格继续逆行{atr} ATR。",
    },
}  # fmt: skip
NOTE: dict[Language, dict[str, str]] = {
    "en": {
        "no_stop": "No stop was planned.",
        "first_fill": "It was changed while it was open; what follows replays its first fill alone.",
        "no_funding": "What follows is without funding.",
        "nothing": "No other stop, target or time within reach would have changed much.",
        "luck": "Luck explains that as well.",
        "luck_second": "Luck explains the second as well.",
        "luck_first": "Luck explains the first as well.",
        "no_luck": "That is more than luck usually makes.",
    },
    "zh": {
        "no_stop": "没有计划止损。",
        "first_fill": "持仓期间有过改动；以下只重演首次成交。",
        "no_funding": "以下未计资金费。",
        "nothing": "其他的止损、目标或时间都不会有多大差别。",
        "luck": "运气也能解释。",
        "luck_second": "后一点运气也能解释。",
        "luck_first": "前一点运气也能解释。",
        "no_luck": "这超出了通常的运气。",
    },
}
