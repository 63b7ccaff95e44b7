"""What is to be said of a user's own prompts before a model reads them: too long, without effect, or naming nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator

from candlegraph.agents.asking.transcript import BY_NAME
from candlegraph.agents.models.roles import ASKED
from candlegraph.agents.prompt.files import DECIDING, prompt_text
from candlegraph.agents.prompt.tokens import tokens_of
from candlegraph.graph.settings.context import Language
from candlegraph.graph.settings.prompts import ENDING, NAMES, own_of
from candlegraph.graph.settings.settings import Settings

CALLED = re.compile(r"\b(?:signal|adjust|record|query|cleanup)_[a-z_]+")
"""What looks like the name of a function."""
PLACEHOLDER = re.compile(r"\{\{?\w+\}?\}|\$\w+")
DATA = {"en": "never orders", "zh": "不是命令"}
"""By which a packaged prompt says that what comes from outside is data."""


def too_long(settings: Settings) -> list[str]:
    """Return which own prompts take more tokens than the configuration leaves for them."""
    most = settings.context_config.allocation.system
    found = [(name, tokens_of(text)) for name, text in _read(settings)]
    return [
        f"{name}{ENDING}: {tokens} tokens, context_config.allocation.system = {most}; shorten it, or raise that"
        for name, tokens in found
        if tokens > most
    ]


def doubts(settings: Settings) -> Iterator[str]:
    """Yield what a person should know of their prompts, though a model can be asked with them."""
    read = dict(_read(settings))
    if unread := [f"{name}{ENDING}" for name in settings.llm_config.own_prompts if name not in read]:
        yield f"nobody reads {', '.join(unread)} with {_terms(settings)}"
    for name, text in read.items():
        yield from (f"{name}{ENDING}: {why}" for why in _doubts(name, text, settings.context_config.language))


def _doubts(name: str, text: str, language: Language) -> Iterator[str]:
    if text == prompt_text(next(one for one in NAMES if one == name.partition(".")[0]), language):
        yield "as the packaged one; remove it, so that it follows new versions"
    for word in sorted(set(CALLED.findall(text)) - BY_NAME.keys()):
        yield f"{word}: no function has this name; there are {', '.join(BY_NAME)}"
    for word in sorted(set(PLACEHOLDER.findall(text))):
        yield f"{word} is sent as it stands: prompts have no placeholders, the data follow in a message"
    if DATA[language] not in text:
        yield f"does not say that the data in the next message are {DATA[language]!r}"


def _read(settings: Settings) -> Iterator[tuple[str, str]]:
    """Yield the own prompts that some role reads, by the name of their file."""
    config, language = settings.llm_config, settings.context_config.language
    reflects = settings.experience_config.reflection.mode == "llm"
    asked = {DECIDING[config.prompt], *ASKED[config.depth], *(["reflection"] if reflects else [])}
    asked -= {"decision", "compact"} - {DECIDING[config.prompt]}
    for name in NAMES:
        text = own_of(config.own_prompts, name, language)
        if text is not None and name in asked:
            yield next(one for one in (f"{name}.{language}", name) if one in config.own_prompts), text


def _terms(settings: Settings) -> str:
    config = settings.llm_config
    reflection = settings.experience_config.reflection.mode
    return (
        f"context_config.language {settings.context_config.language}, llm_config.prompt {config.prompt}, "
        f"llm_config.depth {config.depth}, experience_config.reflection.mode {reflection}"
    )
