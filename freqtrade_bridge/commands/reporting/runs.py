"""Which run a word means: a namespace of the ledger, the name of one, or freqtrade's result archive.

`candlegraph backtest` names both alike; a stock or FreqUI backtest has an archive of its own name, and is found by the
time in which freqtrade says that it ran.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from candlegraph.freqtrade_bridge.host.run_name import exported, named_run
from candlegraph.freqtrade_bridge.report.result import RESULTS
from candlegraph.graph.schema.errors import ConfigError
from candlegraph.graph.settings.places import BACKTEST
from candlegraph.memory.books.ledger import DecisionRow, Ledger

SLACK_SECONDS = 2
"""Freqtrade notes whole seconds."""
LOADING_SECONDS = 3600
"""From the start of a bot to its first candle, at most: freqtrade loads its candles between."""


class FoundRun(NamedTuple):
    """Where the parts of one run are; without an archive it is a running bot's, without a namespace no graph's."""

    namespace: str | None
    archive: Path | None
    decisions: Sequence[DecisionRow] = ()

    @property
    def name(self) -> str:
        """Return what people call it."""
        return self.namespace or (self.archive.stem if self.archive else "")

    @property
    def file_stem(self) -> str:
        """Return the name of its page."""
        return self.archive.stem if self.archive else (self.namespace or "").replace(":", "-")


class RanWhen(NamedTuple):
    """When freqtrade computed an archive, seconds since 1970."""

    archive: Path
    began: float
    ended: float

    def covers(self, moment: datetime) -> bool:
        """Return whether it was computed then."""
        return self.began - SLACK_SECONDS <= moment.timestamp() <= self.ended + SLACK_SECONDS


def find_run(userdir: Path, ledger: Ledger | None, word: str | None) -> FoundRun:
    """Return the run that is meant, without a word the newest; raise ConfigError naming the known ones."""
    namespaces = () if ledger is None else ledger.namespaces()
    if word is not None and word.endswith(".zip"):
        return _of_archive(Path(word), ledger, namespaces)
    if word is None and not namespaces and (archives := results_in(userdir)):
        return _of_archive(archives[-1], ledger, namespaces)
    namespace = named_run(namespaces, word, [path.name for path in reversed(results_in(userdir))])
    decisions = () if ledger is None else ledger.rows(namespace)
    archive = archive_of(userdir, namespace, decisions) if namespace.startswith(BACKTEST) else None
    return FoundRun(namespace, archive, decisions)


def results_in(userdir: Path) -> list[Path]:
    """Return freqtrade's archives, oldest first."""
    return sorted((userdir / RESULTS).glob("*.zip"), key=lambda path: path.stat().st_mtime)


def archive_of(userdir: Path, namespace: str, decisions: Sequence[DecisionRow]) -> Path:
    """Return the archive of a backtest; raise ConfigError where it is gone."""
    if named := exported(userdir / RESULTS, namespace.removeprefix(BACKTEST)):
        return named[0]
    timed = [ran.archive for ran in map(ran_when, results_in(userdir)) if ran and ran.covers(decisions[0].recorded_at)]
    if not timed:
        raise ConfigError(
            f"report: {namespace}: its result is not in {userdir / RESULTS}; name the archive: candlegraph report X.zip"
        )
    return timed[0]


def _of_archive(archive: Path, ledger: Ledger | None, namespaces: Iterable[str]) -> FoundRun:
    """Return the run of an archive; where no decision was taken while freqtrade computed it, its trades alone."""
    ran = ran_when(archive)
    if ran is None:
        raise ConfigError(f"report: {archive}: no such file, or not a freqtrade backtest result")
    if ledger is None:
        return FoundRun(None, archive)
    for namespace in (one for one in namespaces if one.startswith(BACKTEST) and _may_be(one, archive, ran)):
        decisions = ledger.rows(namespace)
        if ran.covers(decisions[0].recorded_at):
            return FoundRun(namespace, archive, decisions)
    return FoundRun(None, archive)


def _may_be(namespace: str, archive: Path, ran: RanWhen) -> bool:
    """Return whether the namespace has the archive's name, or began in it or within the hour before."""
    name = namespace.removeprefix(BACKTEST)
    if name in archive.stem:
        return True
    try:
        begun = datetime.strptime(name.partition("-")[0], "%Y%m%dT%H%M%S").replace(tzinfo=UTC).timestamp()
    except ValueError:
        return True  # named by a person
    return ran.began - LOADING_SECONDS <= begun <= ran.ended + SLACK_SECONDS


def ran_when(archive: Path) -> RanWhen | None:
    """Return when freqtrade computed the archive; None where it is none."""
    try:
        with zipfile.ZipFile(archive) as files:
            document = json.loads(files.read(f"{archive.stem}.json"))
        strategy = next(iter(document["strategy"].values()))
        return RanWhen(archive, strategy["backtest_run_start_ts"], strategy["backtest_run_end_ts"])
    except (OSError, KeyError, ValueError, zipfile.BadZipFile):
        return None
