"""All pairs of a candle through the graph at once, with one deadline, on one event loop for the life of the process."""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
import threading
import time
import uuid
from collections.abc import Coroutine, Mapping
from datetime import datetime
from functools import cache
from typing import Any, TypeVar

from langchain_core.runnables import RunnableConfig
from pydantic import BaseModel, ConfigDict

from candlegraph.graph.builder import graph
from candlegraph.graph.context import Context
from candlegraph.graph.market import MarketSnapshot, utc_minute
from candlegraph.graph.state import CandleInput, CandleState

logger = logging.getLogger(__name__)
Result = TypeVar("Result")


class Outcome(BaseModel):
    """What became of one graph run."""

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)

    state: CandleState | None = None
    error: BaseException | None = None
    latency_ms: float = 0


def decision_id(namespace: str, pair: str, candle: datetime) -> str:
    """Return the id that ledger row, trace and checkpoint thread of one decision share."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{namespace}|{pair}|{utc_minute(candle)}"))


class LoopThread:
    """A private event loop in a daemon thread; a loop per candle would kill the HTTP client's connections."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, name="candlegraph-loop", daemon=True).start()

    def submit(self, work: Coroutine[Any, Any, Result]) -> concurrent.futures.Future[Result]:
        """Start `work` on the loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)


@cache
def loop_thread() -> LoopThread:
    """Return the process's loop thread."""
    return LoopThread()


class Runner:
    """Runs decisions; what misses the deadline stays pending and can be collected while its candle lasts."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._limit = asyncio.Semaphore(context.settings.llm_config.decision.max_concurrency)
        self._pending: dict[str, tuple[MarketSnapshot, concurrent.futures.Future[Outcome]]] = {}

    def decide(self, snapshots: Mapping[str, MarketSnapshot], deadline: float | None) -> dict[str, Outcome]:
        """Return an outcome per pair; at the deadline (seconds, None = none) the missing ones are TimeoutErrors."""
        for pair, snapshot in snapshots.items():
            self._drop(pair)
            self._pending[pair] = (snapshot, loop_thread().submit(self._one(snapshot)))
        concurrent.futures.wait([self._pending[pair][1] for pair in snapshots], timeout=deadline)
        done = {pair: outcome for pair, (_, outcome) in self.collect().items()}
        late = Outcome(error=TimeoutError(f"no decision within {deadline} s"), latency_ms=1000 * (deadline or 0))
        return {pair: done.get(pair, late) for pair in snapshots}

    def collect(self) -> dict[str, tuple[MarketSnapshot, Outcome]]:
        """Return what has finished since the last call."""
        finished = {pair: (one, future.result()) for pair, (one, future) in self._pending.items() if future.done()}
        for pair in finished:
            del self._pending[pair]
        return finished

    def _drop(self, pair: str) -> None:
        if pair in self._pending:
            snapshot, future = self._pending.pop(pair)
            future.cancel()
            logger.warning("%s: the decision of candle %s came too late and is dropped", pair, snapshot.candle)

    async def _one(self, snapshot: MarketSnapshot) -> Outcome:
        started = time.perf_counter()
        async with self._limit:
            # A pair's failure is its own outcome: a backtest raises it, live it means hold or wait.
            (result,) = await asyncio.gather(self._invoke(snapshot), return_exceptions=True)
        latency_ms = 1000 * (time.perf_counter() - started)
        if isinstance(result, BaseException):
            return Outcome(error=result, latency_ms=latency_ms)
        return Outcome(state=result, latency_ms=latency_ms)

    async def _invoke(self, snapshot: MarketSnapshot) -> CandleState:
        identity = decision_id(self._context.namespace, snapshot.pair, snapshot.candle)
        config: RunnableConfig = {
            "run_name": f"decide {snapshot.pair}",
            "run_id": uuid.UUID(identity),
            "tags": [self._context.namespace],
            "metadata": {"pair": snapshot.pair, "candle": utc_minute(snapshot.candle), "decision_id": identity},
            "configurable": {"thread_id": identity},
        }
        values = await graph.ainvoke(CandleInput(snapshot=snapshot), config, context=self._context)
        return CandleState.model_validate(values)
