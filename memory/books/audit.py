"""What the auditor of a live account found and did, one row each, and the positions that wait for a person."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import AwareDatetime, Field
from sqlalchemy import ColumnElement, delete, insert, select

from candlegraph.graph.schema.frozen import Frozen
from candlegraph.graph.schema.market import Price, Side
from candlegraph.memory.storage.database import open_engine, reading, writing
from candlegraph.memory.storage.rows import micros
from candlegraph.memory.storage.tables import audits, holds

AuditKind = Literal[
    "stop_missing",
    "stop_unknown",
    "stop_surplus",
    "stop_orphan",
    "position_unknown",
    "position_gone",
    "adopted",
    "flattened",
    "released",
    "blind",
]
Wish = Literal["adopt", "flatten"]
Cause = Literal["answer_lost", "by_hand"]
"""Why no trade knows a position: the answer to an order of the bot was lost, or somebody else sent it."""


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


class Hold(Frozen):
    """A position that no trade knows: entries of its pair wait until a person has decided, or it is gone."""

    namespace: str
    pair: str
    since: AwareDatetime
    side: Side
    amount: float = Field(gt=0, description="what no trade knows of it, base currency")
    entry: Price
    leverage: float = Field(1.0, ge=1)
    cause: Cause
    wanted: Wish | None = None


class AuditBook:
    """The rows and holds of all namespaces, in the memory's database file."""

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

    def holds(self, namespace: str | None = None) -> Sequence[Hold]:
        """Return the holds, by pair; of all namespaces for None."""
        wanted = select(holds.c.doc).order_by(holds.c.namespace, holds.c.pair)
        if namespace is not None:
            wanted = wanted.where(holds.c.namespace == namespace)
        with reading(self._engine) as connection:
            return [Hold.model_validate_json(doc) for doc in connection.scalars(wanted)]

    def keep(self, hold: Hold) -> None:
        """Store a hold in place of a former one of the pair."""
        with writing(self._engine, "audits") as (connection, _):
            connection.execute(delete(holds).where(_own(hold.namespace, hold.pair)))
            key = {"namespace": hold.namespace, "pair": hold.pair}
            connection.execute(insert(holds), key | {"doc": hold.model_dump_json()})

    def release(self, namespace: str, pair: str) -> None:
        """Forget the hold of a pair."""
        with writing(self._engine, "audits") as (connection, _):
            connection.execute(delete(holds).where(_own(namespace, pair)))


def _own(namespace: str, pair: str) -> ColumnElement[bool]:
    return (holds.c.namespace == namespace) & (holds.c.pair == pair)
