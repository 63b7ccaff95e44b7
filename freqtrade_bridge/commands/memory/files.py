"""`candlegraph memory export`, `import`, `backup` and `restore`: the memory out into files, and back; no freqtrade."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from candlegraph.freqtrade_bridge.commands.arguments import database_of
from candlegraph.freqtrade_bridge.commands.memory.tables import opened, rag_config
from candlegraph.freqtrade_bridge.commands.waiting import counted, working
from candlegraph.freqtrade_bridge.host.configuration_files import read_files
from candlegraph.freqtrade_bridge.report.listing import console, print_json, print_values
from candlegraph.graph.schema.errors import ConfigError, MemoryStoreError
from candlegraph.graph.schema.experience import ANCESTOR, ClosedTrade
from candlegraph.graph.settings.places import DATABASE
from candlegraph.graph.settings.settings import settings_of
from candlegraph.memory.storage.backup import Copy, backup_path, make_copy
from candlegraph.memory.store import open_memory
from candlegraph.memory.transfer.ancestor import FEE, LoggedTrade
from candlegraph.memory.transfer.ancestor_log import read_ancestor
from candlegraph.memory.transfer.files import BadLine, Lines, Stored, export, parse_export, read_lines, store
from candlegraph.memory.transfer.past_market import PastMarkets, Rebuilt
from candlegraph.memory.transfer.restore import restore

NO_DATADIR = "no --datadir with candles was named"
ONLY_WORDS = (
    "without a market a trade is found by its words alone: name a text model (rag_config.embedding), then run "
    "`candlegraph memory reembed`"
)
ALREADY = (
    "{} were there already and stay as they are; to import them anew: `candlegraph memory purge --namespace {} "
    "--all --yes`, then this command again"
)
NAMED = 10
"""Bad lines that a refusal names, of the others it tells the count; what is skipped is named line by line."""


def print_export(arguments: Namespace) -> None:
    """Write the experiences of a namespace to a file."""
    memory, namespace = opened(arguments, rag_config(arguments))
    with working("writing the experiences"):
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
    with working("storing the experiences"):
        stored = store(open_memory(database, rag_config(arguments)).engine, found, arguments.namespace)
    _print_stored(stored, len(bad))
    if arguments.datadir and stored.present:
        console().print(ALREADY.format(stored.present, arguments.namespace or ANCESTOR), soft_wrap=True)


def _read(arguments: Namespace) -> Lines:
    if arguments.ancestor:
        return _read_ancestor(arguments)
    if arguments.fee is not None:
        raise ConfigError("memory import: --fee goes with --ancestor: our own exports hold net profits")
    if arguments.datadir is not None:
        raise ConfigError(
            "memory import: --datadir goes with --ancestor: our own exports hold the market of each entry"
        )
    with working("reading the file"):
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
    found = _rebuilt(arguments, [one.trade for one in log.logged], fee)
    for line in _rebuilt_lines(arguments, found):
        screen.print(line, soft_wrap=True)
    told = (LoggedTrade(one.trade, logged.lessons) for one, logged in zip(found, log.logged, strict=True))
    return Lines(tuple(one.experience for one in told), log.bad)


def _rebuilt(arguments: Namespace, trades: Sequence[ClosedTrade], fee: float) -> list[Rebuilt]:
    """Return the trades with what the candles of --datadir tell of them."""
    folder: Path | None = arguments.datadir
    if folder is None:
        return [Rebuilt(one, NO_DATADIR, NO_DATADIR) for one in trades]
    if not folder.is_dir():
        raise ConfigError(f"memory import: --datadir {folder}: there is no such folder")
    read = read_files(arguments.config)
    seen = settings_of(read.merged, read.place).context_config
    markets = PastMarkets(folder, seen, read.merged.get("dataformat_ohlcv"))
    return [markets.rebuilt(one, fee) for one in counted(trades, "rebuilding the market of trades")]


def _rebuilt_lines(arguments: Namespace, found: Sequence[Rebuilt]) -> Iterator[str]:
    """Yield how many trades have a market and how many have excursions, and why the others have none."""
    kinds = (
        ("the market at their entry", [one.no_market for one in found]),
        ("best and worst price", [one.no_excursions for one in found]),
    )
    for what, problems in kinds:
        reasons = Counter(problem for problem in problems if problem is not None)
        yield f"imported with {what}: {len(found) - reasons.total()} of {len(found)} trades"
        ranked = reasons.most_common()
        yield from (f"  without, {count}: {why}" for why, count in ranked[:NAMED])
        if left := sum(count for _, count in ranked[NAMED:]):
            yield f"  without, {left}: other reasons"
    if any(one.no_market for one in found):
        yield ONLY_WORDS


def print_backup(arguments: Namespace) -> None:
    """Copy the database and check the copy."""
    database = database_of(arguments.userdir)
    target = arguments.to or database.parent / "backups" / f"{database.stem}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.sqlite"
    if target.resolve() in (database.resolve(), backup_path(database).resolve()):
        raise MemoryStoreError(f"memory backup: --to {target}: expected another file than the memory's own")
    if target.exists() and not arguments.force:
        raise MemoryStoreError(f"memory backup: --to {target} is there already; --force replaces it")
    with working("copying, and checking the copy"):
        copy = make_copy(database, target)
    if arguments.json:
        print_json(copy.model_dump(mode="json"))
    else:
        print_values("backup", _held(copy))


def print_restore(arguments: Namespace) -> None:
    """Put a backup in the place of the database."""
    database = arguments.userdir / DATABASE
    with working("checking the backup, and putting it in place"):
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
