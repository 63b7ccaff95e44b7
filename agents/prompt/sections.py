"""The sections of the prompt's second message, each in several renderings from the richest to the poorest.

A section's lines in the facts block are always kept; what it says beyond them is what a budget can shorten. Text from
outside stands between double quotes, made plain.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from candlegraph.agents.prompt.chinese.said import all_said, changed
from candlegraph.agents.prompt.last_call import last_call_line
from candlegraph.agents.prompt.outside_text import NAME_LENGTH, plain_lines, quoted, quoted_lines, symbol
from candlegraph.agents.prompt.phrases import SectionName, Words
from candlegraph.agents.prompt.tokens import last_within, tokens_of
from candlegraph.graph.schema.fate import LastCall
from candlegraph.graph.schema.lessons import SelfScores
from candlegraph.graph.schema.market import MarketSnapshot, Position, Reading, Sentiment
from candlegraph.graph.schema.numbers import series, written
from candlegraph.graph.settings.context import Phrase

SHORT = 80
REASON_LENGTH = 160

BEFORE: Phrase = {"en": "before", "zh": "此前"}
SINCE_LOSS: Phrase = {
    "en": "candles since the last losing trade of the pair: {}",
    "zh": "该交易对上次亏损交易以来的K线数：{}",
}
THESIS: Phrase = {"en": "why it was opened", "zh": "开仓理由"}
THESIS_END: Phrase = {"en": "the end of why", "zh": "开仓理由的结尾部分"}
PAST_REASONS: Phrase = {"en": "latest reasons", "zh": "最近的决策理由"}
OLDER_REASONS: Phrase = {"en": "older reasons", "zh": "更早的理由"}
SINCE_ENTRY: Phrase = {"en": "market since the entry", "zh": "开仓以来的市场变化"}
INDICATORS_SINCE: Phrase = {"en": "indicators since the entry", "zh": "开仓以来的指标"}
PAST_WARNINGS: Phrase = {"en": "warnings while open", "zh": "持仓期间的警告"}
DEEPEST_GIVE_BACK: Phrase = {
    "en": "most given back of the best profit so far: {:.2f} % of the stake",
    "zh": "迄今从最佳盈利回吐的最大幅度：保证金的 {:.2f} %",
}


@dataclass(frozen=True)
class Rendering:
    """One way to write a section, and what it leaves out."""

    body: str
    left_out: str = ""


@dataclass(frozen=True)
class Section:
    """What a section says beyond the facts; `renderings` are made when asked for, the richest first.

    They are told how many tokens there is room for, and need not try what is longer.
    """

    name: SectionName
    title: str
    tag: str
    renderings: Callable[[int], Iterator[Rendering]]


def text_of(section: Section, rendering: Rendering, words: Words) -> str:
    """Return a section as it stands in the message: title, delimited block, what was left out."""
    rest = words.left_out.format(rendering.left_out) if rendering.left_out else ""
    if not rendering.body:
        return rest
    block = f"{section.title}\n<{section.tag}>\n{rendering.body}\n</{section.tag}>"
    return f"{block}\n{rest}" if rest else block


def market_section(sentiment: Sentiment, words: Words) -> Section | None:
    """Return the sentiment, or nothing where nobody asked for it."""
    readings = readings_of(sentiment)
    if not readings and not sentiment.unavailable:
        return None

    def renderings(room: int) -> Iterator[Rendering]:
        for with_past in (True, False):
            lines = [reading_line(*one, words, with_past=with_past) for one in readings]
            lines += [gone_line(*one, words, with_reason=with_past) for one in sentiment.unavailable.items()]
            yield Rendering("\n".join(lines), "" if with_past else words.older_values)

    return Section("current_market", words.sentiment, "sentiment", renderings)


def readings_of(sentiment: Sentiment) -> list[tuple[str, Reading]]:
    """Return the values that are there, by name."""
    named = [(name, getattr(sentiment, name)) for name in Sentiment.model_fields if name != "unavailable"]
    return [(name, reading) for name, reading in named if reading is not None]


def reading_line(name: str, reading: Reading, words: Words, *, with_past: bool) -> str:
    """Return one sentiment value, with its label and the values before."""
    label = f" {quoted(reading.label, NAME_LENGTH)}" if reading.label else ""
    past = series(reading.past) if with_past else ""
    before = f" ({BEFORE[words.language]} {past})" if past else ""
    return f"{name}{words.colon}{written(reading.value)}{label}{before}"


@lru_cache(maxsize=256)  # the same at every candle of a backtest without a record
def gone_line(name: str, reason: str, words: Words, *, with_reason: bool) -> str:
    """Return that a sentiment value is unavailable, and why."""
    line = f"{symbol(name)}{words.colon}{words.unavailable}"
    return f"{line} {quoted(reason, SHORT)}" if with_reason else line


def account_section(snapshot: MarketSnapshot, words: Words) -> Section | None:
    """Return what the wallet's facts do not say: what became of the last call, how long ago the pair lost."""
    since = snapshot.candles_since_loss
    lines = last_lines(snapshot.last_call, words) if snapshot.position is None else []
    lines += [] if since is None else [SINCE_LOSS[words.language].format(since)]
    if not lines:
        return None
    return Section("account", words.account, "account", lambda room: iter([Rendering("\n".join(lines))]))


def last_lines(last: LastCall | None, words: Words) -> list[str]:
    """Return what became of the last call, where there is something to say."""
    return [] if last is None else [last_call_line(last, words)]


def position_section(
    position: Position | None,
    words: Words,
    last_call: LastCall | None = None,
    self_scores: SelfScores | None = None,
) -> Section | None:
    """Return what an exit has to say, what became of the last call, why the trade was opened, and what has changed.

    Reasons are outside text now. The older ones go first, then the indicators, then all reasons; the clear changes,
    the last call and what an exit has to say stay longest.
    """
    if position is None:
        return None
    said = all_said(position.past_warnings, words.language)
    since, moved = (changed(one, words.language) for one in (position.since_entry, position.indicators_since_entry))
    reasons, warned = quoted_lines(position.past_reasons, REASON_LENGTH), quoted_lines(said, REASON_LENGTH)
    since, moved, why = plain_lines(since), plain_lines(moved), quoted(position.entry_reason)
    last = [exit_line(words, self_scores), *last_lines(last_call, words)]
    thesis = [*last, f"{THESIS[words.language]}{words.colon}{why}"] if any(about_position(position)) else last
    changes = change_lines(since, position.deepest_give_back_pct, words)
    warnings = named_lines(PAST_WARNINGS[words.language], warned, words)
    indicators = named_lines(INDICATORS_SINCE[words.language], moved, words)

    def renderings(room: int) -> Iterator[Rendering]:
        left = room - tokens_of("\n".join([*thesis, *changes, *indicators, *warnings]))
        for kept in range(last_within(reasons, left), 0, -1):
            told = named_lines(PAST_REASONS[words.language], reasons[-kept:], words)
            older = [OLDER_REASONS[words.language]] if kept < len(reasons) else []
            yield rendering([*thesis, *changes, *indicators, *warnings, *told], older, words)
        gone = [PAST_REASONS[words.language]] if reasons else []
        yield rendering([*thesis, *changes, *indicators, *warnings], gone, words)
        gone += [INDICATORS_SINCE[words.language]] if indicators else []
        yield rendering([*thesis, *changes, *warnings], gone, words)
        gone += [PAST_WARNINGS[words.language]] if warnings else []
        yield rendering([*thesis, *changes], gone, words)
        gone += [SINCE_ENTRY[words.language]] if changes else []
        yield rendering(thesis, gone, words)
        if thesis != last:
            short = f"{THESIS[words.language]}{words.colon}{quoted(position.entry_reason, SHORT)}"
            yield rendering([*last, short], [THESIS_END[words.language], *gone], words)

    return Section("position", words.position, "position", renderings)


def exit_line(words: Words, scores: SelfScores | None) -> str:
    """Return what signal_exit is asked to say of the trade, and how far off such scores were."""
    if scores is None:
        return words.at_exit
    off = round(abs(scores.bias))
    direction = words.too_high if scores.bias > 0 else words.too_low
    told = direction.format(off) if off else words.on_the_mark
    return words.at_exit + words.own_scores.format(trades=scores.trades, told=told)


def about_position(position: Position) -> tuple[object, ...]:
    """Return what the section can tell beyond the facts."""
    return position.entry_reason, position.past_reasons, position.past_warnings, position.since_entry


def change_lines(since: Sequence[str], deepest: float, words: Words) -> list[str]:
    """Return what has clearly changed since the entry, and the deepest fall from the best profit."""
    told = [DEEPEST_GIVE_BACK[words.language].format(deepest)] if deepest else []
    return [*named_lines(SINCE_ENTRY[words.language], since, words), *told]


def named_lines(name: str, lines: Sequence[str], words: Words) -> list[str]:
    """Return lines under their name; nothing where there are none."""
    return [name + words.colon.rstrip(), *(f"- {line}" for line in lines)] if lines else []


def rendering(lines: Sequence[str], left_out: Sequence[str], words: Words) -> Rendering:
    """Return a rendering of lines, and what it leaves out."""
    return Rendering("\n".join(lines), words.comma.join(left_out))
