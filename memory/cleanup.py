"""Forgetting on purpose: what a cleanup would take out of the retrieval, the archive it writes first, and doing it.

candidates, worst or oldest first → at most `max_share` of each kind → archive file on disk → vectors gone, marked
a purge by hand → archive file on disk → rows gone, and with them what was counted from them
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from pydantic import Field
from sqlalchemy import ColumnElement, Connection, Engine, select

from candlegraph.graph.schema.errors import MemoryStoreError
from candlegraph.graph.schema.market import Frozen
from candlegraph.graph.settings.experience import Cleanup
from candlegraph.memory.learning.redundancy import redundant
from candlegraph.memory.storage.database import reading, writing
from candlegraph.memory.storage.lines import line_of, whole
from candlegraph.memory.storage.rows import delete_experiences, is_retired, micros, retire
from candlegraph.memory.storage.tables import experiences
from candlegraph.memory.storage.text_files import write_whole

Strategy = Literal["low_quality", "compress", "old_records"]
Purged = Literal["retired", "all"]
"""What a purge erases: what cleanups have taken out of the retrieval, or all of a namespace."""


class CleanupReport(Frozen):
    """What a cleanup found and did; `removed` is 0 in a preview."""

    namespace: str
    strategy: Strategy
    total: int = Field(description="experiences of the namespace in the retrieval before, known by then")
    matched: int = Field(description="what the strategy would take out")
    allowed: int = Field(description="how many of them one step may take out")
    removed: int = 0
    archive: str | None = None

    @property
    def message(self) -> str:
        """Return the outcome in one sentence."""
        kept = f"; archived in {self.archive}" if self.archive else ""
        return f"{self.strategy}: took {self.removed} of {self.total} out of the retrieval, {self._matched}{kept}"

    @property
    def plan(self) -> str:
        """Return what would be done, as the model is told."""
        if not self.allowed:
            return f"{self.strategy}: none of {self.total} experiences may leave the retrieval, {self._matched}"
        return f"{self.strategy}: {self.allowed} of {self.total} experiences leave the retrieval, {self._matched}"

    @property
    def _matched(self) -> str:
        limit = f", limited to {self.allowed} by max_share" if self.allowed < self.matched else ""
        return f"{self.matched} matched{limit}"


def preview(engine: Engine, namespace: str, strategy: Strategy, as_of: datetime, settings: Cleanup) -> CleanupReport:
    """Return what `clean_up` would find, and take nothing out."""
    with reading(engine) as connection:
        return _plan(connection, namespace, strategy, as_of, settings)[0]


def clean_up(
    engine: Engine, beside: Path, namespace: str, strategy: Strategy, as_of: datetime, settings: Cleanup
) -> CleanupReport:
    """Archive what the strategy selects beside that file, then take it out of the retrieval."""
    with writing(engine, "experiences") as (connection, revision):
        plan, leaving = _plan(connection, namespace, strategy, as_of, settings)
        if not leaving:
            return plan
        archive = _archived(connection, beside, f"{namespace}.{strategy}", as_of, leaving)
        retire(connection, revision, leaving)
    return plan.model_copy(update={"removed": len(leaving), "archive": str(archive)})


def to_purge(engine: Engine, namespace: str, what: Purged) -> int:
    """Return how many experiences `purge` would erase."""
    with reading(engine) as connection:
        return len(_purged(connection, namespace, what))


def purge(engine: Engine, beside: Path, namespace: str, what: Purged, at: datetime) -> Path | None:
    """Archive experiences beside that file, then erase them for good; return the archive, None where there are none."""
    with writing(engine, "experiences") as (connection, revision):
        ids = _purged(connection, namespace, what)
        if not ids:
            return None
        archive = _archived(connection, beside, f"{namespace}.purge", at, ids)
        delete_experiences(connection, revision, ids)
    return archive


def _purged(connection: Connection, namespace: str, what: Purged) -> Sequence[int]:
    query = select(experiences.c.id).where(experiences.c.namespace == namespace).order_by(experiences.c.id)
    return connection.scalars(query if what == "all" else query.where(is_retired())).all()


def _plan(
    connection: Connection, namespace: str, strategy: Strategy, as_of: datetime, settings: Cleanup
) -> tuple[CleanupReport, Sequence[int]]:
    known = (experiences.c.namespace == namespace) & (experiences.c.known_at < micros(as_of))
    own = known & ~is_retired()
    rows = connection.execute(select(experiences.c.id, experiences.c.kind).where(own)).all()
    kinds: dict[int, str] = {row.id: row.kind for row in rows}
    matched = _matching(connection, own, strategy, as_of, settings)
    leaving = _shared(matched, kinds, settings.max_share)
    report = CleanupReport(
        namespace=namespace, strategy=strategy, total=len(kinds), matched=len(matched), allowed=len(leaving)
    )
    return report, leaving


def _matching(
    connection: Connection, own: ColumnElement[bool], strategy: Strategy, as_of: datetime, settings: Cleanup
) -> Sequence[int]:
    """Return what a strategy is after, in the order in which it goes."""
    if strategy == "low_quality":
        return redundant(connection, own, settings.low_quality_below)
    oldest_first = select(experiences.c.id).where(own).order_by(experiences.c.known_at, experiences.c.id)
    if strategy == "old_records":
        oldest_kept = micros(as_of - timedelta(days=settings.old_after_days))
        return connection.scalars(oldest_first.where(experiences.c.known_at < oldest_kept)).all()
    return connection.scalars(oldest_first).all()[: -settings.keep_newest]


def _shared(matched: Sequence[int], kinds: dict[int, str], share: float) -> list[int]:
    """Return the first of them, no more of a kind than its share."""
    room = {kind: int(count * share) for kind, count in Counter(kinds.values()).items()}
    taken = list[int]()
    for row_id in matched:
        if room[kinds[row_id]]:
            room[kinds[row_id]] -= 1
            taken.append(row_id)
    return taken


def _archived(connection: Connection, database: Path, what: str, at: datetime, ids: Sequence[int]) -> Path:
    """Write one whole, durable file of Experience JSON lines that overwrites nothing, in the order of `ids`."""
    safe = re.sub(r"[^A-Za-z0-9_.-]", "_", what)
    stem = f"{database.stem}.removed.{safe}.{at.astimezone(UTC):%Y%m%dT%H%M%SZ}"
    number = 1
    while (path := database.with_name(f"{stem}.{number}.jsonl")).exists():
        number += 1
    try:
        write_whole(path, (f"{doc}\n" for doc in _docs(connection, ids)))
    except OSError as e:
        raise MemoryStoreError(f"the archive {path} could not be written: {e}; nothing was removed") from e
    return path


def _docs(connection: Connection, ids: Sequence[int]) -> list[str]:
    """Return the experiences of ids that may be more than one statement takes."""
    found: dict[int, str] = {}
    for start in range(0, len(ids), 500):
        query = whole().where(experiences.c.id.in_(ids[start : start + 500]))
        found |= {row.id: line_of(row) for row in connection.execute(query)}
    return [found[row_id] for row_id in ids]
