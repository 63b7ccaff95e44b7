"""The `.env` beside a configuration: its secrets come into the environment, where the shell has not set them."""

from __future__ import annotations

import re
import shlex
from collections.abc import MutableMapping, Sequence
from pathlib import Path

from candlegraph.graph.schema.errors import ConfigError

NAME = ".env"
LINE = re.compile(r"\s*(?:export\s+)?([A-Za-z_]\w*)=(.*)")


def load_beside(configs: Sequence[Path], variables: MutableMapping[str, str]) -> Path | None:
    """Set what the `.env` beside the first file says and `variables` has not; return that `.env`, None without one."""
    file = configs[0].parent / NAME if configs else None
    if file is None or not file.is_file():
        return None
    for name, text in read_variables(file).items():
        variables.setdefault(name, text)
    return file


def read_variables(file: Path) -> dict[str, str]:
    """Return the variables that have a value, quotes taken off as a shell does; raise ConfigError naming the line."""
    found = {}
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        named = LINE.fullmatch(line)
        value = None if named is None else _unquoted(named[2])
        if named is None or value is None:  # the line is not shown: it may hold a secret
            raise ConfigError(f"{file}: line {number}: expected NAME=value, a value with spaces in quotes")
        if value:
            found[named[1]] = value
    return found


def _unquoted(text: str) -> str | None:
    """Return the one word that the text is to a shell, None where it is more."""
    try:
        words = shlex.split(text, comments=True)
    except ValueError:  # a quote that never ends
        return None
    return None if len(words) > 1 else "".join(words)
