"""Serve the loopback exchange from a daemon thread, by a clock of its own."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

import uvicorn
from starlette.types import ASGIApp

from candlegraph.freqtrade_bridge.loopback.exchange import Clock, exchange_app
from candlegraph.freqtrade_bridge.loopback.markets import Market
from candlegraph.graph.schema.errors import BridgeError

START_SECONDS = 20


class ObedientServer(uvicorn.Server):
    """Ends when it is told to: uvicorn's own looks ten times a second, and rests for another tenth."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._is_told = asyncio.Event()

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve until `stop`."""
        self._loop = asyncio.get_running_loop()
        await super().serve(sockets)

    async def main_loop(self) -> None:
        """Wait for `stop`."""
        await self._is_told.wait()

    def stop(self) -> None:
        """End, from another thread; only after it has started."""
        self._loop.call_soon_threadsafe(self._is_told.set)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close what listens, and give those who are connected the time that the configuration gives them."""
        for listening in (*self.servers, *(sockets or ())):
            listening.close()
        for connection in tuple(self.server_state.connections):
            connection.shutdown()
        with suppress(TimeoutError):
            async with asyncio.timeout(self.config.timeout_graceful_shutdown):
                await self._last_words()

    async def _last_words(self) -> None:
        while self.server_state.connections or self.server_state.tasks:
            await asyncio.sleep(0.001)


class LoopbackServer:
    """An app at `url` while the `with` block lasts, on a free port; `options` are uvicorn's."""

    def __init__(self, app: ASGIApp, **options: Any) -> None:
        config = uvicorn.Config(app, log_config=None, access_log=False, lifespan="off", proxy_headers=False, **options)
        self._server = ObedientServer(config)
        self._listening: socket.socket | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """Return the base URL; raise BridgeError outside the `with` block."""
        if self._listening is None:
            raise BridgeError("expected a started loopback exchange: use `with LoopbackExchange(...)`")
        return f"http://127.0.0.1:{self._listening.getsockname()[1]}"

    def __enter__(self) -> Self:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._listening]}, daemon=True)
        self._thread.start()
        began = time.monotonic()
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() - began > START_SECONDS:
                self._stop()
                raise BridgeError(f"the loopback exchange did not start within {START_SECONDS} s")
            time.sleep(0.01)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stop()

    def _stop(self) -> None:
        self._server.should_exit = True  # where it has not begun to serve yet
        if self._server.started:
            self._server.stop()
        if self._thread is not None:
            self._thread.join(10)
        if self._listening is not None:
            self._listening.close()
            self._listening = None


class LoopbackExchange(LoopbackServer):
    """The public exchange: market data and metadata."""

    def __init__(self, markets: Iterable[Market], clock: Clock | None = None) -> None:
        self.app = exchange_app(markets, clock or RealClock())
        super().__init__(self.app)


class RealClock:
    """Wall time; virtual where a test travels in time."""

    def now(self) -> int:
        """Return the present time."""
        return int(time.time() * 1000)


class FixedClock:
    """Stands still at one time: enough for market metadata and historic candles."""

    def __init__(self, now_ms: int) -> None:
        self._now = now_ms

    def now(self) -> int:
        """Return that time."""
        return self._now
