"""Copies of a SQLite file, by its own backup: consistent while others write, and complete by themselves."""

from __future__ import annotations

import logging
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from candlegraph.graph.schema.errors import MemoryStoreError
from candlegraph.graph.schema.market import Frozen

logger = logging.getLogger(__name__)

BUSY_SECONDS = 30
ONE_FILE = "PRAGMA journal_mode = DELETE"
"""A copy needs no log beside it, and can be read where nothing can be written."""


class Copy(Frozen):
    """A copy that was found sound, and what it holds."""

    path: Path
    version: int
    experiences: int
    decisions: int
    bytes: int


def backup_path(path: Path) -> Path:
    """Return where the copy is kept that each start renews."""
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


def make_copy(path: Path, target: Path) -> Copy:
    """Copy the database and check the copy; raise MemoryStoreError, with `target` as it was, if it is not sound."""
    partial = target.with_name(f"{target.name}.{os.getpid()}.partial")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with closing(_connected(path)) as source, closing(sqlite3.connect(partial)) as copy:
            source.backup(copy)
            copy.execute(ONE_FILE)
        found = checked(partial, called=path)
        partial.replace(target)
    except (OSError, sqlite3.Error) as e:
        raise MemoryStoreError(f"{path} could not be copied to {target}: {e}; nothing was changed") from e
    finally:
        partial.unlink(missing_ok=True)
    return found.model_copy(update={"path": target})


def checked(path: Path, called: Path | None = None) -> Copy:
    """Return what the file holds; raise MemoryStoreError if it is damaged, or no memory, by the name a person knows."""
    name = called or path
    try:
        with closing(_connected(path)) as connection:
            if (result := connection.execute("PRAGMA quick_check(1)").fetchone()[0]) != "ok":
                raise MemoryStoreError(f"{name} is damaged ({result}); nothing was changed")
            return Copy(
                path=path,
                version=_one(connection, "SELECT value FROM meta WHERE key = 'schema'"),
                experiences=_one(connection, "SELECT count(*) FROM experiences"),
                decisions=_one(connection, "SELECT count(*) FROM decisions"),
                bytes=path.stat().st_size,
            )
    except sqlite3.OperationalError as e:  # no such table
        raise MemoryStoreError(f"{name} cannot be read as a memory of candlegraph: {e}; nothing was changed") from e
    except sqlite3.DatabaseError as e:
        raise MemoryStoreError(f"{name} is damaged ({e}); nothing was changed") from e


def _one(connection: sqlite3.Connection, query: str) -> int:
    row = connection.execute(query).fetchone()
    return 0 if row is None else int(row[0])


def _connected(path: Path) -> sqlite3.Connection:
    """Open a file that must exist: SQLite would make an empty one."""
    return sqlite3.connect(f"{path.resolve().as_uri()}?mode=rw", uri=True, timeout=BUSY_SECONDS)


def _copy(engine: Engine, target: Path) -> None:
    source, copy = engine.raw_connection(), sqlite3.connect(target)
    try:
        raw: Any = source.driver_connection
        raw.backup(copy)
        copy.execute(ONE_FILE)
    finally:
        copy.close()
        source.close()
