"""`candlegraph prune`: old backtests leave, and what is older than so many days; printed before anything goes."""

from __future__ import annotations

import sys
from argparse import Namespace
from datetime import UTC, datetime
from typing import Any

from candlegraph.freqtrade_bridge.commands.arguments import database_of
from candlegraph.freqtrade_bridge.commands.operations.ageing import MB, aged_found, prune_aged
from candlegraph.freqtrade_bridge.commands.operations.arguments import place_of, refuse_json_beside_yes
from candlegraph.freqtrade_bridge.commands.operations.process import is_traded_on
from candlegraph.freqtrade_bridge.commands.waiting import working
from candlegraph.freqtrade_bridge.host.configuration_files import read_files
from candlegraph.freqtrade_bridge.report.listing import print_json
from candlegraph.graph.schema.errors import ConfigError
from candlegraph.graph.settings.settings import settings_of
from candlegraph.memory.pruning import StoredRun, prunable, prune, shrink, stored_runs


def print_prune(arguments: Namespace) -> None:
    """Prune what was named, runs or days; raise ConfigError where neither was."""
    if arguments.keep is None and arguments.days is None:
        raise ConfigError("prune: expected --keep N, so many of the newest backtests stay, or --days N, or both")
    refuse_json_beside_yes(arguments)
    if arguments.json:
        runs = _runs_found(arguments) if arguments.keep else {}
        print_json(runs | (aged_found(arguments) if arguments.days else {}))
        return
    if arguments.keep is not None:
        _prune_runs(arguments)
    if arguments.days is not None:
        prune_aged(arguments)


def _runs_found(arguments: Namespace) -> dict[str, Any]:
    """Return the runs, each with whether it leaves, for another program."""
    runs, leaving = _runs(arguments)
    return {"runs": [one.model_dump(mode="json") | {"leaves": one in leaving} for one in runs]}


def _runs(arguments: Namespace) -> tuple[tuple[StoredRun, ...], tuple[StoredRun, ...]]:
    """Return all runs that a prune may take, and those that leave."""
    named = settings_of(read_files(arguments.files).merged).experience_config.rag_config.read_namespaces
    runs = stored_runs(database_of(place_of(arguments)))
    return runs, prunable(runs, arguments.keep, named)


def _prune_runs(arguments: Namespace) -> None:
    """List what leaves and what stays; with --yes erase it, and give its room back where no bot runs."""
    userdir = place_of(arguments)
    runs, leaving = _runs(arguments)
    sys.stdout.write(
        f"{userdir}: {len(runs)} backtests and dry-runs on past candles; the newest {arguments.keep} stay, and those "
        "in read_namespaces. Live, dry_run and studio are never touched.\n"
    )
    sys.stdout.writelines(f"  {'leaves' if one in leaving else 'stays ':6}  {_line(one)}\n" for one in runs)
    if not leaving:
        sys.stdout.write("Nothing leaves.\n")
    elif not arguments.yes:
        sys.stdout.write("Nothing was removed; --yes removes these, their experiences into an archive first.\n")
    else:
        _prune(arguments, leaving)


def _prune(arguments: Namespace, leaving: tuple[StoredRun, ...]) -> None:
    userdir = place_of(arguments)
    database = database_of(userdir)
    with working("erasing"):
        archives = prune(database, leaving, datetime.now(UTC))
    sys.stdout.writelines(f"archive: {one}\n" for one in archives)
    told = f"removed: {len(leaving)} runs, {sum(one.decisions for one in leaving)} decisions"
    if is_traded_on(userdir):
        sys.stdout.write(f"{told}; a bot runs, so the file keeps its size and fills the room again\n")
    else:
        sys.stdout.write(f"{told}; the file is {shrink(database) / MB:.1f} MB smaller\n")


def _line(one: StoredRun) -> str:
    return f"{one.namespace}  {one.decisions} decisions, {one.experiences} experiences, {one.bytes / MB:.1f} MB"
