"""The last good copy of a SQLite file."""

from __future__ import annotations

import logging
import sqlite3
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

logger = logging.getLogger(__name__)


def backup_path(path: Path) -> Path:
    """Return where the copy is kept."""
    return path.with_name(path.name + ".bak")


def back_up(engine: Engine, path: Path) -> None:
    """Replace the copy by the present state; a full disk costs the copy, not the memory."""
    target = backup_path(path)
    partial = target.with_name(target.name + ".partial")
    try:
        partial.unlink(missing_ok=True)
        _copy(engine, partial)
        partial.replace(target)
    except (OSError, sqlite3.Error) as e:
        logger.warning("no new backup of %s: %s", path, e)


def _copy(engine: Engine, target: Path) -> None:
    source, copy = engine.raw_connection(), sqlite3.connect(target)
    try:
        raw: Any = source.driver_connection
        raw.backup(copy)
    finally:
        copy.close()
        source.close()
