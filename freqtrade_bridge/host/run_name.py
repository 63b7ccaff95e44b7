"""The name of one run: its namespace and its result are found by it, and a person finds it by a part of it."""

from __future__ import annotations

import os
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from candlegraph.graph.schema.errors import ConfigError
from candlegraph.graph.settings.places import BACKTEST, OFFLINE

VARIABLE = "CANDLEGRAPH_RUN"
"""Environment variable by which a command tells the freqtrade that it starts which name to use."""
LISTED = 8
"""Names in a message; a folder may hold hundreds."""


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


def named_run(known: Sequence[str], word: str | None, others: Sequence[str] = ()) -> str:
    """Return the run of that name, else the only one with the word in its name; without a word the first.

    `known`: the run that decided last stands first; `others`: what else the command takes. Raise ConfigError with the
    candidates.
    """
    named = [one for one in known if word in (None, one)][:1]
    found = named or [one for one in known if word and word in one]
    if len(found) == 1:
        return found[0]
    if found:
        raise ConfigError(f"{word!r} is in the names of {len(found)} runs; give more of one: {_listed(found)}")
    if not known and not others:
        raise ConfigError("nothing was decided yet; --userdir names the folder of a bot that has run")
    raise ConfigError(f"no run {word!r}; known: {_listed([*known, *others])}")


def refuse_same(command: str, first: tuple[Path, str], second: tuple[Path, str]) -> None:
    """Raise ConfigError where both, database and name, are one run: it differs in nothing from itself."""
    (one, name), (other, again) = first, second
    if (one.resolve(), name) == (other.resolve(), again):
        raise ConfigError(f"{command}: both names mean the run {name}; expected two runs")


def _listed(names: Sequence[str]) -> str:
    rest = len(names) - LISTED
    return ", ".join(names[:LISTED]) + (f" and {rest} more" if rest > 0 else "")
