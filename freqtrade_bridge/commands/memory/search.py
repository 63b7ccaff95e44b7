"""`candlegraph memory search`: the experiences most like a stored one, or like words."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from candlegraph.agents.prompt.outside_text import plain
from candlegraph.freqtrade_bridge.commands.memory.tables import opened, rag_config
from candlegraph.freqtrade_bridge.commands.waiting import working
from candlegraph.freqtrade_bridge.report.listing import Entry, print_entries, print_json
from candlegraph.graph.schema.errors import ConfigError, MemoryStoreError
from candlegraph.graph.schema.lessons import Case
from candlegraph.memory.cases import ended
from candlegraph.memory.embeddings.wording import SituationWords, words_of_experience
from candlegraph.memory.learning.outline import Outline
from candlegraph.memory.store import ExperienceMemory

LESSON_LENGTH = 240
SHOWN = ("id", "kind", "pair", "side", "similarity", "profit %", "score")


def print_search(arguments: Namespace) -> None:
    """Print the experiences most like a stored one, or like words, known before it or before --as-of."""
    memory, namespace = opened(arguments, rag_config(arguments))
    asked = question(memory, arguments)
    with working("searching"):
        cases = matching(memory, asked, namespace, arguments)
        ends = ends_of(memory, cases, namespace, asked.as_of)
    if arguments.json:
        print_json([case.model_dump(mode="json") | _end_fields(ends[case.id]) for case in cases])
        return
    entries = [_entry(case, ends[case.id], wide=arguments.wide) for case in cases]
    what = f"like {like_what(arguments)}, in {namespace}"
    empty = f"Nothing in {namespace} is like {like_what(arguments)}, of what the filters leave."
    print_entries(what, SHOWN, entries, wide=arguments.wide, empty=empty)


class SearchQuestion(NamedTuple):
    """What a search asks for."""

    situation: Sequence[float]
    space: str
    words: SituationWords | None
    as_of: datetime


def like_what(arguments: Namespace) -> str:
    """Return what is searched for, for a title."""
    return f"experience {arguments.like}" if arguments.text is None else repr(arguments.text)


def question(memory: ExperienceMemory, arguments: Namespace) -> SearchQuestion:
    """Return what is searched for; raise MemoryStoreError or ConfigError where it is like nothing."""
    if arguments.text is not None:
        if not memory.has_texts:
            raise ConfigError(
                "memory search: --text needs a text model: experience_config.rag_config.embedding.provider"
            )
        return SearchQuestion((), "", SituationWords(arguments.text), arguments.as_of or datetime.now(UTC))
    model = memory.get(arguments.like)
    if model is None:
        raise MemoryStoreError(f"memory search: --like {arguments.like}: there is no experience of that id")
    if model.source.situation is None:
        raise MemoryStoreError(f"memory search: --like {arguments.like}: it has no situation, so it is like nothing")
    known = arguments.as_of or model.source.known_at + timedelta(microseconds=1)
    return SearchQuestion(model.source.situation, model.source.space, words_of_experience(model), known)


def matching(memory: ExperienceMemory, asked: SearchQuestion, namespace: str, arguments: Namespace) -> list[Case]:
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


def ends_of(
    memory: ExperienceMemory, cases: Sequence[Case], namespace: str, as_of: datetime
) -> dict[int, Outline | None]:
    """Return the closed trade that each case is of, as far as that was known; None: it was still open."""
    reader = memory.outlines((namespace,))
    outlines = zip(cases, reader.of([case.id for case in cases]), strict=True)
    return {case.id: None if outline is None else ended(outline, reader, as_of) for case, outline in outlines}


def _end_fields(end: Outline | None) -> dict[str, Any]:
    """Return the trade's end beside what was recorded of it."""
    return {"trade_id": None if end is None else end.id, "trade_profit_pct": None if end is None else end.profit_pct}


def _end_line(case: Case, end: Outline | None) -> list[str]:
    if case.kind == "trade":
        return []
    return ["its trade was still open" if end is None else f"its trade ended at {end.profit_pct:+.2f} % (id {end.id})"]


def _passing(memory: ExperienceMemory, cases: tuple[Case, ...], arguments: Namespace) -> Iterator[Case]:
    for case in cases:
        if arguments.kind in (None, case.kind) and arguments.regime in (None, _regime(memory, case)):
            yield case


def _regime(memory: ExperienceMemory, case: Case) -> str | None:
    experience = memory.get(case.id)
    return None if experience is None else experience.source.regime


def _entry(case: Case, end: Outline | None, *, wide: bool) -> Entry:
    cells = (
        str(case.id),
        case.kind,
        plain(case.pair),
        case.side,
        f"{case.similarity:.3f}",
        f"{case.profit_pct:+.2f}",
        "-" if case.score is None else f"{case.score:.0f} {case.grade}",
    )
    lesson = [plain(case.lesson, len(case.lesson) if wide else LESSON_LENGTH)] if case.lesson else []
    return Entry(cells, (*lesson, *_end_line(case, end)))
