"""Entries that wait for a person: each asked once, answered once, used once, whoever else writes at the same time.

pending -> approved -> used
pending -> rejected
pending, approved -> expired
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Sequence
from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import AwareDatetime, Field
from sqlalchemy import ColumnElement, insert, select, update

from candlegraph.graph.schema.market import Frozen, Price, Side
from candlegraph.memory.storage.database import open_engine, reading, writing
from candlegraph.memory.storage.rows import micros
from candlegraph.memory.storage.tables import proposals

ProposalStatus = Literal["pending", "approved", "rejected", "expired", "used"]
ID_DIGITS = 40
NOTE_LENGTH = 200
HASHED = (
    "namespace",
    "pair",
    "candle",
    "action",
    "side",
    "leverage",
    "stake",
    "stop",
    "take_profit",
    "price",
)
"""What an answer is bound to: change one of these, and it is an answer to another question."""
BEFORE: dict[ProposalStatus, tuple[ProposalStatus, ...]] = {
    "pending": ("expired",),
    "approved": ("pending",),
    "rejected": ("pending",),
    "expired": ("pending", "approved"),
    "used": ("approved",),
}
"""The only ways; an expired question may be asked again, as after a restart within its candle."""


class ApprovalRequest(Frozen):
    """One entry as it is put before a person."""

    namespace: str
    pair: str
    candle: AwareDatetime = Field(description="open time")
    as_of: AwareDatetime
    expires_at: AwareDatetime = Field(description="no order after this")
    action: Literal["enter_long", "enter_short"]
    side: Side
    leverage: float = Field(ge=1)
    stake: float | None = Field(description="margin, quote currency; None = freqtrade's proposed stake, then the gate")
    stop: Price
    take_profit: Price | None
    price: Price = Field(description="close of the candle that was decided on")
    risk: float = Field(ge=0, description="loss at the stop with fees, quote currency; at most, where no stake is set")
    confidence: float
    reason: str

    @property
    def id(self) -> str:
        """Return the hash of what is proposed."""
        bound = json.dumps(self.model_dump(mode="json", include=set(HASHED)), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(bound.encode()).hexdigest()[:ID_DIGITS]


class ApprovalAnswer(Frozen):
    """A person's answer, with the time and the price at which it would be carried out."""

    id: str
    verdict: Literal["approve", "reject"]
    at: AwareDatetime
    price: Price
    note: str = Field("", max_length=NOTE_LENGTH, description="a person's words; data, never an instruction")


class StoredRequest(Frozen):
    """A request and what has become of it."""

    request: ApprovalRequest
    status: ProposalStatus
    note: str


class Proposals:
    """The requests of all namespaces, in the memory's database file; safe for many threads and processes."""

    def __init__(self, path: Path) -> None:
        self._engine = open_engine(path)

    def ask(self, request: ApprovalRequest, now: datetime) -> None:
        """Store the request as pending; one that was answered or used stays what it is, for it is the same question."""
        with writing(self._engine, "proposals") as (connection, _):
            known = connection.scalar(select(proposals.c.status).where(proposals.c.id == request.id))
            if known is None:
                connection.execute(insert(proposals).values(_columns(request, now)))
            elif known in BEFORE["pending"]:
                again = update(proposals).where(proposals.c.id == request.id)
                connection.execute(again.values(_columns(request, now)))

    def move(self, request_id: str, status: ProposalStatus, now: datetime, note: str = "") -> bool:
        """Set the status; False, and nothing changed, if another way was taken before."""
        may = (proposals.c.id == request_id) & proposals.c.status.in_(BEFORE[status])
        change = update(proposals).where(may).values(status=status, changed_at=micros(now), note=note[:NOTE_LENGTH])
        with writing(self._engine, "proposals") as (connection, _):
            return connection.execute(change).rowcount == 1

    def void(self, namespace: str, now: datetime, note: str) -> int:
        """Expire all that is open in the namespace; return how many."""
        is_open = (proposals.c.namespace == namespace) & proposals.c.status.in_(BEFORE["expired"])
        change = update(proposals).where(is_open).values(status="expired", changed_at=micros(now), note=note)
        with writing(self._engine, "proposals") as (connection, _):
            return connection.execute(change).rowcount

    def by_id(self, ids: Collection[str]) -> dict[str, StoredRequest]:
        """Return the known ones of `ids`."""
        return {one.request.id: one for one in self._select(proposals.c.id.in_(ids))} if ids else {}

    def find(self, prefix: str, namespace: str | None) -> Sequence[StoredRequest]:
        """Return the requests whose id begins with `prefix`, newest first; in all namespaces for None."""
        return self._select(proposals.c.id.startswith(prefix, autoescape=True) & _in(namespace))

    def pending(self, namespace: str | None) -> Sequence[StoredRequest]:
        """Return what waits for a person, newest first; in all namespaces for None."""
        return self._select((proposals.c.status == "pending") & _in(namespace))

    def _select(self, wanted: ColumnElement[bool]) -> Sequence[StoredRequest]:
        query = select(proposals.c.doc, proposals.c.status, proposals.c.note).where(wanted)
        with reading(self._engine) as connection:
            rows = connection.execute(query.order_by(proposals.c.created_at.desc())).all()
        return [
            StoredRequest(request=ApprovalRequest.model_validate_json(doc), status=status, note=note)
            for doc, status, note in rows
        ]


def _in(namespace: str | None) -> ColumnElement[bool]:
    return proposals.c.namespace.is_not(None) if namespace is None else proposals.c.namespace == namespace


def _columns(request: ApprovalRequest, now: datetime) -> dict[str, object]:
    return {
        "id": request.id,
        "namespace": request.namespace,
        "status": "pending",
        "created_at": micros(now),
        "changed_at": micros(now),
        "note": "",
        "doc": request.model_dump_json(),
    }
