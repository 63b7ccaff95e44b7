"""Tokens of the prompt: what nothing can shorten, and how rich each section may be in what is left.

The lines of the facts block count for the section that they belong to.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, get_args

from candlegraph.agents.prompt.phrases import SectionName, Words
from candlegraph.agents.prompt.sections import Rendering, Section, text_of
from candlegraph.agents.prompt.tokens import CHAT_TOKENS, line_tokens, tokens_of
from candlegraph.graph.schema.facts import (
    ABSENT,
    AccountFacts,
    ExperienceFacts,
    Facts,
    PositionFacts,
    render_facts,
)
from candlegraph.graph.schema.indicators import TimeframeFacts
from candlegraph.graph.schema.market import Frozen
from candlegraph.graph.settings.context import ContextConfig

PRIORITY: tuple[SectionName, ...] = (
    "current_market",
    "position",
    "account",
    "similar_trades",
    "multi_timeframe",
    "indicator_history",
)
"""Who is made richer first while tokens of the whole prompt are left; also the order in the message."""
OWNERS: dict[str, SectionName] = {
    "account": "account",
    "closed": "position",
    "position": "position",
    "experience": "similar_trades",
}
"""Whose lines of the facts block are whose, by the first word of the key; the rest is the market's."""
SEPARATOR = "\n\n"
WIDE_NUMBER, WIDE_PRICE, WIDE_COUNT = -0.123456, 1.23456e-05, 9_999
PRICES = frozenset({"price", "support", "resistance", "close", "atr", "entry_price", "stop", "take_profit"})
WIDE_TEXT = {
    "pair": "1000" + 12 * "X" + "/USDT:USDT",
    "missing": ABSENT,  # a missing indicator takes less than the numbers that are then none
    "halted": 20 * "x ",
    "ids": 5 * "9f9f9f ",
}
CLOSED_LENGTH = 40
"""Characters of a line that says what cannot be done."""


@dataclass(frozen=True)
class Fixed:
    """Tokens that nothing can shorten: `facts` by section, and `lines` that say that a section was left out."""

    system: int
    tools: int
    facts: Mapping[SectionName, int]
    lines: Mapping[SectionName, int]

    def least(self, name: SectionName) -> int:
        """Return the fewest tokens of a section."""
        return self.facts.get(name, 0) + self.lines.get(name, 0)

    @property
    def total(self) -> int:
        """Return the fewest tokens of the prompt."""
        return CHAT_TOKENS + self.system + self.tools + sum(self.least(name) for name in PRIORITY)


@dataclass(frozen=True)
class FactsBlock:
    """The facts as they stand in the prompt; `tokens` by the section that their lines belong to."""

    text: str
    tokens: Mapping[SectionName, int]


@dataclass(frozen=True)
class Part:
    """One section as it was written; `tokens` count its lines in the facts block too."""

    name: SectionName
    text: str
    tokens: int
    left_out: str


def block_of(facts: Facts) -> FactsBlock:
    """Return the facts block with its tokens."""
    text = render_facts(facts)
    found: dict[SectionName, int] = {}
    for line in text.splitlines():
        head = line.partition(":")[0].partition(".")[0]
        owner = "multi_timeframe" if head in facts.timeframes else OWNERS.get(head, "current_market")
        found[owner] = found.get(owner, 0) + line_tokens(line)
    return FactsBlock(text, found)


def left_out_tokens(titles: Mapping[SectionName, str], config: ContextConfig, words: Words) -> dict[SectionName, int]:
    """Return the tokens of each section's line that it was left out; none where its allocation is 0."""
    lines = {name: tokens_of(words.left_out.format(title) + SEPARATOR) for name, title in titles.items()}
    return {name: tokens for name, tokens in lines.items() if getattr(config.allocation, name)}


def shortfalls(fixed: Fixed, config: ContextConfig) -> list[str]:
    """Return which keys allow less than what cannot be shortened."""
    least = {"system": fixed.system} | {name: fixed.least(name) for name in PRIORITY}
    limits = {name: getattr(config.allocation, name) for name in least}
    found = [
        f"config: context_config.allocation.{name} = {limits[name]}: {tokens} tokens of it cannot be left out"
        for name, tokens in least.items()
        if tokens > limits[name]
    ]
    if fixed.total > config.max_context_tokens:
        found.append(
            f"config: context_config.max_context_tokens = {config.max_context_tokens}: prompt file, functions and facts"
            f" of {len(config.timeframes)} timeframes need {fixed.total}; raise it or shorten context_config.timeframes"
        )
    return found


def fitted(sections: Sequence[Section], fixed: Fixed, config: ContextConfig, words: Words) -> Iterator[Part]:
    """Yield every section at the richest rendering that fits its allocation and what is left of the whole prompt."""
    left = config.max_context_tokens - fixed.total
    for section in sections:
        facts, line = fixed.facts.get(section.name, 0), fixed.lines.get(section.name, 0)
        room = min(left + line, getattr(config.allocation, section.name) - facts)
        part = richest(section, room, facts, words)
        left -= part.tokens - facts - line
        yield part


def richest(section: Section, room: int, facts: int, words: Words) -> Part:
    """Return the richest rendering of at most `room` tokens; without room for anything, nothing."""
    for rendering in chain(section.renderings(room), [Rendering("", section.title)]):
        text = text_of(section, rendering, words)
        tokens = tokens_of(text + SEPARATOR)
        if tokens <= room:
            return Part(section.name, text, facts + tokens, rendering.left_out)
    return Part(section.name, "", facts, section.title)


def wide_facts(timeframes: Sequence[str], *, in_position: bool) -> Facts:
    """Return facts of wide numbers: real ones of these timeframes take fewer tokens in sum."""
    return Facts(
        **_wide(Facts),
        timeframes={timeframe: TimeframeFacts(**_wide(TimeframeFacts)) for timeframe in timeframes},
        account=AccountFacts(**_wide(AccountFacts)),
        position=PositionFacts(**_wide(PositionFacts)) if in_position else None,
        experience=ExperienceFacts(**_wide(ExperienceFacts)),
    )


def _wide(model: type[Frozen]) -> dict[str, Any]:
    known = {name: _wide_value(name, field.annotation) for name, field in model.model_fields.items()}
    return {name: value for name, value in known.items() if value is not None}


def _wide_value(name: str, annotation: Any) -> float | str | None:
    options = (annotation, *get_args(annotation))
    if float in options:
        return WIDE_PRICE if name in PRICES else WIDE_NUMBER
    if int in options:
        return WIDE_COUNT
    words = [one for one in options if isinstance(one, str)]
    return max(words, key=len) if words else WIDE_TEXT.get(name)
