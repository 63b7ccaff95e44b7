"""Closed trades through the reflection graph, one after another, in one order on every machine.

outbox -> due -> graph -> learnt; in a backtest at once, live in a thread of its own, so that no order waits for it
"""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from langchain_core.runnables import RunnableConfig
from langsmith import tracing_context

from candlegraph.graph.context import Context
from candlegraph.graph.nodes import loop_thread
from candlegraph.graph.reflection import ReflectionInput, ReflectionState, reflection
from candlegraph.graph.schema.errors import BridgeError, MemoryStoreError
from candlegraph.graph.schema.experience import ClosedTrade
from candlegraph.memory import outbox
from candlegraph.memory.counterfactual.outcomes import table_of
from candlegraph.memory.counterfactual.path import TradePath
from candlegraph.memory.counterfactual.trades import complete_at, first_known_at, reaches
from candlegraph.memory.counterfactuals import Pending
from candlegraph.memory.learning.track import Track
from candlegraph.memory.storage.database import open_engine

logger = logging.getLogger(__name__)

RETRY_AFTER = timedelta(minutes=10)
"""Live, a trade that could not be learnt from waits so long, and is said again."""
EMBEDDED_AT_ONCE = 256
"""Most experiences that wait for a text model after one candle."""
GIVEN_UP_AFTER = timedelta(days=2)
"""Past the time at which a trade's candles were due."""
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
Learnt = Callable[[ReflectionState], None]
Spent = Callable[[datetime], str | None]
"""Which budget is used up at a time, None: none."""
Paths = Callable[[ClosedTrade, Track | None, datetime], TradePath | None]
"""The candles of a trade that had closed by a time."""


class Later(NamedTuple):
    """A trade of which more is known by now."""

    pending: Pending
    path: TradePath


class Learner:
    """Learns from what the outbox holds; `learnt` is told of every trade that is new; `spent` keeps models unasked.

    `paths` gives the candles of a trade: it is asked by the bot's own thread.
    """

    def __init__(self, context: Context, learnt: Learnt, spent: Spent, paths: Paths, *, is_backtest: bool) -> None:
        self._context, self._learnt, self._spent, self._is_backtest = context, learnt, spent, is_backtest
        self._paths = paths
        self._engine, self._memory = open_engine(context.database), context.memory
        self._thread: threading.Thread | None = None
        self._not_before: dict[str, datetime] = {}
        self._next_due: datetime | None = BEGINNING
        self._seen = -1
        """Trades that had been put into the outbox when a backtest read it last; `_next_closed`: due later."""
        self._next_closed: datetime | None = None

    def learn(self, now: datetime) -> None:
        """Learn from the trades known by `now`; raise BridgeError for a failure in a backtest, live log it."""
        if self._is_backtest:
            self._complete(self._pending(now))
            self._empty_outbox(now)
            self._embed(now)
        elif not self.is_busy:
            self._start(now)

    def _empty_outbox(self, now: datetime) -> None:
        """Learn from what is due in a backtest; its outbox, which nobody else fills, is read when there is reason."""
        memory, namespace = self._memory, self._context.namespace
        if memory.enqueued == self._seen and (self._next_closed is None or now < self._next_closed):
            return
        for key in outbox.due(self._engine, namespace, now):
            self._one(key, self._path(key, now), now)
        self._seen, self._next_closed = memory.enqueued, outbox.next_known(self._engine, namespace)

    def _start(self, now: datetime) -> None:
        """Learn in a thread of its own, where there is something to be learnt."""
        keys, later = [(key, self._path(key, now)) for key in self.due(now)], self._pending(now)
        if keys or later or self._memory.has_texts:
            self._thread = threading.Thread(
                target=self._each, args=(keys, later, now), name="candlegraph-reflection", daemon=True
            )
            self._thread.start()

    @property
    def is_busy(self) -> bool:
        """Return whether trades are being learnt from in the background."""
        return self._thread is not None and self._thread.is_alive()

    def wait(self, seconds: float) -> None:
        """Wait until the background is done, that long at most."""
        if self._thread is not None:
            self._thread.join(seconds)

    def due(self, now: datetime) -> list[str]:
        """Return the keys of the trades that wait to be learnt from; live, a database that fails is logged."""
        try:
            keys = outbox.due(self._engine, self._context.namespace, now)
        except MemoryStoreError as e:
            logger.error("closed trades could not be learnt from yet: %s", e)
            return []
        return [key for key in keys if self._not_before.get(key, now) <= now]

    def _path(self, key: str, now: datetime) -> TradePath | None:
        """Return the path of a trade that waits in the outbox; None where it has none yet, or cannot be read."""
        try:
            found = self._memory.take(self._context.namespace, key)
        except MemoryStoreError:
            return None  # said by the graph, which takes it again
        trade, track = found or (None, None)
        return self._paths(trade, track, now) if isinstance(trade, ClosedTrade) else None

    def _pending(self, now: datetime) -> list[Later]:
        """Return the trades of which more is known by now, with their candles; raise in a backtest, live log."""
        if self._next_due is None or now < self._next_due:
            return []
        memory, namespace = self._memory, self._context.namespace
        try:
            found = memory.pending(namespace, now)
            ready = [Later(one, path) for one in found if (path := self._later_path(one, now)) is not None]
            self._next_due = now if found else memory.next_due(namespace)
        except MemoryStoreError as e:
            if self._is_backtest:
                raise
            logger.error("what became of the price after closed trades could not be read yet: %s", e)
            return []
        if len(ready) < len(found) and not self._is_backtest:
            self._next_due = now + RETRY_AFTER
        return ready

    def _later_path(self, one: Pending, now: datetime) -> TradePath | None:
        """Return the candles that show more of a trade; where they have been missing for long, wait no longer."""
        path = self._paths(one.trade, one.track, now)
        if path is not None and reaches(path, one.trade, one.due_at):
            return path
        if now > one.due_at + GIVEN_UP_AFTER:
            self._memory.give_up(one)
        return None

    def _complete(self, later: Sequence[Later]) -> None:
        """Put what is known by now in the place of what was known when the trades were closed."""
        language = self._context.settings.context_config.language
        for one, path in later:
            end = complete_at(one.trade)
            table = table_of(path, end if path.known_until >= end else first_known_at(one.trade))
            self._memory.complete(one, table, language)

    def _each(self, keys: Sequence[tuple[str, TradePath | None]], later: Sequence[Later], now: datetime) -> None:
        try:
            self._complete(later)
        except MemoryStoreError as e:
            logger.error("what became of the price after closed trades could not be stored yet: %s", e)
        for key, path in keys:
            try:
                self._one(key, path, now)
            except BridgeError as e:  # of this trade; it stays in the outbox, and the others are learnt from
                self._not_before[key] = now + RETRY_AFTER
                logger.error("%s; it is tried again in %s", e, RETRY_AFTER)

        self._embed(now)

    def _embed(self, now: datetime) -> None:
        """Give experiences the vectors of their words; what a text model refuses or cannot do now is tried later."""
        try:
            step = self._memory.embed_waiting(EMBEDDED_AT_ONCE, now=now, namespace=self._context.namespace)
        except MemoryStoreError as e:
            if self._is_backtest:
                raise
            logger.error("experiences could not be embedded yet: %s", e)
            return
        if step.problem is not None and self._is_backtest:
            raise BridgeError(f"experiences could not be embedded: {step.problem}")

    def _one(self, key: str, path: TradePath | None, now: datetime) -> None:
        given = ReflectionInput(trade_key=key, path=path)
        future = loop_thread().submit(self._reflect(given, self._context.for_candle(spent=self._spent(now))))
        if (error := future.exception()) is not None:
            raise BridgeError(f"{key}: the reflection failed: {type(error).__name__}: {error}") from error
        state = ReflectionState.model_validate(future.result())
        if state.experience_id is not None:
            self._next_due = min(self._next_due or now, now)  # asked again: when more is known of this one
            self._learnt(state)

    async def _reflect(self, given: ReflectionInput, context: Context) -> dict[str, Any]:
        """Run the graph; its nodes that wait for the database do so in threads, and hold no decision up."""
        key = str(given.trade_key)
        identity = uuid.uuid5(uuid.NAMESPACE_URL, f"{self._context.namespace}|{key}|reflection")
        config: RunnableConfig = {
            "run_name": f"reflect {key}",
            "tags": [self._context.namespace],
            "metadata": {"pair": key.partition("|")[0], "trade_key": key},
            "configurable": {"thread_id": str(identity)},
        }
        with tracing_context(enabled=False):
            return await reflection.ainvoke(given, config, context=context)
