"""What the model reads: the system prompt, and one message of sections, each as rich as its tokens allow.

facts block, which always stays -> sections -> each the richest that fits, in order of priority -> two messages
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage
from langchain_core.tools import BaseTool

from candlegraph.agents.prompt.budget import (
    CLOSED_LENGTH,
    SEPARATOR,
    FactsBlock,
    Fixed,
    Part,
    block_of,
    fitted,
    left_out_tokens,
    shortfalls,
    wide_facts,
)
from candlegraph.agents.prompt.cases import cases_section
from candlegraph.agents.prompt.chinese.said import said
from candlegraph.agents.prompt.compact import compact_facts, compact_fixed, refuse_policy
from candlegraph.agents.prompt.files import asked_prompt
from candlegraph.agents.prompt.last_call import last_call_line
from candlegraph.agents.prompt.outside_text import plain, symbol
from candlegraph.agents.prompt.phrases import WORDS, SectionName
from candlegraph.agents.prompt.sections import Section, account_section, market_section, position_section
from candlegraph.agents.prompt.timeframes import history_section, series_names, texts_of, timeframes_section
from candlegraph.agents.prompt.tokens import tokens_of, tool_tokens
from candlegraph.graph.schema.errors import ConfigError
from candlegraph.graph.schema.facts import ABSENT, ExperienceFacts, Facts
from candlegraph.graph.schema.lessons import Lessons
from candlegraph.graph.schema.market import MarketSnapshot
from candlegraph.graph.settings.context import ContextConfig, Language
from candlegraph.graph.settings.settings import Settings
from candlegraph.graph.state import CandleState

HALT_LENGTH = 60
SHOWN_IDS = 5
"""Of the experiences behind the summary; the counts are of all."""


@dataclass(frozen=True)
class Brief:
    """One decision's prompt, section by section; `parts` hold what stands beside the facts block."""

    system: str
    facts: str
    parts: tuple[Part, ...]
    fixed: Fixed

    @property
    def tokens(self) -> int:
        """Return the tokens of the whole prompt, functions included."""
        beyond = sum(part.tokens - self.fixed.least(part.name) for part in self.parts)
        return self.fixed.total + beyond

    @property
    def messages(self) -> list[BaseMessage]:
        """Return the opening messages of the decision."""
        texts = [self.facts, *(part.text for part in self.parts if part.text)]
        return [SystemMessage(self.system), HumanMessage(SEPARATOR.join(texts))]


def briefing(state: CandleState, settings: Settings, tools: Sequence[BaseTool]) -> list[BaseMessage]:
    """Return the opening messages of a decision; without a date, so that equal markets read equal."""
    return brief_of(state, settings, tools).messages


def market_text(state: CandleState, settings: Settings) -> str:
    """Return what every other role reads of the candle: the facts and sections of the decision's prompt."""
    return str(brief_of(state, settings, ()).messages[1].content)


def brief_of(state: CandleState, settings: Settings, tools: Sequence[BaseTool]) -> Brief:
    """Return the prompt within its budget; raise ConfigError if what cannot be shortened is more than that."""
    assert state.facts is not None and state.snapshot is not None, "the analyst runs before the briefing"
    config, lessons = settings.context_config, state.lessons or Lessons()
    words = WORDS[config.language]
    facts = shown_facts(state.facts, lessons.summary, config.language)
    if settings.llm_config.prompt == "compact":
        system = asked_prompt("compact", settings)
        last = None if state.snapshot.last_call is None else last_call_line(state.snapshot.last_call, words)
        fixed = compact_fixed(system, facts, tools, words, last)
        return Brief(system, compact_facts(facts, words, last), (), fixed)
    system = asked_prompt("decision", settings)
    sections = sections_of(state.snapshot, lessons, config)
    titles = {one.name: one.title for one in sections}
    block = block_of(facts)
    fixed = fixed_of(block, tools, titles, system, config)
    if facts.closed and shortfalls(fixed, config):  # what a budget was never asked for is the first to go
        block = block_of(facts.model_copy(update={"closed": {}}))
        fixed = fixed_of(block, tools, titles, system, config)
    _refuse(shortfalls(fixed, config))
    parts = tuple(fitted(sections, fixed, config, words))
    return Brief(system, block.text, parts, fixed)


def sections_of(snapshot: MarketSnapshot, lessons: Lessons, config: ContextConfig) -> list[Section]:
    """Return the sections that have something to say, the first in priority first."""
    words, views = WORDS[config.language], snapshot.timeframes
    told = [texts_of(view, series_names(view.timeframe, config), words) for view in views]
    found = (
        market_section(snapshot.sentiment, words),
        position_section(snapshot.position, words, snapshot.last_call, lessons.self_scores),
        account_section(snapshot, words),
        cases_section(lessons, words),
        timeframes_section(views, told, words),
        history_section(views, told, config, words),
    )
    return [section for section in found if section is not None]


def shown_facts(facts: Facts, summary: ExperienceFacts | None, language: Language) -> Facts:
    """Return the facts with the summary of the cases, and the texts among them made plain, in the prompt's language."""
    ids = " ".join(summary.ids.split()[:SHOWN_IDS]) if summary else ABSENT
    stopped = facts.account.halted
    halted = ABSENT if stopped == ABSENT else plain(said(stopped, language), HALT_LENGTH) or ABSENT
    return facts.model_copy(
        update={
            "pair": symbol(facts.pair),
            "account": facts.account.model_copy(update={"halted": halted}),
            "experience": summary and summary.model_copy(update={"ids": ids}),
            "closed": {name: plain(said(told, language), CLOSED_LENGTH) for name, told in facts.closed.items()},
        }
    )


def check_fits(settings: Settings, tools: Sequence[BaseTool], *, in_position: bool) -> None:
    """Raise ConfigError, naming the keys, unless every prompt with these functions fits its budget."""
    config = settings.context_config
    words = WORDS[config.language]
    facts = wide_facts(config.timeframes, in_position=in_position)
    if settings.llm_config.prompt == "compact":
        refuse_policy(settings.llm_config.models_of("decision"))
        system = asked_prompt("compact", settings)
        fixed = compact_fixed(system, facts, tools, words)
    else:
        fixed = fixed_of(block_of(facts), tools, words.titles, asked_prompt("decision", settings), config)
    _refuse(shortfalls(fixed, config))


def fixed_of(
    block: FactsBlock,
    tools: Sequence[BaseTool],
    titles: Mapping[SectionName, str],
    system: str,
    config: ContextConfig,
) -> Fixed:
    """Return the tokens that nothing can shorten."""
    return Fixed(
        system=tokens_of(system),
        tools=tool_tokens(tools, config.language),
        facts=block.tokens,
        lines=left_out_tokens(titles, config, WORDS[config.language]),
    )


def _refuse(found: Sequence[str]) -> None:
    if found:
        raise ConfigError("\n".join(found))
