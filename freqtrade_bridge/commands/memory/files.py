"""`candlegraph memory export`, `import`, `backup` and `restore`: the memory out into files, and back; no freqtrade."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from candlegraph.freqtrade_bridge.commands.arguments import database_of
from candlegraph.freqtrade_bridge.commands.memory.tables import opened, rag_config
from candlegraph.freqtrade_bridge.report.listing import console, print_values
from candlegraph.graph.schema.errors import ConfigError, MemoryStoreError
from candlegraph.graph.settings.places import DATABASE
from candlegraph.memory.storage.backup import Copy, backup_path, make_copy
from candlegraph.memory.store import open_memory
from candlegraph.memory.transfer.ancestor import FEE
from candlegraph.memory.transfer.ancestor_log import read_ancestor
from candlegraph.memory.transfer.files import BadLine, Lines, Stored, export, parse_export, read_lines, store
from candlegraph.memory.transfer.restore import restore

NAMED = 10
"""Bad lines that a refusal names, of the others it tells the count; what is skipped is named line by line."""


def print_export(arguments: Namespace) -> None:
    """Write the experiences of a namespace to a file."""
    memory, namespace = opened(arguments, rag_config(arguments))
    count = export(memory.engine, namespace, arguments.to, replace=arguments.force)
    console().print(f"{count} experiences of {namespace} written to {arguments.to}", soft_wrap=True)


def print_import(arguments: Namespace) -> None:
    """Store the experiences of a file; with a bad line in it nothing, unless bad lines are to be skipped."""
    database = _database_to_fill(arguments.userdir)
    found, bad = _read(arguments)
    if bad and not (arguments.skip_bad or arguments.ancestor):
        raise MemoryStoreError(f"{_named(bad)}\nnothing was stored; --skip-bad stores the {len(found)} others")
    for line in bad:
        sys.stderr.write(f"{line}\n")
    _print_stored(store(open_memory(database, rag_config(arguments)).engine, found, arguments.namespace), len(bad))


def _read(arguments: Namespace) -> Lines:
    if arguments.ancestor:
        return _read_ancestor(arguments)
    if arguments.fee is not None:
        raise ConfigError("memory import: --fee goes with --ancestor: our own exports hold net profits")
    return read_lines(arguments.file, parse_export)


def _read_ancestor(arguments: Namespace) -> Lines:
    """Return the trades of the ancestor's log; say which were logged twice, and what was taken off their profits."""
    fee = FEE if arguments.fee is None else arguments.fee
    log = read_ancestor(arguments.file, fee)
    screen = console()
    for one in log.repeated:
        screen.print(f"logged more than once: {one}", soft_wrap=True)
    screen.print(
        f"profits are net: {100 * fee:.4g} % of the notional was taken off for each side (--fee)", soft_wrap=True
    )
    return Lines(log.experiences, log.bad)


def print_backup(arguments: Namespace) -> None:
    """Copy the database and check the copy."""
    database = database_of(arguments.userdir)
    target = arguments.to or database.parent / "backups" / f"{database.stem}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.sqlite"
    if target.resolve() in (database.resolve(), backup_path(database).resolve()):
        raise MemoryStoreError(f"memory backup: --to {target}: expected another file than the memory's own")
    if target.exists() and not arguments.force:
        raise MemoryStoreError(f"memory backup: --to {target} is there already; --force replaces it")
    print_values("backup", _held(make_copy(database, target)))


def print_restore(arguments: Namespace) -> None:
    """Put a backup in the place of the database."""
    database = arguments.userdir / DATABASE
    done = restore(database, arguments.source or backup_path(database), at=datetime.now(UTC))
    replaced = "nothing: there was no database" if done.replaced is None else str(done.replaced)
    print_values("restored", [*_held(done.held), ("from", str(done.copy_of)), ("what it replaced", replaced)])


def _database_to_fill(userdir: Path) -> Path:
    """Return the database, which need not be there yet; its folder must."""
    if not userdir.is_dir():
        raise MemoryStoreError(f"memory import: --userdir {userdir}: there is no such folder")
    return userdir / DATABASE


def _named(bad: Sequence[BadLine]) -> str:
    more = [f"and {len(bad) - NAMED} more bad lines"] if len(bad) > NAMED else []
    return "\n".join([*map(str, bad[:NAMED]), *more])


def _print_stored(stored: Stored, bad: int) -> None:
    counts = (("stored", stored.added), ("there already", stored.present), ("bad, skipped", bad))
    print_values("lines", ((what, str(count)) for what, count in counts))


def _held(copy: Copy) -> list[tuple[str, str]]:
    facts = {"file": copy.path, "bytes": copy.bytes, "experiences": copy.experiences, "decisions": copy.decisions}
    return [(what, str(value)) for what, value in (facts | {"schema": copy.version, "quick_check": "ok"}).items()]
