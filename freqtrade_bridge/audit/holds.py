"""Positions that no trade knows: protected already, told, and their pairs closed for entries until a person decides.

sighted twice, or the answer to our entry was lost -> hold (kept in the books, a lock in freqtrade)
adopt, flatten, or gone by itself -> released
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from freqtrade.persistence import PairLocks

from candlegraph.graph.schema.errors import MemoryStoreError
from candlegraph.memory.books.audit import AuditBook, Hold

logger = logging.getLogger(__name__)

UNTIL_DECIDED = timedelta(days=3650)
Tell = Callable[[str], None]


def lock_name(pair: str) -> str:
    """Return the reason of the lock, which is also its name: no other pair has it."""
    return f"candlegraph: {pair}: a position that no trade knows"


class Holds:
    """The holds of one namespace; a database that fails keeps those of this process in force."""

    def __init__(self, bot: Any, book: AuditBook, namespace: str) -> None:
        self._bot, self._book, self._namespace = bot, book, namespace
        self._holds: dict[str, Hold] = {}

    def refresh(self, now: datetime) -> None:
        """Read what a person has decided meanwhile; see to it that every held pair is locked."""
        try:
            self._holds = {one.pair: one for one in self._book.holds(self._namespace)}
        except MemoryStoreError as e:
            logger.error("the positions that wait for a person could not be read: %s", e)
        for pair in self._holds:
            self._lock(pair, now)

    def of(self, pair: str) -> Hold | None:
        """Return the hold of a pair."""
        return self._holds.get(pair)

    @property
    def pairs(self) -> tuple[str, ...]:
        """Return the held pairs."""
        return tuple(self._holds)

    def keep(self, hold: Hold, now: datetime) -> None:
        """Hold a pair, or note that a hold has changed."""
        self._holds[hold.pair] = hold
        self._lock(hold.pair, now)
        try:
            self._book.keep(hold)
        except MemoryStoreError as e:
            logger.error("%s: that a person must decide could not be written down: %s", hold.pair, e)

    def release(self, pair: str) -> None:
        """Let entries of a pair go on."""
        try:
            self._book.release(self._namespace, pair)
        except MemoryStoreError as e:
            logger.error("%s: that a person has decided could not be written down: %s", pair, e)
            return
        self._holds.pop(pair, None)
        self._bot.strategy.unlock_reason(lock_name(pair))

    def _lock(self, pair: str, now: datetime) -> None:
        if not any(lock.reason == lock_name(pair) for lock in PairLocks.get_pair_locks(pair, now)):
            self._bot.strategy.lock_pair(pair, now + UNTIL_DECIDED, lock_name(pair))
