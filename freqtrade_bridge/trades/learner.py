"""Closed trades through the reflection graph, one after another, in one order on every machine.

outbox -> due -> graph -> learnt; in a backtest at once, live in a thread of its own, so that no order waits for it
"""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from langchain_core.runnables import RunnableConfig

from candlegraph.freqtrade_bridge.decisions.runner import loop_thread
from candlegraph.graph.context import Context
from candlegraph.graph.reflection import ReflectionInput, ReflectionState, reflection
from candlegraph.graph.schema.errors import BridgeError, MemoryStoreError
from candlegraph.memory import outbox
from candlegraph.memory.storage.database import open_engine

logger = logging.getLogger(__name__)

RETRY_AFTER = timedelta(minutes=10)
"""Live, a trade that could not be learnt from waits so long, and is said again."""
EMBEDDED_AT_ONCE = 256
"""Most experiences that wait for a text model after one candle."""
Learnt = Callable[[ReflectionState], None]
Spent = Callable[[datetime], str | None]
"""Which budget is used up at a time, None: none."""


class Learner:
    """Learns from what the outbox holds; `learnt` is told of every trade that is new; `spent` keeps models unasked."""

    def __init__(self, context: Context, learnt: Learnt, spent: Spent, *, is_backtest: bool) -> None:
        self._context, self._learnt, self._spent, self._is_backtest = context, learnt, spent, is_backtest
        self._engine = open_engine(context.database)
        self._thread: threading.Thread | None = None
        self._not_before: dict[str, datetime] = {}

    def learn(self, now: datetime) -> None:
        """Learn from the trades known by `now`; raise BridgeError for a failure in a backtest, live log it."""
        if self._is_backtest:
            for key in outbox.due(self._engine, self._context.namespace, now):
                self._one(key, now)
            self._embed(now)
        elif not self.is_busy and ((keys := self._due(now)) or self._context.memory.has_texts):
            self._thread = threading.Thread(
                target=self._each, args=(keys, now), name="candlegraph-reflection", daemon=True
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

    def _due(self, now: datetime) -> list[str]:
        try:
            keys = outbox.due(self._engine, self._context.namespace, now)
        except MemoryStoreError as e:
            logger.error("closed trades could not be learnt from yet: %s", e)
            return []
        return [key for key in keys if self._not_before.get(key, now) <= now]

    def _each(self, keys: Sequence[str], now: datetime) -> None:
        for key in keys:
            try:
                self._one(key, now)
            except BridgeError as e:  # of this trade; it stays in the outbox, and the others are learnt from
                self._not_before[key] = now + RETRY_AFTER
                logger.error("%s; it is tried again in %s", e, RETRY_AFTER)

        self._embed(now)

    def _embed(self, now: datetime) -> None:
        """Give experiences the vectors of their words; what a text model refuses or cannot do now is tried later."""
        try:
            step = self._context.memory.embed_waiting(EMBEDDED_AT_ONCE, now=now, namespace=self._context.namespace)
        except MemoryStoreError as e:
            if self._is_backtest:
                raise
            logger.error("experiences could not be embedded yet: %s", e)
            return
        if step.problem is not None and self._is_backtest:
            raise BridgeError(f"experiences could not be embedded: {step.problem}")

    def _one(self, key: str, now: datetime) -> None:
        future = loop_thread().submit(self._reflect(key, self._context.for_candle(spent=self._spent(now))))
        if (error := future.exception()) is not None:
            raise BridgeError(f"{key}: the reflection failed: {type(error).__name__}: {error}") from error
        state = ReflectionState.model_validate(future.result())
        if state.experience_id is not None:
            self._learnt(state)

    async def _reflect(self, key: str, context: Context) -> dict[str, Any]:
        """Run the graph; its nodes that wait for the database do so in threads, and hold no decision up."""
        identity = uuid.uuid5(uuid.NAMESPACE_URL, f"{self._context.namespace}|{key}|reflection")
        config: RunnableConfig = {
            "run_name": f"reflect {key}",
            "tags": [self._context.namespace],
            "metadata": {"pair": key.partition("|")[0], "trade_key": key},
            "configurable": {"thread_id": str(identity)},
        }
        return await reflection.ainvoke(ReflectionInput(trade_key=key), config, context=context)
