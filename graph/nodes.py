"""Nodes that run both ways: `ainvoke` in the caller's event loop, `invoke` on the one loop of the process."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import Callable, Coroutine
from functools import cache
from typing import Any, TypeVar

from langchain_core.runnables import Runnable, RunnableConfig
from langgraph.runtime import Runtime, get_runtime

Result = TypeVar("Result")


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


class TwoWayNode(Runnable[Any, Any]):
    """One asynchronous node. LangGraph gives a bare coroutine function no way to be invoked without a loop."""

    def __init__(self, work: Callable[[Any, Runtime[Any]], Coroutine[Any, Any, dict[str, Any]]]) -> None:
        self.name, self._work = work.__name__, work

    def invoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        """Return what the node writes; a script's `graph.invoke`, also where a notebook's own loop is running."""
        return loop_thread().submit(self._work(input, get_runtime())).result()

    async def ainvoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        """Return what the node writes."""
        return await self._work(input, get_runtime())
