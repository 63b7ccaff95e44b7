"""The sections of the prompt's second message, each in several renderings from the richest to the poorest.

A section's lines in the facts block are always kept; what it says beyond them is what a budget can shorten. Text from
outside stands between double quotes, made plain.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from candlegraph.agents.plain import NAME_LENGTH, plain, quoted, symbol
from candlegraph.agents.words import SectionName, Words
from candlegraph.graph.market import MarketSnapshot, Position, Reading, Sentiment
from candlegraph.graph.state import Case, Lessons

SHORT = 80
REASON_LENGTH = 160


@dataclass(frozen=True)
class Rendering:
    """One way to write a section, and what it leaves out."""

    body: str
    left_out: str = ""


@dataclass(frozen=True)
class Section:
    """What a section says beyond the facts; `renderings` are made when asked for, the richest first."""

    name: SectionName
    title: str
    tag: str
    renderings: Callable[[], Iterator[Rendering]]


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

    def renderings() -> Iterator[Rendering]:
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
    return f"{name}{words.colon}{number(reading.value)}{label}" + (f" ({words.before} {past})" if past else "")


def gone_line(name: str, reason: str, words: Words, *, with_reason: bool) -> str:
    """Return that a sentiment value is unavailable, and why."""
    line = f"{symbol(name)}{words.colon}{words.unavailable}"
    return f"{line} {quoted(reason, SHORT)}" if with_reason else line


def account_section(snapshot: MarketSnapshot, words: Words) -> Section | None:
    """Return what the wallet's facts do not say: how long ago the pair lost."""
    since = snapshot.candles_since_loss
    if since is None:
        return None
    return Section("account", words.account, "account", lambda: iter([Rendering(words.since_loss.format(since))]))


def position_section(position: Position | None, words: Words) -> Section | None:
    """Return why the trade was opened and kept, in the words of the model then: outside text now."""
    if position is None or not (position.entry_reason or position.past_reasons):
        return None
    thesis = f"{words.thesis}{words.colon}{quoted(position.entry_reason)}"

    def renderings() -> Iterator[Rendering]:
        reasons = position.past_reasons
        for kept in range(len(reasons), 0, -1):
            lines = [f"- {quoted(reason, REASON_LENGTH)}" for reason in reasons[-kept:]]
            left_out = "" if kept == len(reasons) else words.older_reasons
            yield Rendering("\n".join([thesis, words.past_reasons + words.colon.rstrip(), *lines]), left_out)
        yield Rendering(thesis, words.past_reasons if reasons else "")
        short = f"{words.thesis}{words.colon}{quoted(position.entry_reason, SHORT)}"
        yield Rendering(short, words.comma.join([words.thesis_end, *([words.past_reasons] if reasons else [])]))

    return Section("position", words.position, "position", renderings)


def cases_section(lessons: Lessons, words: Words) -> Section:
    """Return the similar past cases: all, all with short lessons, then fewer."""

    def renderings() -> Iterator[Rendering]:
        yield Rendering(cases_block(lessons, words))
        for kept in range(len(lessons.cases), 0, -1):
            shorter = [case.model_copy(update={"lesson": plain(case.lesson, SHORT)}) for case in lessons.cases]
            lines = "\n".join(case_line(case, words) for case in shorter[:kept])
            count = words.some_cases.format(len(shorter) - kept, len(shorter))
            yield Rendering(
                lines, words.lesson_ends if kept == len(shorter) else f"{count}{words.comma}{words.lesson_ends}"
            )

    return Section("similar_trades", words.cases, "cases", renderings)


def cases_block(lessons: Lessons, words: Words) -> str:
    """Return one line per case, or why there are none."""
    if lessons.unavailable:
        return f"{words.unavailable}{words.colon}{quoted(lessons.unavailable)}"
    return "\n".join(case_line(case, words) for case in lessons.cases) or words.no_case


def case_line(case: Case, words: Words) -> str:
    """Return one case as the model sees it."""
    score = words.unscored if case.score is None else words.score.format(case.score, symbol(case.grade))
    return words.case.format(
        id=case.label,
        pair=symbol(case.pair),
        side=words.side_of(case.side),
        similarity=case.similarity,
        score=score,
        entry=case.entry_price,
        hours=case.duration_minutes / 60,
        profit=case.profit_pct,
        lesson=quoted(case.lesson) if case.lesson else words.no_lesson,
    )


def series(values: Sequence[float | None], digits: int = 6) -> str:
    """Return numbers in one compact line, oldest first; `-` where one was unavailable."""
    return " ".join("-" if value is None else number(value, digits) for value in values)


def number(value: float, digits: int = 6) -> str:
    """Return a number by its significant digits: 0.0000085 keeps them."""
    return f"{value:.{digits}g}"
