"""`candlegraph memory stats`, `search`, `cleanup` and `rebuild`: tables of the experience memory; no freqtrade."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from rich.console import Console
from rich.table import Table

from candlegraph.agents.plain import plain
from candlegraph.freqtrade_bridge.userdir import database_of
from candlegraph.graph.errors import MemoryStoreError
from candlegraph.graph.experience_settings import Cleanup
from candlegraph.graph.settings import settings_of
from candlegraph.graph.state import Case
from candlegraph.memory.experience import Occasion
from candlegraph.memory.rebuild import rebuild
from candlegraph.memory.store import ExperienceMemory, open_memory

LESSON_LENGTH = 160


def print_stats(arguments: Namespace) -> None:
    """Print what the namespace holds."""
    memory, namespace = opened(arguments)
    table = Table("what", "value", title=f"memory of {namespace}")
    for key, value in memory.stats(namespace).items():
        shown = ", ".join(f"{k} {_short(v)}" for k, v in value.items()) if isinstance(value, dict) else _short(value)
        table.add_row(key, shown or "none")
    console().print(table)


def print_search(arguments: Namespace) -> None:
    """Print the experiences whose situation is most like that of a stored one, known before it or before --as-of."""
    memory, namespace = opened(arguments)
    model = memory.get(arguments.like)
    if model is None:
        raise MemoryStoreError(f"memory search: --like {arguments.like}: there is no experience of that id")
    if model.source.situation is None:
        raise MemoryStoreError(f"memory search: --like {arguments.like}: it has no situation, so it is like nothing")
    table = Table("id", "kind", "pair", "side", "similarity", "profit %", "score", "lesson")
    table.title = f"like experience {arguments.like}, in {namespace}"
    for case in matching(memory, model.source, namespace, arguments):
        table.add_row(*_cells(case))
    console().print(table)


def print_cleanup(arguments: Namespace) -> None:
    """Print what a cleanup would remove; with --yes archive and remove it."""
    memory, namespace = opened(arguments)
    as_of = arguments.as_of or datetime.now(UTC)
    act = memory.cleanup if arguments.yes else memory.preview_cleanup
    report = act(namespace, arguments.strategy, as_of=as_of, settings=_cleanup_settings(arguments))
    console().print(report.message if arguments.yes else f"{report.message}; nothing was removed, --yes removes")


def print_rebuild(arguments: Namespace) -> None:
    """Build the indexes anew and print what they hold; a bot that runs goes on with what it has in memory."""
    path = database_of(arguments.userdir)
    forgotten, found = rebuild(path)
    table = Table("namespace", "experiences", "in the index", "type", "dimension", "complete")
    table.title = f"{path}: {len(forgotten)} index snapshots forgotten"
    for stats in found:
        index = stats["index"]
        counts = (stats["namespace"], stats["total_experiences"], index["size"], index["type"], index["dimension"])
        table.add_row(*map(str, counts), "no" if index["stale"] else "yes")
    console().print(table)


def matching(memory: ExperienceMemory, like: Occasion, namespace: str, arguments: Namespace) -> list[Case]:
    """Return the most similar cases that pass every filter."""
    as_of = arguments.as_of or like.known_at + timedelta(microseconds=1)
    asked = arguments.k
    while True:
        cases = memory.recall(
            like.situation or (),
            like.space,
            as_of=as_of,
            namespaces=(namespace,),
            k=asked,
            threshold=0.0,
            side=arguments.side,
            pair=arguments.pair,
        )
        kept = list(_passing(memory, cases, arguments))
        if len(kept) >= arguments.k or len(cases) < asked:
            return kept[: arguments.k]
        asked *= 4


def opened(arguments: Namespace) -> tuple[ExperienceMemory, str]:
    """Return the memory below --userdir, and the namespace that is meant."""
    path = database_of(arguments.userdir)
    memory = open_memory(path)
    namespaces = memory.namespaces()
    namespace = arguments.namespace or next(iter(namespaces), None)
    if namespace is None:
        raise MemoryStoreError(f"the memory at {path} is empty")
    if namespace not in namespaces:
        raise MemoryStoreError(f"no namespace {namespace!r} in {path}; there are: {', '.join(namespaces)}")
    return memory, namespace


def console() -> Console:
    """Return a console on which brackets in a lesson are brackets, not markup."""
    return Console(markup=False, highlight=False)


def _passing(memory: ExperienceMemory, cases: tuple[Case, ...], arguments: Namespace) -> Iterator[Case]:
    for case in cases:
        if arguments.kind in (None, case.kind) and arguments.regime in (None, _regime(memory, case)):
            yield case


def _regime(memory: ExperienceMemory, case: Case) -> str | None:
    experience = memory.get(case.id)
    return None if experience is None else experience.source.regime


def _cells(case: Case) -> tuple[str, ...]:
    score = "" if case.score is None else f"{case.score:.0f} {case.grade}"
    lesson = plain(case.lesson, LESSON_LENGTH)
    return (
        str(case.id),
        case.kind,
        plain(case.pair, LESSON_LENGTH),
        case.side,
        f"{case.similarity:.3f}",
        f"{case.profit_pct:+.2f}",
        score,
        lesson,
    )


def _cleanup_settings(arguments: Namespace) -> Cleanup:
    if not arguments.config:
        return Cleanup()
    from candlegraph.freqtrade_bridge.step import merged  # loads freqtrade, which only a --config needs

    return settings_of(merged(arguments.config)).experience_config.rag_config.cleanup


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
