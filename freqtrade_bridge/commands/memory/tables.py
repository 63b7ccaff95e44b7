"""`candlegraph memory stats`, `cleanup`, `purge`, `rebuild`: what the experience memory holds, and less of it."""

from __future__ import annotations

from argparse import Namespace
from datetime import UTC, datetime
from typing import Any

from candlegraph.freqtrade_bridge.commands.arguments import database_of
from candlegraph.freqtrade_bridge.commands.books.ledger import last_first
from candlegraph.freqtrade_bridge.commands.waiting import counted, working
from candlegraph.freqtrade_bridge.host.configuration_files import read_files
from candlegraph.freqtrade_bridge.host.run_name import named_run
from candlegraph.freqtrade_bridge.report.listing import Entry, console, print_entries, print_json, print_values
from candlegraph.graph.schema.errors import MemoryStoreError
from candlegraph.graph.settings.experience import RagConfig
from candlegraph.graph.settings.settings import settings_of
from candlegraph.memory.books.ledger import Ledger
from candlegraph.memory.cleanup import Purged
from candlegraph.memory.store import ExperienceMemory, open_memory
from candlegraph.memory.transfer.restore import rebuild

INDEXED = ("namespace", "stored", "in index", "type", "dim.", "complete")

AFTER = {"reward_stats": " (net_result is money, quote currency; rewards are learning scores and none)"}
"""What people are told behind a value."""


def print_stats(arguments: Namespace) -> None:
    """Print what the namespace holds."""
    memory, namespace = opened(arguments, rag_config(arguments))
    with working("counting"):
        found = memory.stats(namespace)
        spaces = memory.situation_spaces((namespace,))
    found["situation_spaces"] = spaces
    if arguments.json:
        print_json(found)
    else:
        shown = ((key, _told(value) + AFTER.get(key, "")) for key, value in found.items())
        print_values(f"memory of {namespace}", shown)
        if len(spaces) > 1:
            console().print(
                "Situations of two spaces are never compared: those of the space that the configuration names now are "
                "found, the others by their words after `candlegraph memory reembed` with a text model.",
                soft_wrap=True,
            )


def print_cleanup(arguments: Namespace) -> None:
    """Print what a cleanup would take out of the retrieval; with --yes archive it and do so."""
    memory, namespace = opened(arguments, rag_config(arguments))
    as_of = arguments.as_of or datetime.now(UTC)
    act = memory.cleanup if arguments.yes else memory.preview_cleanup
    with working("looking for what may leave"):
        report = act(namespace, arguments.strategy, as_of=as_of, settings=rag_config(arguments).cleanup)
    if arguments.json:
        print_json(report.model_dump(mode="json"))
        return
    told = report.message if arguments.yes else f"{report.plan}; nothing was done, --yes does it"
    console().print(f"{namespace}: {told}", soft_wrap=True)


def print_purge(arguments: Namespace) -> None:
    """Print what a purge would erase for good; with --yes archive and erase it."""
    memory, namespace = opened(arguments, rag_config(arguments))
    what: Purged = "all" if arguments.all else "retired"
    count = memory.to_purge(namespace, what)
    archive = memory.purge(namespace, what, at=datetime.now(UTC)) if arguments.yes else None
    if arguments.json:
        erased = count if archive else 0
        print_json({"namespace": namespace, "found": count, "erased": erased, "archive": archive and str(archive)})
        return
    told = f"{count} {'experiences' if what == 'all' else 'retired experiences'}"
    warning = "statistics, rewards and patterns lose them too"
    if not arguments.yes:
        console().print(f"{namespace}: {told}; {warning}; nothing was done, --yes erases them", soft_wrap=True)
    elif archive:
        console().print(f"{namespace}: erased {told}; {warning}; archived in {archive}", soft_wrap=True)
    else:
        console().print(f"{namespace}: nothing to erase", soft_wrap=True)


def print_rebuild(arguments: Namespace) -> None:
    """Build the indexes anew and print what they hold; a bot that runs goes on with what it has in memory."""
    path = database_of(arguments.userdir)
    forgotten, found = rebuild(path, rag_config(arguments), lambda names: counted(names, "building indexes"))
    if arguments.json:
        print_json({"forgotten": list(map(str, forgotten)), "namespaces": found})
        return
    entries = [_indexed(stats) for stats in found]
    print_entries(f"{path}: {len(forgotten)} index snapshots forgotten", INDEXED, entries, wide=False)


def opened(arguments: Namespace, rag: RagConfig) -> tuple[ExperienceMemory, str]:
    """Return the memory below --userdir, and the namespace that is meant."""
    path = database_of(arguments.userdir)
    with working("opening the memory"):
        memory = open_memory(path, rag)
    namespaces = last_first(Ledger(path), memory.namespaces())
    if not namespaces:
        raise MemoryStoreError(f"the memory at {path} is empty")
    return memory, named_run(namespaces, arguments.namespace)


def _indexed(stats: dict[str, Any]) -> Entry:
    index = stats["index"]
    counts = (stats["namespace"], stats["total_experiences"], index["size"], index["type"], index["dimension"])
    return Entry((*map(str, counts), "no" if index["stale"] else "yes"), ())


def rag_config(arguments: Namespace) -> RagConfig:
    """Return `rag_config` of the --config files, or the defaults."""
    read = read_files(arguments.config)
    return settings_of(read.merged, read.place).experience_config.rag_config


def _told(value: object) -> str:
    if not isinstance(value, dict):
        return _short(value)
    return ", ".join(f"{key} {_short(one)}" for key, one in value.items()) or "none"


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
