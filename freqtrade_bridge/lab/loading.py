"""Runs that are there already, by their name: of a backtest with freqtrade's result, of a bot with its ledger."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from candlegraph.freqtrade_bridge.commands.arguments import USERDIR, database_of
from candlegraph.freqtrade_bridge.commands.books.ledger import namespace_of
from candlegraph.freqtrade_bridge.lab.decided import with_texts
from candlegraph.freqtrade_bridge.lab.given import Config, candles_of, given_of
from candlegraph.freqtrade_bridge.lab.run import Run
from candlegraph.freqtrade_bridge.loopback.backtest import files_of
from candlegraph.graph.settings.places import BACKTEST
from candlegraph.memory.books.ledger import Ledger


def load(
    userdir: str | Path = USERDIR, run: str | None = None, *, config: Config = None, datadir: str | Path | None = None
) -> Run:
    """Return the run of that name, the newest where none is named; `live` and `dry_run` are runs too.

    A part of the name will do where no other run has it. `config`: for decisions taken anew, where the run's own is not
    in its archive. `datadir`: its candles, for a report.
    """
    home = Path(userdir).resolve()
    namespace = namespace_of(Ledger(database_of(home)), run)
    files = files_of(home, namespace.removeprefix(BACKTEST)) if namespace.startswith(BACKTEST) else None
    archive = None if files is None else files.archive
    given = given_of(config, None, None).config
    known = given or ({} if archive is None else with_texts(config_in(archive), {}))  # texts are kept with decisions
    place = candles_of(known, home) if datadir is None else Path(datadir)
    return Run(home, namespace, known, archive, place.resolve() if place.is_dir() else None)


def config_in(archive: Path) -> Mapping[str, Any]:
    """Return the configuration that freqtrade keeps with a result, without its secrets."""
    with zipfile.ZipFile(archive) as files:
        found: dict[str, Any] = json.loads(files.read(f"{archive.stem}_config.json"))
    return found
