"""One estimate of tokens for every model: offline, deterministic, on the high side (docs/decisions/10).

Two counters would cut two prompts and break replay. Some vocabularies take one token per digit, others one per
three, so a digit counts as one; on our prompts the estimate lies above cl100k and o200k even so.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from functools import cache, lru_cache

from langchain_core.tools import BaseTool
from pydantic import BaseModel

from candlegraph.agents.prompt.chinese.functions import schema_of
from candlegraph.graph.settings.context import Language

PIECE = re.compile(r" ?[a-z]{1,10}| ?[A-Z]{1,2}| ?[!-/:-@\[-`{-~]{1,2}|[\x00-\x7f]")
"""Up to ten small letters, two capitals or two marks, with the space before; else one ASCII character."""
CHINESE = re.compile("[\u3000-\u9fff\uff00-\uffef]")
OTHER = re.compile("[^\x00-\x7f\u3000-\u9fff\uff00-\uffef]")
CHAT_TOKENS = 12
"""What a chat template adds around two messages."""


def tokens_of(text: str) -> int:
    """Return the tokens of `text`: five for four Chinese characters, the UTF-8 bytes of other scripts.

    Counted line by line, since most lines of a prompt stood in the one before: no piece reaches over the end of a line.
    """
    lines = [_counted(line) for line in text.split("\n")]
    pieces, chinese = len(lines) - 1, 0
    for others, ours in lines:
        pieces += others
        chinese += ours
    return pieces + chinese + -(-chinese // 4)


def line_tokens(line: str) -> int:
    """Return the tokens of one line, with its end."""
    pieces, chinese = _counted(line)
    return pieces + 1 + chinese + -(-chinese // 4)


def last_within(lines: Sequence[str], most: int) -> int:
    """Return how many of the last lines can be within `most` tokens: with one more they are not, however counted."""
    left = most
    for count, line in enumerate(reversed(lines)):
        left -= sum(_counted(line)) + 1
        if left < 0:
            return count
    return len(lines)


@lru_cache(maxsize=8192)
def _counted(line: str) -> tuple[int, int]:
    """Return the tokens of a line but for its Chinese characters, and how many of these it has."""
    pieces = len(PIECE.findall(line))
    if line.isascii():
        return pieces, 0
    return pieces + len("".join(OTHER.findall(line)).encode("utf-8", "surrogatepass")), len(CHINESE.findall(line))


def tool_tokens(tools: Sequence[BaseTool], language: Language = "en") -> int:
    """Return the tokens of the functions' schemas, as JSON, which the model reads with every prompt."""
    total = 0
    for one in tools:
        assert isinstance(one.args_schema, type) and issubclass(one.args_schema, BaseModel)
        total += _schema_tokens(one.name, one.description, one.args_schema, language)
    return total


@cache
def _schema_tokens(name: str, description: str, arguments: type[BaseModel], language: Language) -> int:
    schema = schema_of(name, description, arguments, language)
    return tokens_of(json.dumps(schema, ensure_ascii=False) + "\n")
