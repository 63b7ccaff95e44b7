"""The prompts of all roles as files, one per role and language, each version named by a hash of its text."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.resources import files

from candlegraph.graph.schema.calls import Role
from candlegraph.graph.settings.context import Language
from candlegraph.graph.settings.llm import PromptSize


@cache
def system_prompt(language: Language = "en", size: PromptSize = "full") -> str:
    """Return the prompt of the decision role."""
    name = "decision" if size == "full" else size
    return files("candlegraph.agents.prompt").joinpath(f"texts/{name}.{language}.md").read_text(encoding="utf-8")


@cache
def prompt_version(language: Language = "en", size: PromptSize = "full") -> str:
    """Return the first 12 hex digits of the prompt file's SHA-256; every log line carries it."""
    return hashlib.sha256(system_prompt(language, size).encode()).hexdigest()[:12]


@cache
def role_prompt(role: Role, language: Language = "en") -> str:
    """Return the prompt file of a role."""
    return files("candlegraph.agents.prompt").joinpath(f"texts/{role}.{language}.md").read_text(encoding="utf-8")


@cache
def role_prompt_version(role: Role, language: Language = "en") -> str:
    """Return the first 12 hex digits of the prompt file's SHA-256."""
    return hashlib.sha256(role_prompt(role, language).encode()).hexdigest()[:12]


@cache
def reflection_prompt(language: Language = "en") -> str:
    """Return the prompt of the reflection."""
    return files("candlegraph.agents.prompt").joinpath(f"texts/reflection.{language}.md").read_text(encoding="utf-8")


@cache
def reflection_version(language: Language = "en") -> str:
    """Return the first 12 hex digits of the prompt file's SHA-256."""
    return hashlib.sha256(reflection_prompt(language).encode()).hexdigest()[:12]
