"""The compact prompt: what a small model can read in seconds, about 400 tokens in both messages together.

The facts block proper has more lines than that, and its schema lets none be left out. So these are plain `key: value`
lines: the unavailable left out, numbers that are no prices with three digits. The policy rule cannot read them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from langchain_core.tools import BaseTool

from candlegraph.agents.prompt.budget import PRICES, Fixed
from candlegraph.agents.prompt.outside_text import plain
from candlegraph.agents.prompt.phrases import SectionName, Words
from candlegraph.agents.prompt.tokens import tokens_of, tool_tokens
from candlegraph.graph.schema.errors import ConfigError
from candlegraph.graph.schema.facts import ABSENT, Facts
from candlegraph.graph.schema.market import Frozen
from candlegraph.graph.schema.numbers import written
from candlegraph.graph.settings.context import Phrase
from candlegraph.graph.settings.llm import ModelSettings

MARKET = ("pair", "price", "regime", "trend_strength", "alignment", "support", "resistance", "missing")
TIMEFRAME = ("rsi", "atr", "ema_20_distance", "macd_histogram", "bollinger_position")
POSITION = ("side", "leverage", "entry_price", "stop", "profit_pct", "age_candles")
ACCOUNT, HALTED = ("equity", "free"), ("halted",)
EXPERIENCE = ("long_success_rate", "short_success_rate")
EXACT = PRICES | {"equity", "free"}
COMPACT = ("reduce",)
"""Of what is closed; the other functions are not offered then."""
AT_EXIT: Phrase = {
    "en": "at an exit: trade_score; reason: what was right, wrong, to do next time",
    "zh": "离场：给 trade_score，reason 写对错和下次做法",
}
LONGEST = 40
"""Characters of a text among the facts."""

Line = tuple[SectionName, str]


def compact_facts(facts: Facts, words: Words, last_call: str | None = None) -> str:
    """Return what matters of the market, the main timeframe, the position or the wallet, and the past."""
    return "\n".join(line for _, line in _lines(facts, words, last_call))


def compact_fixed(
    system: str, facts: Facts, tools: Sequence[BaseTool], words: Words, last_call: str | None = None
) -> Fixed:
    """Return the tokens of the compact prompt, none of which can be left out."""
    found: dict[SectionName, int] = {}
    for section, line in _lines(facts, words, last_call):
        found[section] = found.get(section, 0) + tokens_of(f"{line}\n")
    return Fixed(system=tokens_of(system), tools=tool_tokens(tools, words.language), facts=found, lines={})


def refuse_policy(models: Sequence[ModelSettings]) -> None:
    """Raise ConfigError where the policy rule would be asked: it reads the full facts block only."""
    for one in models:
        if one.provider == "policy" or (one.provider, one.api_base, one.model) == ("auto", None, "policy"):
            raise ConfigError("config: llm_config.prompt = 'compact' cannot be read by model 'policy'; use 'full'")


def _lines(facts: Facts, words: Words, last_call: str | None) -> Iterator[Line]:
    main = next(iter(facts.timeframes.values()))
    yield from _of("current_market", facts, MARKET)
    yield from _of("multi_timeframe", main, TIMEFRAME)
    if facts.position is None:
        yield "position", f"position: {ABSENT}"
        yield from _of("account", facts.account, ACCOUNT)
    else:
        yield from _of("position", facts.position, POSITION)
    yield from _of("account", facts.account, HALTED)
    yield from (("position", f"{name}: {told}") for name, told in facts.closed.items() if name in COMPACT)
    if last_call is not None:
        yield "position", last_call
    if facts.position is not None:
        yield "position", AT_EXIT[words.language]
    if facts.experience is not None:
        yield from _of("similar_trades", facts.experience, EXPERIENCE)


def _of(section: SectionName, part: Frozen, names: Sequence[str]) -> Iterator[Line]:
    for name in names:
        value = getattr(part, name)
        if value is not None and value != ABSENT:
            yield section, f"{name}: {_shown(name, value)}"


def _shown(name: str, value: float | int | str) -> str:
    if isinstance(value, float):
        return written(value, 6 if name in EXACT else 3)
    return plain(value, LONGEST) if isinstance(value, str) else str(value)
