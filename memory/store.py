"""The experience memory: durable rows, and the index derived from them.

add, settle → rows and vectors in one transaction → the index follows at the next recall, in every process
embed_waiting → the vectors of their words, later and apart: no order and no learning waits for a text model
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, func, select, true

from candlegraph.graph.schema.errors import ConfigError, EmbeddingError
from candlegraph.graph.schema.experience import ClosedTrade, Closing, Experience
from candlegraph.graph.schema.lessons import Case, Kind
from candlegraph.graph.schema.market import Side
from candlegraph.graph.settings.context import Language
from candlegraph.graph.settings.experience import Cleanup, RagConfig, Spaces
from candlegraph.memory import outbox
from candlegraph.memory.cleanup import CleanupReport, Purged, Strategy, clean_up, preview, purge, to_purge
from candlegraph.memory.counterfactual.lessons import lesson_of
from candlegraph.memory.counterfactual.table import Table
from candlegraph.memory.counterfactuals import Pending, complete, give_up, next_due, pending, table_of_id
from candlegraph.memory.embeddings.opening import open_embedder
from candlegraph.memory.embeddings.space import TextSpace
from candlegraph.memory.embeddings.waiting import Embedded, count_waiting, embed_waiting, try_again
from candlegraph.memory.embeddings.wording import SituationWords
from candlegraph.memory.index.mirror import Mirror
from candlegraph.memory.index.saved import index_folder
from candlegraph.memory.index.search import Filters, Query, search, situation_asked, text_asked
from candlegraph.memory.learning.outlines import Outlines
from candlegraph.memory.learning.report import with_insight
from candlegraph.memory.learning.self_scores import self_scores_of
from candlegraph.memory.learning.telling import case_of
from candlegraph.memory.learning.track import Track
from candlegraph.memory.stats import situation_spaces, stats_of, text_stats
from candlegraph.memory.storage.database import close_engine, open_engine, open_shared, reading, writing
from candlegraph.memory.storage.rows import (
    counters_of,
    experiences_by_id,
    experiences_of,
    insert_experience,
    is_retired,
    micros,
)
from candlegraph.memory.storage.tables import experiences, meta
from candlegraph.memory.storage.vectors import unit

logger = logging.getLogger(__name__)

RECALLED: tuple[Kind, ...] = ("trade", "decision", "lesson")
CASES = 4096
"""Kept in RAM."""
EVER = datetime.max.replace(tzinfo=UTC)
DEFAULTS, EVEN = RagConfig(), Spaces()


class ExperienceMemory:
    """All namespaces of one database; safe for many threads and processes.

    `path` is the bot's own file: it holds the outbox, and the memory too unless `rag.database_url` names another place.
    """

    def __init__(self, path: Path, rag: RagConfig = DEFAULTS) -> None:
        self.path, self.rag = path.resolve(), rag
        self._own = open_engine(self.path)
        self.engine = self._own if rag.database_url is None else open_shared(rag.database_url)
        self._texts = _text_space(self.engine, rag)
        self.has_texts = self._texts is not None
        """Whether a text model is configured."""
        self.is_local = self.engine is self._own and not self.has_texts
        """Whether no server is asked: neither for rows nor for the vectors of texts."""
        folder = index_folder(self.path, rag.vector_store.storage_path)
        self._mirror = Mirror(rag.vector_store.index_type, folder)
        self._outlines: dict[frozenset[str], Outlines] = {}
        self._cases: dict[int, Case] = {}
        self._seen_removals = 0
        self._none_waited: dict[str | None, int | None] = {}
        self.enqueued = 0
        """Trades and parts that this process has put into the outbox."""
        self._lock = threading.Lock()  # of the mirror; the database has its own
        if rag.database_url is None:
            self.follow()

    def follow(self) -> None:
        """Read all that is committed; done at the opening, but of a shared memory, whose server may be away then."""
        with self._lock, reading(self.engine) as connection:
            counters = self._mirror.refresh(connection)
            for one in self._outlines.values():
                one.follow(connection, counters)
        self._say_missing()

    def add(self, experience: Experience) -> int | None:
        """Store durably; return the new id, or None if namespace, kind and key are there already."""
        with writing(self.engine, "experiences") as (connection, revision):
            return insert_experience(connection, revision, experience)

    def recall(
        self,
        situation: Sequence[float],
        space: str,
        *,
        as_of: datetime,
        namespaces: Collection[str],
        k: int,
        threshold: float,
        kinds: Collection[Kind] = RECALLED,
        side: Side | None = None,
        pair: str | None = None,
        words: SituationWords | None = None,
        weights: Spaces = EVEN,
        is_strict: bool = False,
    ) -> tuple[Case, ...]:
        """Return the `k` most similar experiences known before `as_of`, most similar first, then by id.

        A trade and what was recorded of it are several: `memory.cases` joins them. `words` are the situation in
        `embeddings.wording`. Where the text model cannot be had the situation answers alone; EmbeddingError is raised
        if `is_strict`, and where that cannot either: it is empty, or has no weight.
        """
        asked = self._asked(
            situation, space, words, weights, is_strict=is_strict
        )  # before any lock: it may ask a text model
        where: dict[str, Collection[str]] = {"namespace": namespaces, "kind": kinds}
        where |= {name: (value,) for name, value in (("side", side), ("pair", pair)) if value is not None}
        filters = Filters(micros(as_of), where)
        with self._lock, reading(self.engine) as connection:
            counters = self._mirror.refresh(connection, next((one.space for one in asked if one.is_text), None))
            near = search(self._mirror, connection, asked, filters, k, threshold)
            if counters["removals"] > self._seen_removals:  # a cleanup retired some of them
                self._cases, self._seen_removals = {}, counters["removals"]
            found = self._cases_of(connection, [hit.id for hit in near])
            outlines = self._of(namespaces)
            outlines.follow(connection, counters)
        return tuple(
            found[hit.id].model_copy(update={"similarity": hit.similarity, **outlines.later(hit.id, as_of)})
            for hit in near
        )

    def cases(self, ids: Sequence[int]) -> dict[int, Case]:
        """Return experiences as cases; those that are gone, or that a cleanup retired, are left out."""
        known = {one: case for one in ids if (case := self._cases.get(one)) is not None}
        if len(known) == len(set(ids)):
            return known
        with reading(self.engine) as connection:
            retired = set(connection.scalars(select(experiences.c.id).where(experiences.c.id.in_(ids), is_retired())))
            return self._cases_of(connection, [one for one in ids if one not in retired])

    def outlines(self, namespaces: Collection[str]) -> Outlines:
        """Return what patterns and ranking read of these namespaces, as of the last `recall` of them, or `follow`."""
        with self._lock:
            return self._of(namespaces)

    def get(self, experience_id: int) -> Experience | None:
        """Return one experience."""
        with reading(self.engine) as connection:
            return experiences_by_id(connection, [experience_id]).get(experience_id)

    def all_of(self, namespace: str) -> dict[int, Experience]:
        """Return every experience of a namespace by its id, each with the newest lesson."""
        with reading(self.engine) as connection:
            return experiences_of(connection, namespace)

    def enqueue(self, trade: Closing, track: Track | None = None) -> None:
        """Keep a closed trade, and how it went, or a part of one, durably until it is learnt from."""
        outbox.enqueue(self._own, trade, track)
        self.enqueued += 1

    def take(self, namespace: str, trade_key: str) -> tuple[Closing, Track | None] | None:
        """Return an enqueued trade with its track, None if it does not wait."""
        return outbox.take(self._own, namespace, trade_key)

    def opened_by(self, decision: str) -> tuple[ClosedTrade, Track | None] | None:
        """Return the closed trade that a decision opened, with its track; None where there is none."""
        return outbox.opened_by(self._own, self.engine, decision)

    def settle(
        self, experience: Experience, track: Track | None, table: Table | None = None, *, is_queued: bool
    ) -> int | None:
        """Store what was learnt from a trade and empty the outbox of it; None where it was learnt already."""
        return outbox.settle(self._own, experience, track, table, is_queued=is_queued, into=self.engine)

    def next_due(self, namespace: str) -> datetime | None:
        """Return when more will be known of the next closed trade; None where nothing waits."""
        return next_due(self.engine, namespace)

    def pending(self, namespace: str, before: datetime) -> tuple[Pending, ...]:
        """Return the closed trades of which more can be known by then."""
        return tuple(pending(self.engine, namespace, before))

    def complete(self, one: Pending, table: Table, language: Language) -> None:
        """Put what is known of a trade by now in the place of what was known at its close."""
        said = with_insight(lesson_of(table, language), one.experience.insight)
        complete(self.engine, one, table, said)

    def give_up(self, one: Pending) -> None:
        """Wait no longer for candles of a trade that cannot be had any more."""
        give_up(self.engine, one)

    def table(self, experience_id: int) -> Table | None:
        """Return what a closed trade would have made otherwise, as far as it is known; None where it has no table."""
        with reading(self.engine) as connection:
            return table_of_id(connection, experience_id)

    def embed_waiting(self, limit: int, *, now: datetime, namespace: str | None = None) -> Embedded:
        """Give at most `limit` experiences the vector of their words; a model that is down is said, not raised.

        Where nothing waited and nothing was stored since, this costs one small query: it may be called each candle.
        """
        if self._texts is None:
            return Embedded()
        with reading(self.engine) as connection:
            stored = connection.scalar(select(meta.c.value).where(meta.c.key == "experiences"))
        if self._none_waited.get(namespace) == stored:
            return Embedded()
        step = embed_waiting(self.engine, self._texts, limit, now=now, namespace=namespace)
        if step.problem is None and not self.without_vector(namespace):
            self._none_waited[namespace] = stored
        return step

    def try_refused_again(self, namespace: str | None = None) -> None:
        """Let the next `embed_waiting` try what the text model refused, however short ago."""
        if self._texts is not None:
            try_again(self.engine, self._texts.model, namespace)

    def without_vector(self, namespace: str | None = None) -> int:
        """Return how many experiences wait for a vector of the configured text model; 0 where there is none."""
        if self._texts is None:
            return 0
        with reading(self.engine) as connection:
            own = true() if namespace is None else experiences.c.namespace == namespace
            return count_waiting(connection, self._texts.model, own)

    def stats(self, namespace: str, as_of: datetime | None = None) -> dict[str, Any]:
        """Return what the namespace knew before `as_of`, None: all that it holds, in plain JSON types."""
        with self._lock, reading(self.engine) as connection:
            self._mirror.refresh(connection)
            found = stats_of(connection, self._mirror, namespace, self.engine, as_of)
            own = self._of((namespace,))
            own.follow(connection, counters_of(connection))
            until = as_of or EVER
            net = own.asked(until, lambda counts: counts.net_result)
            found["reward_stats"] = {"net_result": net} | found["reward_stats"]
            scores = self_scores_of(own.newest_first(until))
            found["self_scores"] = None if scores is None else scores.model_dump()
            if self._texts is not None:
                found["embedding"] = text_stats(connection, self._texts.model, namespace, as_of)
        return found

    def situation_spaces(self, namespaces: Collection[str]) -> dict[str, int]:
        """Return how many experiences have a situation in each space; those of two spaces are never compared."""
        with reading(self.engine) as connection:
            return situation_spaces(connection, experiences.c.namespace.in_(namespaces))

    def namespaces(self) -> tuple[str, ...]:
        """Return all namespaces, the one written to last first."""
        name = experiences.c.namespace
        query = select(name).group_by(name).order_by(func.max(experiences.c.id).desc())
        with reading(self.engine) as connection:
            return tuple(connection.scalars(query))

    def preview_cleanup(
        self, namespace: str, strategy: Strategy, *, as_of: datetime, settings: Cleanup
    ) -> CleanupReport:
        """Return what `cleanup` would find, and take nothing out."""
        return preview(self.engine, namespace, strategy, as_of, settings)

    def cleanup(self, namespace: str, strategy: Strategy, *, as_of: datetime, settings: Cleanup) -> CleanupReport:
        """Archive, then take out of the retrieval what the strategy selects of what was known before `as_of`."""
        return clean_up(self.engine, self.path, namespace, strategy, as_of, settings)

    def to_purge(self, namespace: str, what: Purged) -> int:
        """Return how many experiences `purge` would erase."""
        return to_purge(self.engine, namespace, what)

    def purge(self, namespace: str, what: Purged, *, at: datetime) -> Path | None:
        """Archive, then erase for good what cleanups retired, or all of a namespace; return the archive."""
        return purge(self.engine, self.path, namespace, what, at)

    def _of(self, namespaces: Collection[str]) -> Outlines:
        wanted = frozenset(namespaces)
        if wanted not in self._outlines:
            self._outlines[wanted] = Outlines(wanted)
        return self._outlines[wanted]

    def _cases_of(self, connection: Connection, ids: Sequence[int]) -> dict[int, Case]:
        """Return the experiences as cases; what is stored never changes, so it is read once."""
        unknown = [one for one in ids if one not in self._cases]
        found = {one: case_of(one, experience) for one, experience in experiences_by_id(connection, unknown).items()}
        known = {one: self._cases[one] for one in ids if one in self._cases} | found
        self._cases = known if len(self._cases) + len(found) > CASES else self._cases | found
        return known

    def _asked(
        self, situation: Sequence[float], space: str, words: SituationWords | None, weights: Spaces, *, is_strict: bool
    ) -> list[Query]:
        vector = unit(situation)
        asked = [situation_asked(space, vector, weights.situation)] if vector is not None and weights.situation else []
        if self._texts is None or words is None or not weights.text:
            return asked
        try:
            query = self._texts.vector_of(words)
            scale = self._texts.scale_of(words)
        except EmbeddingError:  # said once a minute where it is found out
            if is_strict or not asked:
                raise
            return asked
        return [*asked, text_asked(self._texts.name_of(query), query, scale, weights.text)]

    def _say_missing(self) -> None:
        if self._texts is not None and (missing := self.without_vector()):
            logger.warning(
                "%d experiences have no vector of %s, and are found by their situation alone; a bot embeds some after "
                "each candle, `candlegraph memory reembed` all at once",
                missing,
                self._texts.model,
            )


_memories: dict[Path, ExperienceMemory] = {}
_opening = threading.Lock()


def open_memory(path: Path, rag: RagConfig | None = None) -> ExperienceMemory:
    """Return this process's one memory on the file: as `rag` says, None: as it was opened before, or by default."""
    path = path.resolve()
    with _opening:
        found = _memories.get(path)
        if found is None or (rag is not None and _opened_by(rag) != _opened_by(found.rag)):
            found = _memories[path] = ExperienceMemory(path, rag or DEFAULTS)
        return found


def close_memory(path: Path) -> None:
    """Forget the memory of the file and close its connections, the ledger's and those to a shared database too."""
    with _opening:
        found = _memories.pop(path.resolve(), None)
    close_engine(path)
    if found is not None and found.engine.url not in {one.engine.url for one in _memories.values()}:
        close_engine(found.engine.url)


def _opened_by(rag: RagConfig) -> tuple[object, ...]:
    """Return the settings that a memory is opened with; the others come with each question."""
    return rag.embedding, rag.vector_store.index_type, rag.vector_store.storage_path, rag.database_url


def _text_space(engine: Engine, rag: RagConfig) -> TextSpace | None:
    embedder = open_embedder(rag.embedding)
    if embedder is None and not rag.spaces.situation:
        raise ConfigError(
            "config: experience_config.rag_config.spaces.situation = 0 leaves only texts, and embedding.provider is "
            "'none'; expected a provider, or a weight above 0"
        )
    return None if embedder is None else TextSpace(engine, embedder, rag.embedding)
