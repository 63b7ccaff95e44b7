"""The account as a whole: drawdown with open profit, the day's result, and the emergency stop.

observe(account, now): mark peak and day -> beyond the limit? halt, once -> the account as the gate reads it
"""

from __future__ import annotations

import logging
from datetime import datetime
from pathlib import Path

from candlegraph.graph.errors import MemoryStoreError
from candlegraph.graph.market import Account
from candlegraph.memory.account import AccountBook, AccountMark, marked, measured

logger = logging.getLogger(__name__)


class AccountGuard:
    """Watches one namespace; live its mark is read anew each time, so that a reset by command counts at once.

    A backtest keeps its mark in memory and writes only the halt: its namespace is never opened again.
    """

    def __init__(self, database: Path, namespace: str, emergency_stop_loss: float, *, is_backtest: bool) -> None:
        self._book = AccountBook(database)
        self._namespace = namespace
        self._limit_pct = -100 * emergency_stop_loss
        self._is_backtest = is_backtest
        self._mark: AccountMark | None = None if is_backtest else self._book.mark(namespace)
        self._is_stored = True

    @property
    def halt(self) -> str | None:
        """Return why the account is halted."""
        return None if self._mark is None else self._mark.reason

    def observe(self, seen: Account, now: datetime) -> Account:
        """Return `seen` with drawdown, day and halt; beyond the limit the account is halted until a reset."""
        before = self._stored() if self._is_stored and not self._is_backtest else self._mark
        if seen.equity <= 0:  # a wallet that could not be read; where it is true there is nothing left to protect
            return seen.model_copy(update={"halted": None if before is None else before.reason})
        mark = marked(before, seen.equity, now)
        account = measured(mark, seen)
        if mark.reason is None and account.drawdown_pct >= self._limit_pct:
            mark = self._halted(mark, account, now)
        self._keep(before, mark)
        return measured(mark, seen)

    def _halted(self, mark: AccountMark, account: Account, now: datetime) -> AccountMark:
        reason = (
            f"emergency stop at {now:%Y-%m-%d %H:%M} UTC: equity {account.equity:.2f} was "
            f"{account.drawdown_pct:.2f} % below its peak {mark.peak:.2f}"
        )
        logger.critical("%s; all positions are closed, entries halt until `candlegraph account reset`", reason)
        return mark.model_copy(update={"halted_at": now, "reason": reason})

    def _stored(self) -> AccountMark | None:
        try:
            return self._book.mark(self._namespace)
        except MemoryStoreError as e:
            logger.error("the account's mark could not be read, the last known one counts: %s", e)
            return self._mark

    def _keep(self, before: AccountMark | None, mark: AccountMark) -> None:
        """Store a changed mark; one that cannot be stored still counts until the process ends."""
        self._mark = mark
        is_new_halt = mark.reason is not None and (before is None or before.reason is None)
        if (mark == before and self._is_stored) or (self._is_backtest and not is_new_halt):
            return
        try:
            self._book.keep(self._namespace, mark)
            self._is_stored = True
        except MemoryStoreError as e:
            self._is_stored = False
            logger.error("the account's mark could not be stored: %s", e)
