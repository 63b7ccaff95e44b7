"""The prompts of all roles: one file a name and language, packaged beside the code."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.resources import files
from typing import Literal

from candlegraph.graph.settings.context import Language
from candlegraph.graph.settings.llm import PromptSize
from candlegraph.graph.settings.settings import Settings

PromptName = Literal["analyst", "bull", "bear", "decision", "compact", "reviewer", "reflection"]

DECIDING: dict[PromptSize, PromptName] = {"full": "decision", "compact": "compact"}


@cache
def prompt_text(name: PromptName, language: Language = "en") -> str:
    """Return a prompt as its file holds it."""
    return files("candlegraph.agents.prompt").joinpath(f"texts/{name}.{language}.md").read_text(encoding="utf-8")


@cache
def prompt_version(name: PromptName, language: Language = "en") -> str:
    """Return the first 12 hex digits of the prompt file's SHA-256; log lines and records carry it."""
    return hashlib.sha256(prompt_text(name, language).encode()).hexdigest()[:12]


def deciding_version(settings: Settings) -> str:
    """Return the version of the prompt that the deciding model reads."""
    return prompt_version(DECIDING[settings.llm_config.prompt], settings.context_config.language)
