"""All pairs of a candle through the graph at once, with one deadline, on one event loop for the life of the process.

decide -> an outcome per pair; one that asks for a person's approval carries the request, and resume ends it
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
import time
import uuid
from collections.abc import Callable, Coroutine, Iterable, Mapping
from datetime import datetime
from functools import lru_cache, partial
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command, Durability
from langsmith import tracing_context
from pydantic import BaseModel, ConfigDict

from candlegraph.agents.approval import awaiting, request_of
from candlegraph.graph.builder import builder, graph
from candlegraph.graph.context import Context
from candlegraph.graph.nodes import loop_thread
from candlegraph.graph.schema.errors import BridgeError
from candlegraph.graph.schema.market import MarketSnapshot, utc_minute
from candlegraph.graph.settings.llm import Depth
from candlegraph.graph.state import CandleInput, CandleState
from candlegraph.memory.books.approvals import ApprovalAnswer, ApprovalRequest
from candlegraph.memory.books.spending import FREE, Allowance

logger = logging.getLogger(__name__)
MARGIN = 0.05
"""Share of the deadline in which no model is asked any more, so that the graph can still say what was tried."""


class RunOutcome(BaseModel):
    """What became of one graph run."""

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)

    state: CandleState | None = None
    error: BaseException | None = None
    latency_ms: float = 0
    depth: Depth = "fast"
    proposal: ApprovalRequest | None = None
    """What waits for a person; until then the state's signal is a wait."""


@lru_cache(maxsize=1024)  # it is asked for at every step of a decision's way
def decision_id(namespace: str, pair: str, candle: datetime) -> str:
    """Return the id that ledger row, trace and checkpoint thread of one decision share."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{namespace}|{pair}|{utc_minute(candle)}"))


class Runner:
    """Runs decisions; what misses the deadline stays pending and can be collected while its candle lasts."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._limit = asyncio.Semaphore(context.settings.llm_config.decision.max_concurrency)
        self._pending: dict[str, tuple[MarketSnapshot, concurrent.futures.Future[RunOutcome]]] = {}
        self._asked: dict[str, ApprovalRequest] = {}
        self._threads: dict[str, str] = {}
        # Only what waits for a person needs a memory of its run; this one ends with the process, on purpose.
        self._saver = InMemorySaver() if context.settings.risk_management.approval.required else None
        self._graph = graph if self._saver is None else builder.compile(checkpointer=self._saver, name=graph.name)
        self._durability: Durability | None = None if self._saver is None else "exit"

    def decide(
        self, snapshots: Mapping[str, MarketSnapshot], deadline: float | None, allowance: Allowance = FREE
    ) -> dict[str, RunOutcome]:
        """Return an outcome per pair; at the deadline (seconds, None = none) the missing ones are TimeoutErrors."""
        asked_until = None if deadline is None else time.monotonic() + deadline * (1 - MARGIN)
        context = self._context.for_candle(depth=allowance.depth, deadline=asked_until, spent=allowance.spent)
        depth = context.depth
        for pair, snapshot in snapshots.items():
            self._drop(pair)
            self._pending[pair] = (snapshot, loop_thread().submit(self._one(snapshot, context, depth)))
        concurrent.futures.wait([self._pending[pair][1] for pair in snapshots], timeout=deadline)
        done = {pair: outcome for pair, (_, outcome) in self._finished(snapshots).items()}
        error = TimeoutError(f"no decision within {deadline} s")
        late = RunOutcome(error=error, latency_ms=1000 * (deadline or 0), depth=depth)
        return {pair: done.get(pair, late) for pair in snapshots}

    def collect(self) -> dict[str, tuple[MarketSnapshot, RunOutcome]]:
        """Return what has finished since the last call."""
        return self._finished(self._pending)

    def _finished(self, pairs: Iterable[str]) -> dict[str, tuple[MarketSnapshot, RunOutcome]]:
        """Return what has finished of `pairs`, each once."""
        started = [(pair, *self._pending[pair]) for pair in pairs if pair in self._pending]
        finished = {pair: (one, future.result()) for pair, one, future in started if future.done()}
        for pair in finished:
            del self._pending[pair]
        return finished

    def resume(self, request: ApprovalRequest, answer: ApprovalAnswer) -> RunOutcome:
        """End the run that asked, once; one that is gone, as after a restart or a newer candle, is an error."""
        step = partial(self._answer, request, answer)
        return loop_thread().submit(self._outcome(request.pair, step, self._context.depth)).result()

    def _drop(self, pair: str) -> None:
        if pair in self._pending:
            snapshot, future = self._pending.pop(pair)
            future.cancel()
            logger.warning("%s: the decision of candle %s came too late and is dropped", pair, snapshot.candle)

    async def _one(self, snapshot: MarketSnapshot, context: Context, depth: Depth) -> RunOutcome:
        async with self._limit:
            return await self._outcome(snapshot.pair, partial(self._invoke, snapshot, context), depth)

    async def _outcome(
        self, pair: str, work: Callable[[], Coroutine[Any, Any, CandleState]], depth: Depth
    ) -> RunOutcome:
        started = time.perf_counter()
        # A pair's failure is its own outcome: a backtest raises it, live it means hold or wait.
        result = (await asyncio.gather(work(), return_exceptions=True))[0]
        latency_ms = 1000 * (time.perf_counter() - started)
        if isinstance(result, BaseException):
            return RunOutcome(error=result, latency_ms=latency_ms, depth=depth)
        return RunOutcome(state=result, latency_ms=latency_ms, depth=depth, proposal=self._asked.get(pair))

    async def _invoke(self, snapshot: MarketSnapshot, context: Context) -> CandleState:
        identity = decision_id(self._context.namespace, snapshot.pair, snapshot.candle)
        config: RunnableConfig = {
            "run_name": f"decide {snapshot.pair}",
            "run_id": uuid.UUID(identity),
            "tags": [self._context.namespace],
            "metadata": {"pair": snapshot.pair, "candle": utc_minute(snapshot.candle), "decision_id": identity},
            "configurable": {"thread_id": identity},
        }
        self._forget(snapshot.pair, identity)
        return await self._run(CandleInput(snapshot=snapshot), config, context)

    async def _answer(self, request: ApprovalRequest, answer: ApprovalAnswer) -> CandleState:
        if self._asked.get(request.pair) != request:
            raise BridgeError(f"{request.pair}: proposal {request.id[:10]} is gone; the next candle asks anew")
        del self._asked[request.pair]
        identity = self._threads[request.pair]
        config: RunnableConfig = {"run_name": f"answer {request.pair}", "configurable": {"thread_id": identity}}
        return await self._run(Command(resume=answer.model_dump(mode="json")), config, self._context)

    async def _run(self, given: CandleInput | Command[Any], config: RunnableConfig, context: Context) -> CandleState:
        with tracing_context(enabled=False):  # LangChain would send 300 kB a decision; see tracing/traces.py
            # A task of its own, since what waits for each of the graph's steps is then the graph alone.
            run = asyncio.create_task(self._graph.ainvoke(given, config, context=context, durability=self._durability))
        values = await run
        is_interrupted = values.pop("__interrupt__", None)
        state = CandleState.model_validate(values)
        if not is_interrupted:
            return state
        assert state.signal is not None and state.snapshot is not None, "only an entry is interrupted"
        request = request_of(state.signal, state.snapshot, self._context)
        self._asked[request.pair] = request
        return state.model_copy(update={"signal": awaiting(state.signal, request)})

    def _forget(self, pair: str, thread_id: str) -> None:
        """Void the run of the pair's older candle, and what it asked; `thread_id` is the new one's."""
        self._asked.pop(pair, None)
        older = self._threads.get(pair)
        self._threads[pair] = thread_id
        if self._saver is not None and older is not None:
            self._saver.delete_thread(older)
