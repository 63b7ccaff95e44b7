"""Own prompts: the files of `llm_config.prompts_dir`, each in the place of the packaged prompt of its name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Literal, get_args

from candlegraph.graph.schema.errors import ConfigError
from candlegraph.graph.settings.context import Language

PromptName = Literal["analyst", "bull", "bear", "decision", "compact", "reviewer", "reflection"]
NAMES: tuple[PromptName, ...] = get_args(PromptName)
VALID = f"expected one of {', '.join(NAMES)}, each with .en or .zh, or without for both languages"
ENDING = ".md"


def texts_in(folder: Path) -> dict[str, str]:
    """Return the prompts of a folder by name, like `decision.en`; raise ConfigError for what could have no effect."""
    if not folder.is_dir():
        raise ConfigError(f"{folder}: there is no such folder; `candlegraph prompts init --to {folder}` writes one")
    try:
        texts = {path.stem: path.read_text(encoding="utf-8") for path in sorted(folder.glob(f"*{ENDING}"))}
    except (OSError, UnicodeDecodeError) as e:
        raise ConfigError(f"{folder}: a prompt cannot be read: {e}; expected UTF-8 text") from e
    if wrong := list(refused(texts)):
        raise ConfigError("\n".join(f"{folder / name}{ENDING}: {why}" for name, why in wrong))
    if not texts:
        raise ConfigError(f"{folder}: holds no prompt; {VALID}, as {NAMES[3]}.en{ENDING}")
    return texts


def refused(texts: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield name and reason of every text that is none of ours or says nothing."""
    valid = {*NAMES, *(f"{name}.{language}" for name in NAMES for language in get_args(Language))}
    for name, text in texts.items():
        if name not in valid:
            near = get_close_matches(name, sorted(valid), n=1)
            yield name, f"no prompt has this name; {f'did you mean {near[0]}?' if near else VALID}"
        elif not text.strip():
            yield name, "is empty; remove it, and the packaged prompt is used"


def own_of(texts: Mapping[str, str], name: PromptName, language: Language) -> str | None:
    """Return the own prompt of that name, None where the packaged one is used."""
    return texts.get(f"{name}.{language}", texts.get(name))
