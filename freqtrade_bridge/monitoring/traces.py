"""Traces on purpose: decisions are shown to LangSmith after they were stored, in the background, and never waited for.

stored rows -> chosen by `tracing` -> bounded queue -> one daemon thread -> POST /runs/batch, once each
"""

from __future__ import annotations

import atexit
import json
import logging
import queue
import threading
import time
import zlib
from collections.abc import Mapping, Sequence

from langsmith import Client
from langsmith.utils import LangSmithError, get_tracer_project, tracing_is_enabled
from requests.exceptions import RequestException
from urllib3 import Retry

from candlegraph.freqtrade_bridge.monitoring.trace_runs import runs_of
from candlegraph.graph.settings.settings import Settings
from candlegraph.graph.settings.tracing import Tracing
from candlegraph.graph.state import CandleState
from candlegraph.memory.books.ledger import DecisionRow

logger = logging.getLogger(__name__)
TIMEOUTS = (2000, 3000)
"""Milliseconds: to connect, to answer."""
RESTS, ENDS_WITHIN = 5.0, 4.0
"""Seconds after a failure until the next try; and what the end of the process waits."""
Item = tuple[DecisionRow, CandleState | None]


class Traces:
    """A queue and the thread that empties it; what fails or does not fit is dropped and counted."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._project = get_tracer_project() or "default"
        self._client = Client(
            timeout_ms=TIMEOUTS, retry_config=Retry(0), auto_batch_tracing=False, info={}, tracing_mode="langsmith"
        )
        self._waiting: queue.Queue[Item | None] = queue.Queue(settings.tracing.queue)
        self._ending = threading.Event()
        self.sent = self.dropped = 0
        self._thread = threading.Thread(target=self._empty, name="candlegraph-traces", daemon=True)
        self._thread.start()
        atexit.register(self.close)

    def decided(self, rows: Sequence[DecisionRow], states: Mapping[str, CandleState]) -> None:
        """Queue those that `tracing` names; returns at once."""
        for row in rows:
            if is_chosen(row, self._settings.tracing):
                try:
                    self._waiting.put_nowait((row, states.get(row.decision_id)))
                except queue.Full:
                    self._drop("the queue is full: tracing.queue")

    def close(self) -> None:
        """Send what is left, for some seconds at most, and say what was dropped."""
        atexit.unregister(self.close)
        until = time.monotonic() + ENDS_WITHIN
        while not self._waiting.empty() and self._thread.is_alive() and not self._ending.is_set():
            if time.monotonic() > until or self.dropped:
                break
            time.sleep(0.02)
        self._ending.set()
        self._thread.join(max(0.0, until - time.monotonic()))
        for _ in range(self._waiting.qsize() + self._thread.is_alive()):
            self._drop("the process ends")
        logger.info("traces: %d sent, %d dropped", self.sent, self.dropped)

    def _empty(self) -> None:
        while not self._ending.is_set():
            try:
                item = self._waiting.get(timeout=0.1)
            except queue.Empty:
                continue
            if item is not None and (why := self._failure(item)) is not None:
                self._drop(why)
                self._ending.wait(RESTS)

    def _failure(self, item: Item) -> str | None:
        """Send one decision; return why it could not be, without address and key."""
        body = json.dumps({"post": runs_of(*item, self._settings, self._project), "patch": []}, default=str)
        try:
            self._client.request_with_retries("POST", "/runs/batch", request_kwargs={"data": body.encode()})
        except (LangSmithError, RequestException) as e:
            return type(e).__name__
        self.sent += 1
        return None

    def _drop(self, why: str) -> None:
        self.dropped += 1
        if self.dropped == 1:
            logger.warning("traces are dropped, this is said once: %s; decisions go on", why)


def is_chosen(row: DecisionRow, rules: Tracing) -> bool:
    """Return whether a decision is sent; which holds and waits are is told by their ids, the same in every run."""
    if rules.send == "all":
        return True
    share = zlib.crc32(row.decision_id.encode()) / 2**32
    return rules.is_on and (row.acts or row.error is not None or share < rules.sampled)


def traces_of(settings: Settings) -> Traces | None:
    """Return the way to LangSmith, None where LANGSMITH_TRACING is not true or `tracing.send` is none."""
    return Traces(settings) if settings.tracing.is_on and tracing_is_enabled() else None
