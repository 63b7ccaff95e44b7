"""The experience memory: durable rows, and the index derived from them.

add, drain → rows and vectors in one transaction → the index follows at the next recall, in every process
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from candlegraph.graph.experience_settings import Cleanup
from candlegraph.graph.market import Side
from candlegraph.graph.state import Case
from candlegraph.memory import outbox
from candlegraph.memory.cleanup import CleanupReport, Strategy, clean_up, preview
from candlegraph.memory.database import close_engine, experiences, open_engine, reading, writing
from candlegraph.memory.experience import ClosedTrade, Experience
from candlegraph.memory.mirror import Mirror
from candlegraph.memory.rows import experiences_by_id, insert_experience, micros
from candlegraph.memory.stats import stats_of
from candlegraph.memory.vectors import unit

RECALLED = ("trade", "decision")


class ExperienceMemory:
    """All namespaces of one database file; safe for many threads and processes."""

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        self._engine = open_engine(self.path)
        self._mirror = Mirror()
        self._lock = threading.Lock()  # of the mirror; the database has its own
        with self._lock, reading(self._engine) as connection:
            self._mirror.refresh(connection)

    def add(self, experience: Experience) -> int | None:
        """Store durably; return the new id, or None if namespace, kind and key are there already."""
        with writing(self._engine, "experiences") as (connection, revision):
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
        side: Side | None = None,
        pair: str | None = None,
    ) -> tuple[Case, ...]:
        """Return the `k` most similar cases known before `as_of`, most similar first, then by id."""
        query = unit(situation)
        if query is None:
            return ()  # all zero: like nothing
        where = {"namespace": namespaces, "kind": RECALLED}
        where |= {name: (value,) for name, value in (("side", side), ("pair", pair)) if value is not None}
        with self._lock, reading(self._engine) as connection:
            self._mirror.refresh(connection)
            hits = self._mirror.search(space, query, k, known_before=micros(as_of), where=where)
            near = [hit for hit in hits if hit.similarity >= threshold]
            found = experiences_by_id(connection, [hit.id for hit in near])
        return tuple(_case(hit.id, hit.similarity, found[hit.id]) for hit in near)

    def get(self, experience_id: int) -> Experience | None:
        """Return one experience."""
        with reading(self._engine) as connection:
            return experiences_by_id(connection, [experience_id]).get(experience_id)

    def enqueue(self, trade: ClosedTrade) -> None:
        """Keep a closed trade durably until `drain`."""
        outbox.enqueue(self._engine, trade)

    def drain(self, namespace: str, *, before: datetime) -> list[Experience]:
        """Learn from the enqueued trades known by `before`, ordered by known_at, pair and key; return the new ones."""
        return outbox.drain(self._engine, namespace, before)

    def waiting(self, namespace: str) -> int:
        """Return how many closed trades wait to be drained."""
        return outbox.waiting(self._engine, namespace)

    def stats(self, namespace: str) -> dict[str, Any]:
        """Return what the namespace holds, in plain JSON types."""
        with self._lock, reading(self._engine) as connection:
            self._mirror.refresh(connection)
            return stats_of(connection, self._mirror, namespace, self.path)

    def namespaces(self) -> tuple[str, ...]:
        """Return all namespaces, the one written to last first."""
        name = experiences.c.namespace
        query = select(name).group_by(name).order_by(func.max(experiences.c.id).desc())
        with reading(self._engine) as connection:
            return tuple(connection.scalars(query))

    def preview_cleanup(
        self, namespace: str, strategy: Strategy, *, as_of: datetime, settings: Cleanup
    ) -> CleanupReport:
        """Return what `cleanup` would find, and remove nothing."""
        return preview(self._engine, namespace, strategy, as_of, settings)

    def cleanup(self, namespace: str, strategy: Strategy, *, as_of: datetime, settings: Cleanup) -> CleanupReport:
        """Archive, then delete what the strategy selects among what the namespace knew before `as_of`."""
        return clean_up(self._engine, namespace, strategy, as_of, settings)


_memories: dict[Path, ExperienceMemory] = {}
_opening = threading.Lock()


def open_memory(path: Path) -> ExperienceMemory:
    """Return this process's one memory on the file."""
    path = path.resolve()
    with _opening:
        if path not in _memories:
            _memories[path] = ExperienceMemory(path)
        return _memories[path]


def close_memory(path: Path) -> None:
    """Forget the memory of the file and close its connections, the ledger's too."""
    with _opening:
        _memories.pop(path.resolve(), None)
    close_engine(path)


def _case(experience_id: int, similarity: float, experience: Experience) -> Case:
    source, scores = experience.source, experience.scores
    return Case(
        id=experience_id,
        kind=experience.kind,
        pair=source.pair,
        side=source.side,
        similarity=similarity,
        profit_pct=experience.profit_pct,
        score=scores.total if scores else None,
        grade=scores.grade if scores else "",
        entry_price=source.entry_price,
        duration_minutes=experience.duration_minutes,
        lesson=experience.lesson,
    )
