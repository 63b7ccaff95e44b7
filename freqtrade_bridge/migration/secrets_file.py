"""The `.env` beside a configuration: the secrets that left it, readable by their owner alone."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping
from pathlib import Path

from candlegraph.graph.schema.errors import ConfigError

NAME = re.compile(r"\s*(?:export\s+)?([A-Za-z_]\w*)=(.*)")
OWNER_ONLY = 0o600


def keep_secrets(file: Path, secrets: Mapping[str, str], *, replace: bool) -> None:
    """Add the variables to the file, mode 600; raise ConfigError for one that is there with another value."""
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    there = {found[1]: number for number, line in enumerate(lines) if (found := NAME.fullmatch(line))}
    for name, secret in secrets.items():
        line = f"{name}={shlex.quote(secret)}"
        if name not in there:
            lines.append(line)
        elif lines[there[name]] not in (line, f"export {line}"):
            if not replace and not re.fullmatch(rf"(?:export )?{name}=", lines[there[name]]):
                raise ConfigError(f"{file}: {name} is there already with another value; --force replaces it")
            lines[there[name]] = line
    write_beside(file, "".join(f"{line}\n" for line in lines), OWNER_ONLY)


def write_beside(file: Path, text: str, mode: int) -> None:
    """Write a file, whole or not at all."""
    partial = file.with_name(f"{file.name}.{os.getpid()}.partial")
    try:
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w", encoding="utf-8") as out:
            out.write(text)
        partial.chmod(mode)
        partial.replace(file)
    except OSError as e:
        partial.unlink(missing_ok=True)
        raise OSError(e.errno, e.strerror, str(file)) from e
