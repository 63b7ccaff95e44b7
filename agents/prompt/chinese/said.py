"""What the code said in English, as a model reads it: refusals, fates, warnings, changes, faults.

A sentence that is not in the table comes from outside (an exchange, Freqtrade, a person) and stays as it is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from candlegraph.agents.prompt.chinese.sentences import (
    ANSWERS,
    CHANGES,
    CLAIMS,
    CLOSED,
    COUNTS,
    FATES,
    FAULTS,
    REFUSALS,
    RULES,
    VALUES,
)
from candlegraph.graph.settings.context import Language

NAMED = re.compile(r"([\w.]+): (.+)", re.DOTALL)
"""A key or rule before what it says."""
LAST = re.compile(r"(?<=[\d\w]) and (?=\d[\w.]*$)")
"""Before the last number, or timeframe, of a list."""
ONE_THING = "((?:(?![;:] ).)+?)"
Table = tuple[tuple[re.Pattern[str], str], ...]


def said(text: str, language: Language) -> str:
    """Return what the code said in English in the language of the prompt; what comes from outside stays as it is."""
    return text if language == "en" else _chinese(text)


def answered(text: str, language: Language) -> str:
    """Return what one of our functions answers: a sentence, or counts in JSON."""
    if language == "en" or not text.startswith("{"):
        return said(text, language)
    return json.dumps(_keyed(json.loads(text)), ensure_ascii=False)


def all_said(texts: Iterable[str], language: Language) -> list[str]:
    """Return several texts that the code said, each in the language of the prompt."""
    return [*texts] if language == "en" else [_chinese(text) for text in texts]


def changed(lines: Iterable[str], language: Language) -> list[str]:
    """Return the lines of what has changed since the entry, in the language of the prompt."""
    if language == "en":
        return [*lines]
    return ["，".join(_filled(one, CHANGED) or one for one in line.split(", ")) for line in lines]


@lru_cache(maxsize=1024)
def _chinese(text: str) -> str:
    if text in WHOLE:
        return WHOLE[text]
    if found := NAMED.fullmatch(text):
        return f"{VALUES.get(found[1], found[1])}：{_chinese(found[2])}"
    parts = text.split("; ")
    if len(parts) > 1 and (told := [_chinese(one) for one in parts]) != parts:
        return "；".join(told)
    if (known := _filled(text, SAID)) is not None:
        return known
    return LAST.sub(" 和 ", text)


def _keyed(counts: Any) -> Any:
    """Return counts with their keys in Chinese; a key that has none is a name."""
    if not isinstance(counts, dict):
        return counts
    return {COUNTS.get(key, VALUES.get(key, key)): _keyed(value) for key, value in counts.items()}


def _filled(text: str, table: Table) -> str | None:
    """Return a sentence of the table, with what is filled in told likewise; None if it is none."""
    if text in VALUES:
        return VALUES[text]
    for known, told in table:
        if found := known.fullmatch(text):
            return told.format(*map(_chinese, found.groups()))
    return None


def _table(*sayings: Mapping[str, str]) -> Table:
    """Return patterns, the one with most words of its own first: the others would match more than they mean."""
    found = {english: told for one in sayings for english, told in one.items()}
    return tuple((_pattern(one), found[one]) for one in sorted(found, key=_own_words, reverse=True))


def _pattern(english: str) -> re.Pattern[str]:
    """Return the pattern of a sentence; what is filled in at its end may be sentences, elsewhere it is one thing."""
    parts = [re.escape(one) for one in english.split("{}")]
    if parts[-1] == "" and len(parts) > 1:
        return re.compile(ONE_THING.join(parts[:-1]) + "(.+)", re.DOTALL)
    return re.compile(ONE_THING.join(parts), re.DOTALL)


def _own_words(english: str) -> int:
    return len(english.replace("{}", ""))


SAID = _table(REFUSALS, FATES, CLOSED, RULES, CLAIMS, FAULTS, ANSWERS)
WHOLE = {text: told for one in (FAULTS, ANSWERS) for text, told in one.items() if "{}" not in text}
"""Sentences in which a colon or semicolon is nobody's end."""
CHANGED = _table(CHANGES)
