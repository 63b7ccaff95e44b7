"""Tables of the experience memory for `candlegraph memory`."""

from __future__ import annotations

from argparse import Namespace
from datetime import UTC, datetime, timedelta

from rich.console import Console
from rich.table import Table

from candlegraph.freqtrade_bridge.userdir import database_of
from candlegraph.graph.errors import MemoryStoreError
from candlegraph.graph.experience_settings import Cleanup
from candlegraph.graph.settings import settings_of
from candlegraph.memory.store import ExperienceMemory, open_memory


def print_stats(arguments: Namespace) -> None:
    """Print what the namespace holds."""
    memory, namespace = _opened(arguments)
    table = Table("what", "value", title=f"memory of {namespace}")
    for key, value in memory.stats(namespace).items():
        shown = ", ".join(f"{k} {_short(v)}" for k, v in value.items()) if isinstance(value, dict) else _short(value)
        table.add_row(key, shown or "none")
    Console().print(table)


def print_search(arguments: Namespace) -> None:
    """Print the experiences whose situation is most like that of a stored one, known before it."""
    memory, namespace = _opened(arguments)
    model = memory.get(arguments.like)
    source = None if model is None else model.source
    if source is None or source.situation is None:
        raise MemoryStoreError(f"memory search: no experience {arguments.like} with a situation")
    as_of = source.known_at + timedelta(microseconds=1)
    cases = memory.recall(
        source.situation, source.space, as_of=as_of, namespaces=(namespace,), k=arguments.k, threshold=0.0
    )
    table = Table(
        "id", "pair", "side", "similarity", "profit %", "score", "lesson", title=f"like experience {arguments.like}"
    )
    for case in cases:
        score = "" if case.score is None else f"{case.score:.0f} {case.grade}"
        row = (
            str(case.id),
            case.pair,
            case.side,
            f"{case.similarity:.3f}",
            f"{case.profit_pct:+.2f}",
            score,
            case.lesson,
        )
        table.add_row(*row)
    Console().print(table)


def print_cleanup(arguments: Namespace) -> None:
    """Print what a cleanup would remove; with --yes archive and remove it."""
    memory, namespace = _opened(arguments)
    as_of = arguments.as_of or datetime.now(UTC)
    act = memory.cleanup if arguments.yes else memory.preview_cleanup
    report = act(namespace, arguments.strategy, as_of=as_of, settings=_cleanup_settings(arguments))
    Console().print(report.message if arguments.yes else f"{report.message}; nothing was removed, --yes removes")


def _cleanup_settings(arguments: Namespace) -> Cleanup:
    if not arguments.config:
        return Cleanup()
    from candlegraph.freqtrade_bridge.step import merged  # loads freqtrade, which only a --config needs

    return settings_of(merged(arguments.config)).experience_config.rag_config.cleanup


def _opened(arguments: Namespace) -> tuple[ExperienceMemory, str]:
    path = database_of(arguments.userdir)
    memory = open_memory(path)
    namespaces = memory.namespaces()
    namespace = arguments.namespace or next(iter(namespaces), None)
    if namespace is None:
        raise MemoryStoreError(f"the memory at {path} is empty")
    if namespace not in namespaces:
        raise MemoryStoreError(f"no namespace {namespace!r} in {path}; there are: {', '.join(namespaces)}")
    return memory, namespace


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
