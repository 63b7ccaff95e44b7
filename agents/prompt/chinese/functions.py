"""The functions as a model is offered them: names and arguments are the same in every language, what is said is not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import BaseModel

from candlegraph.graph.settings.context import Language
from candlegraph.tools.risk.claims import LEVEL_ATR

Offered = BaseTool | type[BaseModel] | dict[str, Any]

CHINESE = {
    "Open a long position now. Only when flat and the evidence favours a rise; give a stop_loss below the price.": (
        "现在开多仓。仅在空仓且依据支持上涨时；给出低于价格的 stop_loss。"
    ),
    "Open a short position now. Only when flat and the evidence favours a fall; give a stop_loss above the price.": (
        "现在开空仓。仅在空仓且依据支持下跌时；给出高于价格的 stop_loss。"
    ),
    "Stay flat until the next candle.": "保持空仓到下一根K线。",
    "Close the whole open position now. To take part of the profit use adjust_position.": (
        "现在平掉整个持仓。只取部分盈利请用 adjust_position。"
    ),
    "Add to (+) or reduce (-) the open position by a percentage of its stake. Not for closing it: use signal_exit.": (
        "按保证金的百分比加仓（+）或减仓（-）。平仓不用它，用 signal_exit。"
    ),
    "Keep the open position unchanged until the next candle. Its stop stays in force.": (
        "持仓不变到下一根K线。其止损继续有效。"
    ),
    "Remember why you keep or leave a winning position, for later situations like it; then call a signal function.": (
        "记住为何保留或离开一个盈利的持仓，供以后类似情形参考；然后调用信号函数。"
    ),
    "Ask how many experiences there are, of which kinds, and how they ended. Then call a signal function.": (
        "查询有多少条经验、各属何类、结果如何。然后调用信号函数。"
    ),
    "Show redundant (low_quality), surplus (compress) or outdated (old_records) cases no more. Rarely needed.": (
        "不再展示重复的（low_quality）、多余的（compress）或过时的（old_records）案例。很少需要。"
    ),
    f"below the price, to {LEVEL_ATR:g} ATR": f"价格下方，误差 {LEVEL_ATR:g} ATR",
    f"above the price, to {LEVEL_ATR:g} ATR": f"价格上方，误差 {LEVEL_ATR:g} ATR",
    "times the margin": "保证金的倍数",
    "of the main timeframe": "主周期的",
    "margin in quote currency": "保证金，以计价货币计",
    "price that proves the idea wrong": "证明想法错误的价格",
    "price to take the profit at": "止盈价格",
    "your own score of this trade": "你对这笔交易的评分",
    "what was right, wrong, to do next time": "做对了什么、做错了什么、下次该怎么做",
    "percent of the stake: + adds, - reduces; not 0": "保证金的百分比：+ 加仓，- 减仓；不为 0",
    "needed to add": "加仓时必填",
    "net, percent of the stake": "净值，保证金的百分比",
    "State your view of this market.": "说明你对这个市场的看法。",
    "trend, range, breakout, ... in your words": "趋势、震荡、突破……用你自己的话",
    "price; null if you see none": "价格；没有则为 null",
    "where the timeframes disagree, or none": "各周期在哪里不一致，没有则写无",
    "what would prove this view wrong": "什么会证明这个看法是错的",
    "Make the best honest case for your side.": "为你这一方给出最好而诚实的理由。",
    "how strong you find your own case": "你认为自己的理由有多强",
    "each names a fact": "每条指出一个事实",
    "what would prove your side wrong": "什么会证明你这一方是错的",
    "Judge the proposed entry. You can only make it safer: you may not raise anything.": (
        "评判拟议的开仓。你只能让它更安全：不得提高任何数值。"
    ),
    "with shrink: percent of the stake that may stay; else null": "shrink 时：可保留保证金的百分之几；否则为 null",
    "Report on the closed trade; call it exactly once.": "报告这笔已平仓的交易；恰好调用一次。",
    "one sentence: what to do next time, and when; at most 140 letters": "一句话：下次何时该做什么；至多 140 个字符",
    "one short sentence, or empty; at most 120 letters": "一句短话，或留空；至多 120 个字符",
}


def offered(tools: Sequence[BaseTool | type[BaseModel]], language: Language) -> list[Offered]:
    """Return what is offered to a model that reads `language`."""
    return list(tools) if language == "en" else [translated(convert_to_openai_tool(one)) for one in tools]


def schema_of(name: str, description: str, arguments: type[BaseModel], language: Language) -> dict[str, Any]:
    """Return a function as the model reads it."""
    schema = convert_to_openai_tool(arguments)
    schema["function"] |= {"name": name, "description": description}
    schema["function"]["parameters"].pop("additionalProperties", None)  # LangChain does not send it
    return schema if language == "en" else translated(schema)


def translated(schema: Any) -> Any:
    """Return a schema with every description in Chinese."""
    if isinstance(schema, list):
        return [translated(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        name: CHINESE.get(one, one) if name == "description" and isinstance(one, str) else translated(one)
        for name, one in schema.items()
    }
