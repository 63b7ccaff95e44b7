"""The outlines of every experience in RAM, following the database, and what they count to.

Rows are read once, by the number of their commit; only a purge makes them be read again. Counts go on from trade to
trade: only who asks for an earlier moment, or what came late, makes them begin anew. A trade and what happened while it
was open are several experiences: namespace, pair and opening time say whose they are.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any, TypeVar

from sqlalchemy import Connection, Row, select

from candlegraph.graph.schema.experience import Experience
from candlegraph.memory.learning.advice import Paired
from candlegraph.memory.learning.counts import Completed, Counts
from candlegraph.memory.learning.outline import Outline, TradeId, outline_of
from candlegraph.memory.storage.rows import micros
from candlegraph.memory.storage.tables import counterfactuals, experiences

BECAME_KNOWN = attrgetter("known_at", "id")
Answer = TypeVar("Answer")
Known = TypeVar("Known", Outline, Completed)


class Outlines:
    """The outlines of some namespaces of one database, as they were followed last; safe for many threads."""

    def __init__(self, namespaces: Collection[str]) -> None:
        self._namespaces = namespaces
        self._seen_purges = 0
        self._lock = threading.Lock()
        self._forget()

    def _forget(self) -> None:
        self._rows: dict[int, Outline] = {}
        self._courses: dict[TradeId, list[Outline]] = {}
        self._later: dict[int, tuple[int, str]] = {}
        self._trades: list[Outline] = []
        self._tables: list[Completed] = []
        self._counts = Counts()
        self._seen = 0

    def asked(self, as_of: datetime, question: Callable[[Counts], Answer]) -> Answer:
        """Return what a question makes of the counts of all that was known before `as_of`; it must not keep them."""
        with self._lock:
            until = micros(as_of)
            return question(self._counted(_before(self._trades, until), _before(self._tables, until)))

    def of(self, ids: Sequence[int]) -> list[Outline | None]:
        """Return the outlines of experiences; None for one that was removed meanwhile."""
        with self._lock:
            return [self._rows.get(one) for one in ids]

    def newest_first(self, as_of: datetime) -> Iterator[Outline]:
        """Yield the closed trades known before `as_of` that something is learnt from, the newest first."""
        with self._lock:
            trades, before = self._trades, _before(self._trades, micros(as_of))
        return (trades[place] for place in range(before - 1, -1, -1))

    def course(self, trade: TradeId, as_of: datetime) -> list[Outline]:
        """Return what was known of a trade before `as_of`: what happened while it was open, and its end."""
        with self._lock:
            found = self._courses.get(trade, [])
        until = micros(as_of)
        return [one for one in found if one.known_at < until]

    def later(self, experience_id: int, as_of: datetime) -> dict[str, str]:
        """Return the lesson that takes the place of an experience's own before `as_of`, by its name; none: nothing."""
        known_at, lesson = self._later.get(experience_id, (0, ""))
        return {"lesson": lesson} if lesson and known_at < micros(as_of) else {}

    def follow(self, connection: Connection, counters: Mapping[str, int]) -> None:
        """Read what was committed up to `counters`, which `connection` sees."""
        now, purges = counters["experiences"], counters["purges"]
        with self._lock:
            if now == self._seen:
                return
            if purges > self._seen_purges:
                self._forget()
            self._take(self._fresh(connection, now), self._completed(connection, now))
            self._seen, self._seen_purges = now, purges

    def _take(self, fresh: Mapping[int, Outline], rows: Sequence[Row[*tuple[Any, ...]]]) -> None:
        self._rows |= fresh
        self._join(fresh.values())
        self._later |= {row.experience_id: (row.known_at, row.lesson) for row in rows}
        learnt = sorted((one for one in fresh.values() if one.is_learnt), key=BECAME_KNOWN)
        complete = sorted((self._complete(row) for row in rows if row.gains is not None), key=BECAME_KNOWN)
        if _is_late(self._trades, learnt) or _is_late(self._tables, complete):
            self._counts = Counts()
        self._trades = _with(self._trades, learnt)
        self._tables = _with(self._tables, complete)

    def _complete(self, row: Row[*tuple[Any, ...]]) -> Completed:
        setup = self._rows[row.experience_id].setup
        return Completed(row.experience_id, row.known_at, setup, Paired.model_validate_json(row.gains))

    def _counted(self, trades: int, tables: int) -> Counts:
        """Return the counts of the first of each, from those before where these are no more."""
        if self._counts.trades > trades or self._counts.tables > tables:
            self._counts = Counts()
        for trade in self._trades[self._counts.trades : trades]:
            self._counts.add(trade)
        for table in self._tables[self._counts.tables : tables]:
            self._counts.complete(table)
        return self._counts

    def _join(self, fresh: Iterable[Outline]) -> None:
        """Put experiences to their trades; lists are replaced, never changed, since others may be reading them."""
        added: dict[TradeId, list[Outline]] = defaultdict(list)
        for one in fresh:
            added[one.trade].append(one)
        for trade, new in added.items():
            known = [*self._courses.get(trade, []), *new]
            self._courses[trade] = sorted(known, key=attrgetter("known_at", "id"))

    def _fresh(self, connection: Connection, now: int) -> dict[int, Outline]:
        fresh = (experiences.c.revision > self._seen) & (experiences.c.revision <= now)
        ours = experiences.c.namespace.in_(self._namespaces)
        rows = connection.execute(select(experiences.c.id, experiences.c.doc).where(fresh & ours))
        return {row_id: outline_of(row_id, Experience.model_validate_json(doc)) for row_id, doc in rows}

    def _completed(self, connection: Connection, now: int) -> Sequence[Row[*tuple[Any, ...]]]:
        table = counterfactuals.c
        fresh = (table.revision > self._seen) & (table.revision <= now) & table.lesson.is_not(None)
        ours = experiences.c.namespace.in_(self._namespaces)
        join = counterfactuals.join(experiences, table.experience_id == experiences.c.id)
        columns = table.experience_id, table.known_at, table.lesson, table.gains
        return connection.execute(select(*columns).select_from(join).where(fresh & ours)).all()


def _before(known: Sequence[Known], until: int) -> int:
    """Return how many were known before a time."""
    return bisect_left(known, until, key=attrgetter("known_at"))


def _is_late(known: Sequence[Known], fresh: Sequence[Known]) -> bool:
    """Return whether one of the fresh was known earlier than the last of those that are there."""
    return bool(known and fresh) and BECAME_KNOWN(fresh[0]) < BECAME_KNOWN(known[-1])


def _with(known: list[Known], fresh: list[Known]) -> list[Known]:
    """Return both in order; the list that is there grows, which costs as little as the fresh are few."""
    is_late = _is_late(known, fresh)
    known += fresh
    return sorted(known, key=BECAME_KNOWN) if is_late else known
