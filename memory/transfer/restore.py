"""A backup takes the place of the database; what is derived from it is forgotten and made anew."""

from __future__ import annotations

import os
import secrets
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from candlegraph.graph.schema.errors import MemoryStoreError
from candlegraph.graph.schema.market import Frozen
from candlegraph.graph.settings.experience import RagConfig
from candlegraph.memory.index.saved import OURS, index_folder
from candlegraph.memory.storage.backup import Copy, make_copy
from candlegraph.memory.storage.database import SCHEMA
from candlegraph.memory.storage.text_files import keep_names
from candlegraph.memory.store import close_memory, open_memory

SHARED_FIRST, SHARED_SIZE = 0x40000000 + 2, 510
"""The bytes on which every connection of SQLite in WAL mode holds a shared lock while it is open.
Source: sqlite.org/fileformat2.html#the_lock_byte_page and os_unix.c (PENDING_BYTE)."""


class Restored(Frozen):
    """What was put in the place of the database, and where the old one is."""

    copy_of: Path
    held: Copy
    replaced: Path | None


def restore(database: Path, source: Path, *, at: datetime) -> Restored:
    """Put a checked copy of `source` in the place of the database; raise MemoryStoreError, and change nothing."""
    if not source.is_file():
        raise MemoryStoreError(f"no backup at {source}; nothing was changed")
    if source.resolve() == database.resolve():
        raise MemoryStoreError(f"{source} is the database itself; expected a backup of it")
    close_memory(database)
    fresh = database.with_name(f"{database.name}.{os.getpid()}.restoring")
    try:
        held = _fitting(source, fresh)
        _make_another(fresh)
        with _alone(database):
            replaced = _set_aside(database, at)
            forget_snapshots(database)  # ids of the old rows may come to mean others
            fresh.replace(database)
        keep_names(database.parent)
    except OSError as e:
        raise MemoryStoreError(f"{database} could not be replaced: {e}; run the command again") from e
    finally:
        fresh.unlink(missing_ok=True)
    return Restored(copy_of=source, held=held, replaced=replaced)


def _fitting(source: Path, fresh: Path) -> Copy:
    held = make_copy(source, fresh)
    if not 1 <= held.version <= SCHEMA:
        raise MemoryStoreError(
            f"{source}: expected schema {SCHEMA} at most, was {held.version}; use the candlegraph that wrote it"
        )
    return held


def _make_another(fresh: Path) -> None:
    """Give the copy an identity of its own: index snapshots anywhere are of the old one, whose ids may mean others."""
    with closing(sqlite3.connect(fresh)) as connection, connection:
        connection.execute("update meta set value = ? where key = 'identity'", (secrets.randbits(62),))


@contextmanager
def _alone(database: Path) -> Iterator[None]:
    """Refuse while any process has the database open, and keep others out meanwhile.

    A damaged file cannot be asked through SQLite, so the lock is asked for that SQLite itself would take. Windows
    needs none of this: there a file that is open cannot be renamed.
    """
    if os.name != "posix" or not database.exists():
        yield
        return
    import fcntl

    with database.open("r+b") as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, SHARED_SIZE, SHARED_FIRST)
        except BlockingIOError as e:
            raise MemoryStoreError(
                f"another process has {database} open; stop every bot, Studio and notebook on it; nothing was changed"
            ) from e
        yield


def _set_aside(database: Path, at: datetime) -> Path | None:
    """Give the database a second name, with its unwritten pages: until it is replaced, it is never absent."""
    log, shared = (database.with_name(database.name + end) for end in ("-wal", "-shm"))
    aside = _free_name(database, at) if database.exists() else None
    if aside is not None:
        os.link(database, aside)
    if log.exists():
        # Left in place, it would be written into the copy. Only a log without its database is worth nothing.
        log.replace(aside.with_name(aside.name + "-wal")) if aside is not None else log.unlink()
    shared.unlink(missing_ok=True)
    return aside


def _free_name(database: Path, at: datetime) -> Path:
    number = 1
    while (path := database.with_name(f"{database.name}.replaced-{at:%Y%m%dT%H%M%SZ}.{number}")).exists():
        number += 1
    return path


def forget_snapshots(database: Path, storage_path: str | None = None) -> tuple[Path, ...]:
    """Delete the index snapshots of the database, half-written ones too; return what there was."""
    folder = index_folder(database, storage_path)
    found = tuple(sorted(file for file in folder.glob("*") if file.is_file() and OURS.fullmatch(file.name)))
    try:
        for file in found:
            file.unlink(missing_ok=True)
    except OSError as e:
        raise MemoryStoreError(f"the index snapshots in {folder} could not be removed: {e}") from e
    return found


def rebuild(
    database: Path, rag: RagConfig, step: Callable[[Sequence[str]], Iterable[str]] = iter
) -> tuple[tuple[Path, ...], list[dict[str, Any]]]:
    """Build every index from the rows alone; return the forgotten snapshots, and the statistics of each namespace.

    `step` is given the namespaces, and yields them one by one: it may show how far it is.
    """
    close_memory(database)
    forgotten = forget_snapshots(database, rag.vector_store.storage_path)
    memory = open_memory(database, rag)
    return forgotten, [memory.stats(namespace) for namespace in step(memory.namespaces())]
