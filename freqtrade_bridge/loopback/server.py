"""Serve the loopback exchange from a daemon thread, by a clock of its own."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterable
from types import TracebackType
from typing import Any, Self

import uvicorn
from starlette.types import ASGIApp

from candlegraph.freqtrade_bridge.loopback.exchange import Clock, exchange_app
from candlegraph.freqtrade_bridge.loopback.markets import Market
from candlegraph.graph.schema.errors import BridgeError

START_SECONDS = 20


class LoopbackServer:
    """An app at `url` while the `with` block lasts, on a free port; `options` are uvicorn's."""

    def __init__(self, app: ASGIApp, **options: Any) -> None:
        config = uvicorn.Config(app, log_config=None, access_log=False, lifespan="off", proxy_headers=False, **options)
        self._server = uvicorn.Server(config)
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
        self._server.should_exit = True
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
