"""What patterns and ranking need of every experience, in RAM, following the database.

Rows are read once, by the number of their commit; a cleanup makes them be read again. A trade and what happened while
it was open are several experiences: namespace, pair and opening time say whose they are.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from operator import attrgetter
from typing import NamedTuple

from sqlalchemy import Connection, select

from candlegraph.graph.schema.experience import ClosedTrade, Experience
from candlegraph.graph.schema.lessons import Kind
from candlegraph.graph.schema.market import Side
from candlegraph.memory.learning.setups import Setup, setup_of_trade
from candlegraph.memory.storage.rows import micros
from candlegraph.memory.storage.tables import experiences


class TradeId(NamedTuple):
    """Which trade an experience belongs to: a pair has one at a time."""

    namespace: str
    pair: str
    opened_at: int


class Outline(NamedTuple):
    """One experience in short; a recorded decision has no score and no reward: 0, and is never counted as a trade."""

    id: int
    known_at: int
    pair: str
    side: Side
    entry_day: date
    is_learnt: bool
    setup: Setup
    profit_pct: float
    score: float = 0.0
    reward: float = 0.0
    reward_quality: float = 0.0
    kind: Kind = "trade"
    trade: TradeId = TradeId("", "", 0)
    model: str = ""
    self_score: float | None = None


@dataclass(frozen=True, eq=False)
class Known:
    """What was known before one moment; the same object as long as nothing new is."""

    trades: tuple[Outline, ...]
    """Closed trades that something is learnt from, in the order in which they became known."""


def outline_of(experience_id: int, experience: Experience) -> Outline:
    """Return the experience in short."""
    source, scores = experience.source, experience.scores
    trade = source if isinstance(source, ClosedTrade) else None
    return Outline(
        id=experience_id,
        known_at=micros(source.known_at),
        pair=source.pair,
        side=source.side,
        entry_day=source.opened_at.date(),
        is_learnt=trade is not None and not experience.forced,
        setup=Setup(source.side, source.regime) if trade is None else setup_of_trade(trade),
        profit_pct=experience.profit_pct,
        score=scores.total if scores else 0.0,
        reward=experience.reward or 0.0,
        reward_quality=experience.reward_quality or 0.0,
        kind=experience.kind,
        trade=TradeId(source.namespace, source.pair, micros(source.opened_at)),
        model="" if trade is None else trade.model,
        self_score=None if trade is None else trade.model_score,
    )


class Outlines:
    """The outlines of some namespaces of one database, as they were followed last; safe for many threads."""

    def __init__(self, namespaces: Collection[str]) -> None:
        self._namespaces = namespaces
        self._rows: dict[int, Outline] = {}
        self._trades: list[Outline] = []
        self._courses: dict[TradeId, list[Outline]] = {}
        self._seen = self._seen_removals = 0
        self._known: dict[int, Known] = {}
        self._lock = threading.Lock()

    def known(self, as_of: datetime) -> Known:
        """Return what was known before `as_of`."""
        with self._lock:
            before = bisect_left(self._trades, micros(as_of), key=attrgetter("known_at"))
            if before not in self._known:
                self._known = {before: Known(tuple(self._trades[:before]))}
            return self._known[before]

    def of(self, ids: Sequence[int]) -> list[Outline | None]:
        """Return the outlines of experiences; None for one that was removed meanwhile."""
        with self._lock:
            return [self._rows.get(one) for one in ids]

    def course(self, trade: TradeId, as_of: datetime) -> list[Outline]:
        """Return what was known of a trade before `as_of`: what happened while it was open, and its end."""
        with self._lock:
            found = self._courses.get(trade, [])
        return [one for one in found if one.known_at < micros(as_of)]

    def follow(self, connection: Connection, counters: Mapping[str, int]) -> None:
        """Read what was committed up to `counters`, which `connection` sees."""
        now, removals = counters["experiences"], counters["removals"]
        with self._lock:
            if now == self._seen:
                return
            if removals > self._seen_removals:
                self._rows, self._courses, self._seen = {}, {}, 0
            fresh = self._fresh(connection, now)
            self._rows |= fresh
            self._join(fresh.values())
            learnt = (one for one in self._rows.values() if one.is_learnt)
            self._trades = sorted(learnt, key=attrgetter("known_at", "id"))
            self._seen, self._seen_removals, self._known = now, removals, {}

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
