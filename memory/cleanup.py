"""Forgetting on purpose: what a cleanup would remove, the archive it writes first, and the removal.

candidates, worst or oldest first → at most `max_share` of them → archive file on disk → rows deleted
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from pydantic import Field
from sqlalchemy import ColumnElement, Connection, Engine, Row, func, select

from candlegraph.graph.schema.errors import MemoryStoreError
from candlegraph.graph.schema.market import Frozen
from candlegraph.graph.settings.experience import Cleanup
from candlegraph.memory.storage.database import reading, writing
from candlegraph.memory.storage.rows import delete_experiences, micros
from candlegraph.memory.storage.tables import experiences
from candlegraph.memory.storage.text_files import write_whole

Strategy = Literal["low_quality", "compress", "old_records"]


class CleanupReport(Frozen):
    """What a cleanup found and did; `removed` is 0 in a preview."""

    namespace: str
    strategy: Strategy
    total: int = Field(description="experiences of the namespace before, known by then")
    matched: int = Field(description="what the strategy would remove")
    allowed: int = Field(description="how many of them one step may remove")
    removed: int = 0
    archive: str | None = None

    @property
    def message(self) -> str:
        """Return the outcome in one sentence."""
        limit = f", limited to {self.allowed} by max_share" if self.allowed < self.matched else ""
        kept = f"; archived in {self.archive}" if self.archive else ""
        return f"{self.strategy}: removed {self.removed} of {self.total}, {self.matched} matched{limit}{kept}"


def preview(engine: Engine, namespace: str, strategy: Strategy, as_of: datetime, settings: Cleanup) -> CleanupReport:
    """Return what `clean_up` would find, and remove nothing."""
    with reading(engine) as connection:
        return _plan(connection, namespace, strategy, as_of, settings)[0]


def clean_up(
    engine: Engine, beside: Path, namespace: str, strategy: Strategy, as_of: datetime, settings: Cleanup
) -> CleanupReport:
    """Archive what the strategy selects beside that file, then delete it."""
    with writing(engine, "experiences") as (connection, revision):
        plan, doomed = _plan(connection, namespace, strategy, as_of, settings)
        if not doomed:
            return plan
        archive = _archived(beside, plan, as_of, doomed)
        delete_experiences(connection, revision, [row.id for row in doomed])
    return plan.model_copy(update={"removed": len(doomed), "archive": str(archive)})


def _plan(
    connection: Connection, namespace: str, strategy: Strategy, as_of: datetime, settings: Cleanup
) -> tuple[CleanupReport, Sequence[Row[Any, Any]]]:
    own = (experiences.c.namespace == namespace) & (experiences.c.known_at < micros(as_of))
    total = connection.execute(select(func.count()).where(own)).scalar_one()
    chosen, first = _selection(strategy, as_of, settings)
    query = select(experiences.c.id, experiences.c.doc).where(own & chosen).order_by(first, experiences.c.id)
    if strategy == "compress":
        query = query.limit(max(0, total - settings.keep_newest))
    matched = connection.execute(select(func.count()).select_from(query.subquery())).scalar_one()
    allowed = min(matched, int(total * settings.max_share))
    report = CleanupReport(namespace=namespace, strategy=strategy, total=total, matched=matched, allowed=allowed)
    return report, connection.execute(query.limit(allowed)).all()


def _selection(strategy: Strategy, as_of: datetime, settings: Cleanup) -> tuple[ColumnElement[bool], Any]:
    """Return which rows a strategy is after, and by what they go first."""
    if strategy == "low_quality":
        return experiences.c.score < settings.low_quality_below, experiences.c.score
    if strategy == "old_records":
        oldest_kept = micros(as_of - timedelta(days=settings.old_after_days))
        return experiences.c.known_at < oldest_kept, experiences.c.known_at
    return experiences.c.id.is_not(None), experiences.c.known_at


def _archived(database: Path, plan: CleanupReport, as_of: datetime, doomed: Sequence[Row[Any, Any]]) -> Path:
    """Write one whole, durable file of Experience JSON lines that overwrites nothing."""
    safe = re.sub(r"[^A-Za-z0-9_.-]", "_", plan.namespace)
    stem = f"{database.stem}.removed.{safe}.{plan.strategy}.{as_of:%Y%m%dT%H%M%SZ}"
    number = 1
    while (path := database.with_name(f"{stem}.{number}.jsonl")).exists():
        number += 1
    try:
        write_whole(path, (f"{row.doc}\n" for row in doomed))
    except OSError as e:
        raise MemoryStoreError(f"the archive {path} could not be written: {e}; nothing was removed") from e
    return path
