"""`candlegraph clean`: what can be made again leaves the bot's folder, after a backup of what cannot."""

from __future__ import annotations

import shutil
import sys
from argparse import Namespace
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from candlegraph.freqtrade_bridge.commands.arguments import MONTH, SAMPLE
from candlegraph.freqtrade_bridge.commands.operations.arguments import place_of, refuse_json_beside_yes
from candlegraph.freqtrade_bridge.commands.operations.process import running
from candlegraph.freqtrade_bridge.report.listing import print_json
from candlegraph.graph.schema.errors import BridgeError, ConfigError
from candlegraph.graph.settings.places import DATABASE
from candlegraph.memory.index.saved import OURS, SNAPSHOTS
from candlegraph.memory.storage.backup import make_copy

BACKUPS = Path("backups")
MB = 1_000_000


class Regenerable(NamedTuple):
    """A file or folder, and what makes it again."""

    path: Path
    how: str

    @property
    def size(self) -> int:
        """Return its bytes."""
        files = self.path.rglob("*") if self.path.is_dir() else [self.path]
        return sum(one.stat().st_size for one in files if one.is_file())


def print_clean(arguments: Namespace) -> None:
    """List what can be made again; with --yes back the memory up and remove it. Raise BridgeError while a bot runs."""
    refuse_json_beside_yes(arguments)
    userdir = place_of(arguments)
    if not userdir.is_dir():
        raise ConfigError(f"clean: {userdir}: no such folder; --userdir: expected the folder of a bot")
    found = list(regenerable(userdir))
    if arguments.json:
        print_json([{"path": str(one.path), "bytes": one.size, "how": one.how} for one in found])
        return
    sys.stdout.write("\n".join(_listed(found, userdir, is_asked=arguments.yes)) + "\n")
    if not found or not arguments.yes:
        return
    if bot := running(userdir):
        raise BridgeError(f"clean: the bot runs, process {bot.pid}; `candlegraph stop` first")
    _back_up(userdir)
    size = sum(one.size for one in found)
    for one in found:
        shutil.rmtree(one.path) if one.path.is_dir() else one.path.unlink()
    sys.stdout.write(f"removed: {size / MB:.1f} MB\n")


def _listed(found: Sequence[Regenerable], userdir: Path, *, is_asked: bool) -> Iterator[str]:
    yield from (f"{one.path}  {one.size / MB:.1f} MB  {one.how}" for one in found)
    if not found:
        yield f"{userdir}: nothing to clean"
    elif not is_asked:
        yield "Nothing was removed; --yes makes a backup and removes these."


def regenerable(userdir: Path) -> Iterator[Regenerable]:
    """Yield what nothing is lost with; never the memory, the ledger, trades, answers, logs or an exchange's candles."""
    vectors = userdir / "rag" / SNAPSHOTS
    if vectors.is_dir():
        ours = sorted(one for one in vectors.iterdir() if OURS.fullmatch(one.name))
        yield from (Regenerable(one, "index: built at the next start") for one in ours)
    for name, how in {
        "reports": "pages of backtests: `candlegraph backtest` writes them",
        f"data/{MONTH}": "the demo's real month: `candlegraph demo` writes it",
        f"data/{SAMPLE}": "the sample market: `candlegraph demo --synthetic` writes it",
        "offline": "trades of dry-runs on past candles; their decisions stay in the ledger",
    }.items():
        if (userdir / name).is_dir():
            yield Regenerable(userdir / name, how)


def _back_up(userdir: Path) -> None:
    database = userdir / DATABASE
    if not database.is_file():
        sys.stdout.write("backup: no memory here yet\n")
        return
    target = userdir / BACKUPS / f"{database.stem}.{datetime.now(UTC):%Y%m%dT%H%M%SZ}.sqlite"
    copy = make_copy(database, target)
    sys.stdout.write(f"backup: {copy.path}, {copy.bytes / MB:.1f} MB, {copy.decisions} decisions\n")
