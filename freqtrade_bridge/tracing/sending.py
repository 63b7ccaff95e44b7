"""The way to one viewer: a bounded queue and a thread that empties it, once each; nobody waits for it.

note -> queue (full: dropped) -> one daemon thread -> the viewer (failed: dropped, and a rest)
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from typing import Protocol

from candlegraph.freqtrade_bridge.tracing.notes import Note

logger = logging.getLogger(__name__)
RESTS, ENDS_WITHIN = 5.0, 3.0
"""Seconds after a failure until the next try; and what the end of the process waits for all viewers together."""
AT_LAST = 0.2
"""Seconds in which a try that was ended says why it failed."""


class TraceViewer(Protocol):
    """Somewhere traces are shown."""

    @property
    def name(self) -> str:
        """Return what the log calls it."""

    def show(self, note: Note) -> str | None:
        """Send one note; return why it could not be, without address and key."""

    def close(self) -> None:
        """Let go of connections, and of a try that goes on."""


class Sending:
    """What is on its way to one viewer; what fails or does not fit is dropped and counted."""

    def __init__(self, viewer: TraceViewer, longest: int) -> None:
        self._viewer = viewer
        self._waiting: queue.Queue[Note] = queue.Queue(longest)
        self._ending = threading.Event()
        self.sent = self.dropped = 0
        self._thread = threading.Thread(target=self._empty, name=f"candlegraph-{viewer.name}", daemon=True)
        self._thread.start()

    @property
    def waits(self) -> int:
        """Return how many notes are not taken up yet."""
        return self._waiting.qsize()

    def put(self, note: Note) -> None:
        """Queue a note; returns at once."""
        try:
            self._waiting.put_nowait(note)
        except queue.Full:
            self._drop("the queue is full: tracing.queue")

    def close(self, until: float) -> None:
        """Send what is left, until a time of the monotonic clock at most, and say what was dropped."""
        while not self._waiting.empty() and self._thread.is_alive() and not self.dropped and time.monotonic() < until:
            time.sleep(0.02)
        self._ending.set()
        self._thread.join(max(0.0, until - time.monotonic()))
        self._viewer.close()
        self._thread.join(AT_LAST)
        for _ in range(self._waiting.qsize() + self._thread.is_alive()):
            self._drop("the process ends")
        logger.info("traces: %d sent, %d dropped, to %s", self.sent, self.dropped, self._viewer.name)

    def _empty(self) -> None:
        while not self._ending.is_set():
            try:
                note = self._waiting.get(timeout=0.1)
            except queue.Empty:
                continue
            if (why := self._viewer.show(note)) is None:
                self.sent += 1
            else:
                self._drop(why)
                self._ending.wait(RESTS)

    def _drop(self, why: str) -> None:
        self.dropped += 1
        if self.dropped == 1:
            told = "traces to %s are dropped, this is said once: %s; decisions go on"
            logger.warning(told, self._viewer.name, why)
