"""Serve the loopback exchange from a daemon thread."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterable
from types import TracebackType

import uvicorn

from candlegraph.freqtrade_bridge.loopback.clock import RealClock
from candlegraph.freqtrade_bridge.loopback.exchange import Clock, exchange_app
from candlegraph.freqtrade_bridge.loopback.markets import Market
from candlegraph.graph.errors import BridgeError

START_SECONDS = 20


class LoopbackExchange:
    """The exchange at `url` while the `with` block lasts, on a free port."""

    def __init__(self, markets: Iterable[Market], clock: Clock | None = None) -> None:
        self.app = exchange_app(markets, clock or RealClock())
        self._socket = socket.socket()
        self._server = uvicorn.Server(uvicorn.Config(self.app, log_level="error", lifespan="off"))
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._socket]}, daemon=True)

    @property
    def url(self) -> str:
        """Return the base URL."""
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def __enter__(self) -> LoopbackExchange:
        self._socket.bind(("127.0.0.1", 0))
        self._thread.start()
        waited = time.monotonic()
        while not self._server.started:
            if time.monotonic() - waited > START_SECONDS:
                raise BridgeError(f"the loopback exchange did not start within {START_SECONDS} s")
            time.sleep(0.01)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.should_exit = True
        self._thread.join(10)
        self._socket.close()
