"""The name of one run: its namespace and its result are found by it, never by being the newest."""

from __future__ import annotations

import os
import uuid
from datetime import UTC, datetime
from pathlib import Path

from candlegraph.graph.settings.places import BACKTEST, OFFLINE

VARIABLE = "CANDLEGRAPH_RUN"
"""Environment variable by which a command tells the freqtrade that it starts which name to use."""


def new_name(now: datetime) -> str:
    """Return a name that no other run has."""
    return f"{now:%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:6]}"


def given_name() -> str | None:
    """Return the name that the command gave, once: a second run of the process is another run."""
    return os.environ.pop(VARIABLE, None)


def namespace_of(runmode: str) -> str:
    """Return whose experiences a run reads and writes: every backtest, and dry-run offline, has its own, empty one.

    `runmode` is a `RunMode` of freqtrade; commands that name runs do not load it.
    """
    if runmode == "live":
        return "live"
    name = given_name()
    if runmode == "dry_run":
        return "dry_run" if name is None else namespace_offline(name)
    return namespace_of_run(name or new_name(datetime.now(UTC)))


def namespace_of_run(name: str) -> str:
    """Return where the backtest keeps decisions and experiences."""
    return f"{BACKTEST}{name}"


def namespace_offline(name: str) -> str:
    """Return where the dry-run without the network does; prices that are not of today teach no other bot."""
    return f"{OFFLINE}{name}"


def export_stem(results: Path, name: str) -> Path:
    """Return what to give freqtrade as its folder of results: no folder, so it begins its files with that name.

    The files lie in `results` all the same, where FreqUI looks for them, and two runs of one second have two files.
    """
    return results / f"backtest-result-{name}"


def exported(results: Path, name: str) -> list[Path]:
    """Return the archives that freqtrade wrote for the run of that name."""
    return list(results.glob(f"{export_stem(results, name).name}-*.zip"))
