"""Traces on purpose: decisions are shown to a viewer after they were stored, in the background, and never waited for.

stored rows -> chosen by `tracing` -> of each viewer a bounded queue and a thread
"""

from __future__ import annotations

import atexit
import os
import time
import zlib
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from langsmith.utils import tracing_is_enabled

from candlegraph.freqtrade_bridge.decisions.records import Change
from candlegraph.freqtrade_bridge.tracing import sending
from candlegraph.freqtrade_bridge.tracing.description import thread_of
from candlegraph.freqtrade_bridge.tracing.notes import Changed, Decided, Judged, Note, marks_of
from candlegraph.freqtrade_bridge.tracing.sending import Sending, TraceViewer
from candlegraph.graph.reflection import ReflectionState
from candlegraph.graph.settings.settings import Settings
from candlegraph.graph.settings.tracing import Tracing
from candlegraph.graph.state import CandleState
from candlegraph.memory.books.ledger import DecisionRow

OTLP_VARIABLES = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
"""OpenTelemetry's own: the address of a collector, or that of its traces."""


class Traces:
    """What all viewers are told of the bot's decisions."""

    def __init__(self, settings: Settings, viewers: Sequence[TraceViewer]) -> None:
        self._settings = settings
        self.ways = [Sending(one, settings.tracing.queue) for one in viewers]
        self._threads: OrderedDict[str, str] = OrderedDict()
        """Of decisions that act, until their fate is known; as many as may wait in the queue."""
        atexit.register(self.close)

    def decided(self, rows: Sequence[DecisionRow], states: Mapping[str, CandleState]) -> None:
        """Queue those that `tracing` names; returns at once."""
        for row in rows:
            if is_chosen(row, self._settings.tracing):
                state = states.get(row.decision_id)
                self._put(Decided(row, state))
                if row.acts or row.is_waiting:
                    self._remember(row.decision_id, thread_of(row, state))

    def changed(self, row: DecisionRow, change: Change, state: CandleState | None = None) -> None:
        """Queue what became of a decision; of one before a restart, if its thread follows from its row alone."""
        known = self._threads.get(row.decision_id)
        if not is_chosen(row, self._settings.tracing) or (known is None and row.state != "flat"):
            return
        self._put(Changed(row, known or thread_of(row, None), change, datetime.now(UTC), state))
        if change == "fate":
            self._threads.pop(row.decision_id, None)

    def learnt(self, row: DecisionRow, state: ReflectionState) -> None:
        """Queue the marks of a decision whose trade was closed."""
        if is_chosen(row, self._settings.tracing):
            self._put(Judged(row, marks_of(row, state, self._settings), datetime.now(UTC)))

    def close(self) -> None:
        """Send what is left, for some seconds at most, and say what was dropped."""
        atexit.unregister(self.close)
        until = time.monotonic() + sending.ENDS_WITHIN
        for way in self.ways:
            way.close(until)

    def _put(self, note: Note) -> None:
        for way in self.ways:
            way.put(note)

    def _remember(self, decision_id: str, thread: str) -> None:
        self._threads[decision_id] = thread
        if len(self._threads) > self._settings.tracing.queue:
            self._threads.popitem(last=False)


def is_chosen(row: DecisionRow, rules: Tracing) -> bool:
    """Return whether a decision is sent; which holds and waits are is told by their ids, the same in every run."""
    if rules.send == "all":
        return True
    share = zlib.crc32(row.decision_id.encode()) / 2**32
    return rules.is_on and (row.acts or row.error is not None or share < rules.sampled)


def traces_of(settings: Settings) -> Traces | None:
    """Return the way to the viewers that the environment names, None where it names none or nothing may be sent."""
    viewers = viewers_of(settings) if settings.tracing.is_on else []
    return Traces(settings, viewers) if viewers else None


def viewers_of(settings: Settings) -> list[TraceViewer]:
    """Return LangSmith where LANGSMITH_TRACING is true, and a collector where OTEL_EXPORTER_OTLP_ENDPOINT names one."""
    found: list[TraceViewer] = []
    if tracing_is_enabled():
        from candlegraph.freqtrade_bridge.tracing.langsmith_viewer import LangSmithViewer

        found.append(LangSmithViewer(settings))
    if any(os.environ.get(name) for name in OTLP_VARIABLES):
        from candlegraph.freqtrade_bridge.tracing.otlp_viewer import OtlpViewer

        found.append(OtlpViewer(settings))
    return found
