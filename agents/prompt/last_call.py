"""What became of the pair's last call that acts, in one sentence; a model that is not told asks for the same again."""

from __future__ import annotations

from candlegraph.agents.prompt.outside_text import plain
from candlegraph.agents.prompt.phrases import Words
from candlegraph.graph.schema.fate import LastCall

WHY_LENGTH = 160


def last_call_line(last: LastCall, words: Words) -> str:
    """Return the sentence; why something was refused stays in English, as all that the bot itself says."""
    call = last.function if last.adjustment_pct is None else f"{last.function} {last.adjustment_pct:+.6g} %"
    if last.price is not None:
        told = words.done_in_part if last.kind == "partly_filled" else words.done
        return told.format(call=call, price=last.price)
    told = words.not_done.format(call=call, ago=last.candles_ago, why=_why(last, words))
    if last.times == 1:
        return told
    return told + words.keeps_failing.format(times=last.times, first=last.first_ago)


def _why(last: LastCall, words: Words) -> str:
    if last.refusal is not None:
        return f"{words.doors[last.refusal.door]}{words.colon}{plain(last.refusal.line, WHY_LENGTH)}"
    return f"{words.ends[last.kind]}{words.colon}{plain(last.why, WHY_LENGTH)}"
