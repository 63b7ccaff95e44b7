"""Old runs leave the database: backtests, and dry-runs on past candles; never what trades today, or was read by it.

stored runs, newest first -> all but the newest N, and none kept by name -> experiences archived and erased, rows gone
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import BigInteger, Table, delete, func, literal_column, select

from candlegraph.graph.schema.frozen import Frozen
from candlegraph.graph.settings.places import BACKTEST, OFFLINE
from candlegraph.memory.cleanup import purge
from candlegraph.memory.storage.database import open_engine, reading, writing
from candlegraph.memory.storage.tables import (
    account,
    audits,
    decisions,
    experiences,
    holds,
    outbox,
    positions,
    proposals,
    snapshots,
)

NAMED: tuple[Table, ...] = (outbox, account, proposals, positions, audits, holds)
"""What else a run leaves behind under its name."""


class StoredRun(Frozen):
    """One run that has ended; `bytes` of its decisions and what they were made from."""

    namespace: str
    decisions: int
    experiences: int
    bytes: int


def stored_runs(path: Path) -> tuple[StoredRun, ...]:
    """Return the runs that a prune may take, the one written to last first."""
    name, place = decisions.c.namespace, literal_column("decisions.rowid", BigInteger())
    sizes = func.sum(func.length(decisions.c.doc) + func.coalesce(func.length(snapshots.c.doc), 0))
    joined = decisions.outerjoin(snapshots, snapshots.c.decision_id == decisions.c.decision_id)
    query = select(name, func.count(), sizes).select_from(joined).group_by(name).order_by(func.max(place).desc())
    learnt = select(experiences.c.namespace, func.count()).group_by(experiences.c.namespace)
    with reading(open_engine(path)) as connection:
        counts: dict[str, int] = {name: count for name, count in connection.execute(learnt)}
        rows = connection.execute(query).all()
    return tuple(
        StoredRun(namespace=one, decisions=count, experiences=counts.get(one, 0), bytes=size)
        for one, count, size in rows
        if one.startswith((BACKTEST, OFFLINE))
    )


def prunable(runs: Sequence[StoredRun], keep: int, named: Collection[str]) -> tuple[StoredRun, ...]:
    """Return what leaves: all but the `keep` newest, and none of those `named`, which a bot reads."""
    return tuple(one for one in runs[keep:] if one.namespace not in named)


def prune(path: Path, runs: Sequence[StoredRun], at: datetime) -> list[Path]:
    """Erase the runs, experiences into an archive first; return the archives. The file itself does not shrink."""
    engine = open_engine(path)
    archives = []
    for run in runs:
        archive = purge(engine, path, run.namespace, "all", at)
        archives += [] if archive is None else [archive]
        with writing(engine, "decisions") as (connection, _):
            own = select(decisions.c.decision_id).where(decisions.c.namespace == run.namespace)
            connection.execute(delete(snapshots).where(snapshots.c.decision_id.in_(own)))
            for table in (decisions, *NAMED):
                connection.execute(delete(table).where(table.c.namespace == run.namespace))
    return archives


def shrink(path: Path) -> int:
    """Give the room of what is gone back to the disk, while nobody else uses the file; return the bytes."""
    before = path.stat().st_size
    connection = open_engine(path).raw_connection()  # SQLite does this outside of a transaction alone
    try:
        raw: Any = connection.driver_connection
        raw.execute("VACUUM")
        raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        connection.close()
    return before - path.stat().st_size
