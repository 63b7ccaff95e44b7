"""`candlegraph prune --days`: what is older leaves, decisions that called for nothing, sentiment, kept answers."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from candlegraph.agents.models.cassette import Cassette
from candlegraph.freqtrade_bridge.commands.operations.arguments import cassette_of, place_of
from candlegraph.freqtrade_bridge.commands.operations.process import is_traded_on
from candlegraph.freqtrade_bridge.commands.waiting import counted
from candlegraph.freqtrade_bridge.feeds.sentiment_record import forget_lines, old_lines
from candlegraph.graph.schema.errors import BridgeError, ConfigError
from candlegraph.graph.settings.places import DATABASE, SENTIMENT
from candlegraph.memory.ageing import LEAST_DAYS, QuietDecisions
from candlegraph.memory.pruning import shrink

MB = 1_000_000


class Aged(NamedTuple):
    """Something old that may leave: what it is, its bytes, and how it goes; that returns where it is kept, if it is."""

    what: str
    size: int
    leave: Callable[[], Path | None]


def prune_aged(arguments: Namespace) -> None:
    """List what is older than so many days; with --yes remove it, unless a bot runs."""
    userdir, (before, found) = place_of(arguments), _found(arguments)
    sys.stdout.write(f"{userdir}: older than {arguments.days} days, from before {before:%Y-%m-%d}:\n")
    sys.stdout.writelines(f"  {one.what}, {one.size / MB:.1f} MB\n" for one in found)
    if not found:
        sys.stdout.write("  nothing\n")
    elif not arguments.yes:
        sys.stdout.write("Nothing was removed; --yes removes these, the decisions into an archive first.\n")
    else:
        _remove(userdir, found)


def aged_found(arguments: Namespace) -> dict[str, Any]:
    """Return the same for another program."""
    before, found = _found(arguments)
    aged = [{"what": one.what, "bytes": one.size} for one in found]
    return {"before": before.isoformat(), "aged": aged}


def _found(arguments: Namespace) -> tuple[datetime, list[Aged]]:
    """Return from before when it is, and what is older; raise ConfigError for too few days."""
    if arguments.days < LEAST_DAYS:
        why = "the drift and the costs of a month are reckoned from that"
        raise ConfigError(f"prune: --days {arguments.days}: expected {LEAST_DAYS} or more, {why}")
    userdir, now = place_of(arguments), datetime.now(UTC)
    before = now - timedelta(days=arguments.days)
    return before, list(aged(userdir, cassette_of(arguments.files, userdir), before, now))


def _remove(userdir: Path, found: list[Aged]) -> None:
    if is_traded_on(userdir):
        raise BridgeError("prune: the bot runs, and writes these; `candlegraph stop` first, then `candlegraph start`")
    archives = [archive for one in counted(found, "removed") if (archive := one.leave()) is not None]
    sys.stdout.writelines(f"archive: {one}, {one.stat().st_size / MB:.1f} MB\n" for one in archives)
    sys.stdout.write(f"removed: {sum(one.size for one in found) / MB:.1f} MB\n")


def aged(userdir: Path, cassette: Path, before: datetime, now: datetime) -> Iterator[Aged]:
    """Yield what is older than `before`; nothing that trades, experiences, fates or this month's costs need."""
    if (userdir / DATABASE).is_file():
        quiet = QuietDecisions(userdir / DATABASE, before)
        if told := ", ".join(f"{name} {count}" for name, count in sorted(quiet.counts().items())):
            yield Aged(f"waits and holds: {told}", quiet.size, partial(_erase, quiet, userdir / DATABASE, now))
    for path in sorted((userdir / SENTIMENT).glob("*.jsonl")):
        count, size = old_lines(path, before)
        if count:
            yield Aged(f"{path.name}: {count} values", size, partial(forget_lines, path, before))
    if cassette.is_file():
        with closing(Cassette(cassette)) as kept:
            count, size = kept.old(before)
        if count:
            yield Aged(f"{cassette.name}: {count} answers", size, partial(_forget, cassette, before))


def _erase(quiet: QuietDecisions, database: Path, now: datetime) -> Path:
    archive = quiet.erase(now)
    shrink(database)
    return archive


def _forget(cassette: Path, before: datetime) -> None:
    with closing(Cassette(cassette)) as kept:
        kept.forget(before)
