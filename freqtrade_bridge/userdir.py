"""The folder that a bot's run leaves behind, as the commands find it; loads no freqtrade."""

from __future__ import annotations

from pathlib import Path

from candlegraph.graph.context import DATABASE
from candlegraph.graph.errors import MemoryStoreError


def database_of(userdir: Path) -> Path:
    """Return the database below `userdir`; raise MemoryStoreError where there is none, instead of making one."""
    path = userdir / DATABASE
    if not path.is_file():
        raise MemoryStoreError(f"no memory at {path}; --userdir: expected the folder of a bot that has run")
    return path
