"""Once a week a running bot compares its decisions with those of the weeks before, in the background."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import datetime

from candlegraph.freqtrade_bridge.host.chat import Tell
from candlegraph.freqtrade_bridge.monitoring.drift import BEFORE, RECENT, drift_of, monday_of
from candlegraph.freqtrade_bridge.monitoring.heartbeat import DriftFound
from candlegraph.graph.schema.errors import MemoryStoreError
from candlegraph.memory.books.ledger import Ledger

logger = logging.getLogger(__name__)


class DriftWatch:
    """Looks when a week begins, or at the first candle after it; `last` is what an earlier bot found."""

    def __init__(
        self, ledger: Ledger, namespace: str, tell: Tell, found: Callable[[DriftFound], None], last: DriftFound | None
    ) -> None:
        self._ledger, self._namespace, self._tell, self._found = ledger, namespace, tell, found
        self._week = None if last is None else last.week
        self._thread: threading.Thread | None = None

    def decided(self, as_of: datetime) -> None:
        """Compare if a week has begun since the last look; returns at once."""
        monday = monday_of(as_of)
        week = f"{monday:%Y-%m-%d}"
        if week == self._week:
            return
        self._week = week
        self._thread = threading.Thread(target=self._look, args=(monday, week), name="candlegraph-drift", daemon=True)
        self._thread.start()

    def wait(self, seconds: float) -> None:
        """Wait until the comparison has ended, that long at most."""
        if self._thread is not None:
            self._thread.join(seconds)

    def _look(self, monday: datetime, week: str) -> None:
        try:
            report = drift_of(self._ledger.each(self._namespace, since=monday - RECENT - BEFORE), monday)
        except MemoryStoreError as e:
            logger.error("the weekly comparison of decisions is left out: %s", e)
            return
        self._found(DriftFound(week=week, measures=tuple(one.name for one in report.changed)))
        if report.changed:
            logger.warning("drift: %s", report.line)
            self._tell(f"{report.line}\n`candlegraph drift` shows the numbers")
