"""`candlegraph memory stats`, `search`, `cleanup`, `purge`, `rebuild`, `reembed`: the experience memory in tables."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from candlegraph.agents.prompt.outside_text import plain
from candlegraph.freqtrade_bridge.commands.arguments import database_of
from candlegraph.freqtrade_bridge.host.configuration_files import read_files
from candlegraph.freqtrade_bridge.report.listing import Entry, console, print_entries, print_json, print_values
from candlegraph.graph.schema.errors import ConfigError, EmbeddingError, MemoryStoreError
from candlegraph.graph.schema.lessons import Case
from candlegraph.graph.schema.market import Frozen
from candlegraph.graph.settings.experience import RagConfig
from candlegraph.graph.settings.settings import settings_of
from candlegraph.memory.cleanup import Purged
from candlegraph.memory.embeddings.wording import Words, words_of_experience
from candlegraph.memory.store import ExperienceMemory, open_memory
from candlegraph.memory.transfer.restore import rebuild

LESSON_LENGTH = 240
SHOWN = ("id", "kind", "pair", "side", "similarity", "profit %", "score")
INDEXED = ("namespace", "stored", "in index", "type", "dim.", "complete")

BATCH = 256
"""Experiences of one transaction: what a kill can cost."""


def print_stats(arguments: Namespace) -> None:
    """Print what the namespace holds."""
    memory, namespace = opened(arguments, rag_config(arguments))
    found = memory.stats(namespace)
    if arguments.json:
        print_json(found)
    else:
        print_values(f"memory of {namespace}", ((key, _told(value)) for key, value in found.items()))


def print_search(arguments: Namespace) -> None:
    """Print the experiences most like a stored one, or like words, known before it or before --as-of."""
    memory, namespace = opened(arguments, rag_config(arguments))
    cases = matching(memory, question(memory, arguments), namespace, arguments)
    if arguments.json:
        print_json([case.model_dump(mode="json") for case in cases])
        return
    entries = [_entry(case, wide=arguments.wide) for case in cases]
    print_entries(f"like {like_what(arguments)}, in {namespace}", SHOWN, entries, wide=arguments.wide)


def print_cleanup(arguments: Namespace) -> None:
    """Print what a cleanup would take out of the retrieval; with --yes archive it and do so."""
    memory, namespace = opened(arguments, rag_config(arguments))
    as_of = arguments.as_of or datetime.now(UTC)
    act = memory.cleanup if arguments.yes else memory.preview_cleanup
    report = act(namespace, arguments.strategy, as_of=as_of, settings=rag_config(arguments).cleanup)
    told = report.message if arguments.yes else f"{report.plan}; nothing was done, --yes does it"
    console().print(f"{namespace}: {told}", soft_wrap=True)


def print_purge(arguments: Namespace) -> None:
    """Print what a purge would erase for good; with --yes archive and erase it."""
    memory, namespace = opened(arguments, rag_config(arguments))
    what: Purged = "all" if arguments.all else "retired"
    count = memory.to_purge(namespace, what)
    told = f"{count} {'experiences' if what == 'all' else 'retired experiences'}"
    warning = "statistics, rewards and patterns lose them too"
    if not arguments.yes:
        console().print(f"{namespace}: {told}; {warning}; nothing was done, --yes erases them", soft_wrap=True)
    elif archive := memory.purge(namespace, what, at=datetime.now(UTC)):
        console().print(f"{namespace}: erased {told}; {warning}; archived in {archive}", soft_wrap=True)
    else:
        console().print(f"{namespace}: nothing to erase", soft_wrap=True)


def print_rebuild(arguments: Namespace) -> None:
    """Build the indexes anew and print what they hold; a bot that runs goes on with what it has in memory."""
    path = database_of(arguments.userdir)
    forgotten, found = rebuild(path, rag_config(arguments))
    entries = [_indexed(stats) for stats in found]
    print_entries(f"{path}: {len(forgotten)} index snapshots forgotten", INDEXED, entries, wide=False)


def print_reembed(arguments: Namespace) -> None:
    """Embed what has no vector of the configured text model, and print how many that were."""
    memory = open_memory(database_of(arguments.userdir), rag_config(arguments))
    screen = console()
    done = reembed(
        memory,
        arguments.namespace,
        at=datetime.now(UTC),
        progress=lambda so_far: screen.print(f"{so_far.stored} embedded"),
    )
    screen.print(f"embedded {done.stored}, refused {done.refused}, without words {done.without_words}")


class Question(NamedTuple):
    """What a search asks for."""

    situation: Sequence[float]
    space: str
    words: Words | None
    as_of: datetime


def like_what(arguments: Namespace) -> str:
    """Return what is searched for, for a title."""
    return f"experience {arguments.like}" if arguments.text is None else repr(arguments.text)


def question(memory: ExperienceMemory, arguments: Namespace) -> Question:
    """Return what is searched for; raise MemoryStoreError or ConfigError where it is like nothing."""
    if arguments.text is not None:
        if not memory.has_texts:
            raise ConfigError(
                "memory search: --text needs a text model: experience_config.rag_config.embedding.provider"
            )
        return Question((), "", Words(arguments.text), arguments.as_of or datetime.now(UTC))
    model = memory.get(arguments.like)
    if model is None:
        raise MemoryStoreError(f"memory search: --like {arguments.like}: there is no experience of that id")
    if model.source.situation is None:
        raise MemoryStoreError(f"memory search: --like {arguments.like}: it has no situation, so it is like nothing")
    known = arguments.as_of or model.source.known_at + timedelta(microseconds=1)
    return Question(model.source.situation, model.source.space, words_of_experience(model), known)


def matching(memory: ExperienceMemory, asked: Question, namespace: str, arguments: Namespace) -> list[Case]:
    """Return the most similar cases that pass every filter."""
    looked_at = arguments.k
    while True:
        cases = memory.recall(
            asked.situation,
            asked.space,
            as_of=asked.as_of,
            namespaces=(namespace,),
            k=looked_at,
            threshold=0.0,
            side=arguments.side,
            pair=arguments.pair,
            words=asked.words,
            weights=memory.rag.spaces,
        )
        kept = list(_passing(memory, cases, arguments))
        if len(kept) >= arguments.k or len(cases) < looked_at:
            return kept[: arguments.k]
        looked_at *= 4


def opened(arguments: Namespace, rag: RagConfig) -> tuple[ExperienceMemory, str]:
    """Return the memory below --userdir, and the namespace that is meant."""
    path = database_of(arguments.userdir)
    memory = open_memory(path, rag)
    namespaces = memory.namespaces()
    namespace = arguments.namespace or next(iter(namespaces), None)
    if namespace is None:
        raise MemoryStoreError(f"the memory at {path} is empty")
    if namespace not in namespaces:
        raise MemoryStoreError(f"no namespace {namespace!r} in {path}; there are: {', '.join(namespaces)}")
    return memory, namespace


def _passing(memory: ExperienceMemory, cases: tuple[Case, ...], arguments: Namespace) -> Iterator[Case]:
    for case in cases:
        if arguments.kind in (None, case.kind) and arguments.regime in (None, _regime(memory, case)):
            yield case


def _regime(memory: ExperienceMemory, case: Case) -> str | None:
    experience = memory.get(case.id)
    return None if experience is None else experience.source.regime


def _entry(case: Case, *, wide: bool) -> Entry:
    cells = (
        str(case.id),
        case.kind,
        plain(case.pair),
        case.side,
        f"{case.similarity:.3f}",
        f"{case.profit_pct:+.2f}",
        "-" if case.score is None else f"{case.score:.0f} {case.grade}",
    )
    return Entry(cells, (plain(case.lesson, len(case.lesson) if wide else LESSON_LENGTH),) if case.lesson else ())


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


class Reembedded(Frozen):
    """What was done; those that had their vector before are not counted."""

    stored: int = 0
    refused: int = 0
    without_words: int = 0


def reembed(
    memory: ExperienceMemory,
    namespace: str | None,
    *,
    at: datetime,
    batch: int = BATCH,
    progress: Callable[[Reembedded], None] = lambda _: None,
) -> Reembedded:
    """Embed what has no vector yet, in one namespace or in all; killed, it goes on where it stopped when run again."""
    if not memory.has_texts:
        raise ConfigError("config: experience_config.rag_config.embedding.provider = 'none': expected a text model")
    memory.try_refused_again(namespace)
    done = Reembedded()
    while True:
        step = memory.embed_waiting(batch, now=at, namespace=namespace)
        if step.problem is not None:
            raise EmbeddingError(f"{step.problem}; {done.stored} were embedded, run the command again", is_down=True)
        if not step.looked_at:
            return done
        done = Reembedded(
            stored=done.stored + step.stored,
            refused=done.refused + step.refused,
            without_words=done.without_words + step.without_words,
        )
        progress(done)
