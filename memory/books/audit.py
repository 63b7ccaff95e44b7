"""What the auditor of a live account found and did: one row each, never changed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import AwareDatetime
from sqlalchemy import insert, select

from candlegraph.graph.schema.frozen import Frozen
from candlegraph.memory.storage.database import open_engine, reading, writing
from candlegraph.memory.storage.rows import micros
from candlegraph.memory.storage.tables import audits

AuditKind = Literal["stop_missing", "stop_unknown", "stop_surplus", "stop_orphan", "position_unknown"]


class AuditRow(Frozen):
    """One finding, in the words in which it was told."""

    namespace: str
    at: AwareDatetime
    pair: str
    kind: AuditKind
    trade_id: int | None = None
    found: str
    done: str
    todo: str

    @property
    def line(self) -> str:
        """Return the row as one message."""
        return f"{self.pair}: {self.found}; {self.done}. To do: {self.todo}"


class AuditBook:
    """The rows of all namespaces, in the memory's database file."""

    def __init__(self, path: Path) -> None:
        self._engine = open_engine(path)

    def append(self, row: AuditRow) -> None:
        """Store one row."""
        with writing(self._engine, "audits") as (connection, _):
            columns = {"namespace": row.namespace, "at": micros(row.at), "pair": row.pair}
            connection.execute(insert(audits), columns | {"doc": row.model_dump_json()})

    def rows(self, namespace: str, since: datetime | None = None) -> Sequence[AuditRow]:
        """Return the rows of a namespace, oldest first."""
        own = select(audits.c.doc).where(audits.c.namespace == namespace)
        if since is not None:
            own = own.where(audits.c.at >= micros(since))
        with reading(self._engine) as connection:
            return [AuditRow.model_validate_json(doc) for doc in connection.scalars(own.order_by(audits.c.id))]
