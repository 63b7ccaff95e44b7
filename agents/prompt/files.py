"""The prompts of all roles: one file a name and language, packaged beside the code; or the user's own."""

from __future__ import annotations

import hashlib
from functools import cache, lru_cache
from importlib.resources import files

from candlegraph.graph.settings.context import Language
from candlegraph.graph.settings.llm import PromptSize
from candlegraph.graph.settings.prompts import PromptName, own_of
from candlegraph.graph.settings.settings import Settings

DECIDING: dict[PromptSize, PromptName] = {"full": "decision", "compact": "compact"}


@cache
def prompt_text(name: PromptName, language: Language = "en") -> str:
    """Return a prompt as its packaged file holds it."""
    return files("candlegraph.agents.prompt").joinpath(f"texts/{name}.{language}.md").read_text(encoding="utf-8")


def prompt_version(name: PromptName, language: Language = "en") -> str:
    """Return the version of the packaged prompt."""
    return version_of(prompt_text(name, language))


@lru_cache(maxsize=64)
def version_of(text: str) -> str:
    """Return the first 12 hex digits of a prompt's SHA-256; log lines and records carry it."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def asked_prompt(name: PromptName, settings: Settings) -> str:
    """Return the prompt that a model reads: the user's own of that name, else the packaged one."""
    language = settings.context_config.language
    texts = settings.llm_config.own_prompts
    own = own_of(texts, name, language) if texts else None
    return prompt_text(name, language) if own is None else own


def deciding_version(settings: Settings) -> str:
    """Return the version of the prompt that the deciding model reads."""
    return version_of(asked_prompt(DECIDING[settings.llm_config.prompt], settings))
