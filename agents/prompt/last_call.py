"""What became of the pair's last call that acts, in one sentence; a model that is not told asks for the same again."""

from __future__ import annotations

from candlegraph.agents.prompt.chinese.said import said
from candlegraph.agents.prompt.outside_text import plain
from candlegraph.agents.prompt.phrases import Words
from candlegraph.graph.schema.fate import Door, FateKind, LastCall
from candlegraph.graph.schema.numbers import written
from candlegraph.graph.settings.context import Phrase

WHY_LENGTH = 160

DONE: Phrase = {
    "en": "the last call, {call}, was carried out at {price}",
    "zh": "上次调用 {call} 已执行，价格 {price}",
}
DONE_IN_PART: Phrase = {
    "en": "the last call, {call}, was carried out in part, at {price}",
    "zh": "上次调用 {call} 已部分执行，价格 {price}",
}
NOT_DONE: Phrase = {
    "en": "the last call, {call}, made {ago} candles ago, was not carried out: {why}",
    "zh": "上次调用 {call}（{ago} 根K线之前）未执行：{why}",
}
KEEPS_FAILING: Phrase = {
    "en": "; the same call has failed {times} times in a row, for the first time {first} candles ago",
    "zh": "；同样的调用已连续失败 {times} 次，第一次在 {first} 根K线之前",
}
DOORS: dict[Door, Phrase] = {
    "gate": {"en": "risk gate", "zh": "风控限制"},
    "exchange_minimum": {"en": "too small", "zh": "数量过小"},
    "slot": {"en": "no slot", "zh": "没有空余仓位名额"},
    "wallet": {"en": "no funds", "zh": "资金不足"},
    "stop_beyond_price": {"en": "stop", "zh": "止损"},
    "lock": {"en": "locked", "zh": "已锁定"},
    "halted": {"en": "entries halted", "zh": "开仓已停止"},
    "paused": {"en": "entries paused", "zh": "开仓已暂停"},
    "reviewer": {"en": "the reviewer objected", "zh": "审查者反对"},
    "person": {"en": "nobody approved", "zh": "未获批准"},
    "late": {"en": "too late", "zh": "太迟"},
    "pair_not_tradable": {"en": "not tradable", "zh": "不可交易"},
    "exchange": {"en": "no order came of it", "zh": "没有产生订单"},
}
ENDS: dict[FateKind, Phrase] = {
    "expired": {"en": "it expired", "zh": "已过期"},
    "superseded": {"en": "another call took its place", "zh": "已被另一次调用取代"},
    "no_order_needed": {"en": "no order was needed", "zh": "不需要订单"},
}


def last_call_line(last: LastCall, words: Words) -> str:
    """Return the sentence; of why something was refused, what an exchange or Freqtrade said stays as it is."""
    call = last.function if last.adjustment_pct is None else f"{last.function} {last.adjustment_pct:+.6g} %"
    if last.price is not None:
        told = DONE_IN_PART if last.kind == "partly_filled" else DONE
        return told[words.language].format(call=call, price=written(last.price))
    failed = NOT_DONE[words.language].format(call=call, ago=last.candles_ago, why=_why(last, words))
    if last.times == 1:
        return failed
    return failed + KEEPS_FAILING[words.language].format(times=last.times, first=last.first_ago)


def _why(last: LastCall, words: Words) -> str:
    if last.refusal is not None:
        why = said(last.refusal.line, words.language)
        return f"{DOORS[last.refusal.door][words.language]}{words.colon}{plain(why, WHY_LENGTH)}"
    return f"{ENDS[last.kind][words.language]}{words.colon}{plain(said(last.why, words.language), WHY_LENGTH)}"
