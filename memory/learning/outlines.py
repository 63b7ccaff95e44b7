"""The outlines of every experience in RAM, following the database, and what they count to.

Rows are read once, by the number of their commit; only a purge makes them be read again. Counts go on from trade to
trade: only who asks for an earlier moment, or what came late, makes them begin anew.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from operator import attrgetter
from typing import TypeVar

from sqlalchemy import Connection, select

from candlegraph.graph.schema.experience import Experience
from candlegraph.memory.learning.counts import Counts
from candlegraph.memory.learning.outline import Outline, outline_of
from candlegraph.memory.storage.rows import micros
from candlegraph.memory.storage.tables import experiences

BECAME_KNOWN = attrgetter("known_at", "id")
Answer = TypeVar("Answer")


class Outlines:
    """The outlines of some namespaces of one database, as they were followed last; safe for many threads."""

    def __init__(self, namespaces: Collection[str]) -> None:
        self._namespaces = namespaces
        self._rows: dict[int, Outline] = {}
        self._trades: list[Outline] = []
        self._counts = Counts()
        self._seen = self._seen_purges = 0
        self._lock = threading.Lock()

    def asked(self, as_of: datetime, question: Callable[[Counts], Answer]) -> Answer:
        """Return what a question makes of the counts of all trades known before `as_of`; it must not keep them."""
        with self._lock:
            return question(self._counted(bisect_left(self._trades, micros(as_of), key=attrgetter("known_at"))))

    def of(self, ids: Sequence[int]) -> list[Outline | None]:
        """Return the outlines of experiences; None for one that was removed meanwhile."""
        with self._lock:
            return [self._rows.get(one) for one in ids]

    def follow(self, connection: Connection, counters: Mapping[str, int]) -> None:
        """Read what was committed up to `counters`, which `connection` sees."""
        now, purges = counters["experiences"], counters["purges"]
        with self._lock:
            if now == self._seen:
                return
            if purges > self._seen_purges:
                self._rows, self._trades, self._seen, self._counts = {}, [], 0, Counts()
            self._take(self._fresh(connection, now))
            self._seen, self._seen_purges = now, purges

    def _take(self, fresh: Mapping[int, Outline]) -> None:
        self._rows |= fresh
        learnt = sorted((one for one in fresh.values() if one.is_learnt), key=BECAME_KNOWN)
        is_late = bool(learnt and self._trades) and BECAME_KNOWN(learnt[0]) < BECAME_KNOWN(self._trades[-1])
        self._trades += learnt
        if is_late:
            self._trades.sort(key=BECAME_KNOWN)
            self._counts = Counts()

    def _counted(self, before: int) -> Counts:
        """Return the counts of the first trades, from those before where these are no more."""
        if self._counts.trades > before:
            self._counts = Counts()
        for trade in self._trades[self._counts.trades : before]:
            self._counts.add(trade)
        return self._counts

    def _fresh(self, connection: Connection, now: int) -> dict[int, Outline]:
        fresh = (experiences.c.revision > self._seen) & (experiences.c.revision <= now)
        ours = experiences.c.namespace.in_(self._namespaces)
        rows = connection.execute(select(experiences.c.id, experiences.c.doc).where(fresh & ours))
        return {row_id: outline_of(row_id, Experience.model_validate_json(doc)) for row_id, doc in rows}
