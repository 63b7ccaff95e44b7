"""The highest equity, the day's first equity and a halt, per namespace, so that a restart forgets none of them."""

from __future__ import annotations

from pathlib import Path

from pydantic import AwareDatetime, Field
from sqlalchemy import delete, insert, select

from candlegraph.graph.schema.market import Account, Frozen
from candlegraph.memory.storage.database import open_engine, reading, writing
from candlegraph.memory.storage.tables import account


class AccountMark(Frozen):
    """What an account's drawdown and day are measured against."""

    peak: float = Field(ge=0, description="highest equity so far, open profit included, quote currency")
    day: str = Field(description="UTC date, 2025-03-01")
    day_equity: float = Field(ge=0, description="first equity of that day")
    halted_at: AwareDatetime | None = None
    reason: str | None = Field(None, description="why entries are halted")


def marked(mark: AccountMark | None, equity: float, now: AwareDatetime) -> AccountMark:
    """Return `mark` after an equity was seen at `now`: a new peak, a new day."""
    day = f"{now:%Y-%m-%d}"
    if mark is None:
        return AccountMark(peak=equity, day=day, day_equity=equity)
    first = equity if day > mark.day else mark.day_equity
    return mark.model_copy(update={"peak": max(mark.peak, equity), "day": max(day, mark.day), "day_equity": first})


def measured(mark: AccountMark, seen: Account) -> Account:
    """Return the account with its day's result and drawdown against `mark`, and the halt."""
    drawdown = 100 * (1 - seen.equity / mark.peak) if mark.peak else 0.0
    day = 100 * (seen.equity / mark.day_equity - 1) if mark.day_equity else 0.0
    return seen.model_copy(
        update={"drawdown_pct": min(100.0, max(0.0, drawdown)), "day_profit_pct": day, "halted": mark.reason}
    )


class AccountBook:
    """The marks of all namespaces, in the memory's database file."""

    def __init__(self, path: Path) -> None:
        self._engine = open_engine(path)

    def mark(self, namespace: str) -> AccountMark | None:
        """Return the mark of a namespace, None before the first and after a reset."""
        query = select(account.c.doc).where(account.c.namespace == namespace)
        with reading(self._engine) as connection:
            doc = connection.scalar(query)
        return None if doc is None else AccountMark.model_validate_json(doc)

    def keep(self, namespace: str, mark: AccountMark) -> None:
        """Store the mark in place of the former one."""
        with writing(self._engine, "account") as (connection, _):
            connection.execute(delete(account).where(account.c.namespace == namespace))
            connection.execute(insert(account), {"namespace": namespace, "doc": mark.model_dump_json()})

    def reset(self, namespace: str) -> AccountMark | None:
        """Forget the mark: entries may go on, drawdown and day are measured anew; return what was forgotten."""
        before = self.mark(namespace)
        with writing(self._engine, "account") as (connection, _):
            connection.execute(delete(account).where(account.c.namespace == namespace))
        return before

    def namespaces(self) -> tuple[str, ...]:
        """Return every namespace that has a mark."""
        with reading(self._engine) as connection:
            return tuple(connection.scalars(select(account.c.namespace).order_by(account.c.namespace)))
