"""Serve the exchange with its account over TLS, as freqtrade trades on it with `"dry_run": false`.

ccxt chooses Binance's futures error codes by the beginning of the URL: only `https://demo-fapi` (or the real hosts)
gives a -2021 its true class, and freqtrade branches on that class. So the URL bears that word as its user name.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

from candlegraph.freqtrade_bridge.loopback.account.books import Books
from candlegraph.freqtrade_bridge.loopback.account.certificate import write_certificate
from candlegraph.freqtrade_bridge.loopback.account.door import KEY, SECRET, Logged, SignedDoor
from candlegraph.freqtrade_bridge.loopback.account.faults import FaultPlan, PlannedFault
from candlegraph.freqtrade_bridge.loopback.account.matching import advance
from candlegraph.freqtrade_bridge.loopback.configuration import offline_exchange
from candlegraph.freqtrade_bridge.loopback.exchange import Clock, exchange_app
from candlegraph.freqtrade_bridge.loopback.markets import Market
from candlegraph.freqtrade_bridge.loopback.server import LoopbackServer, RealClock
from candlegraph.freqtrade_bridge.loopback.trouble import Trouble


class AccountExchange(LoopbackServer):
    """The exchange at `url` while the `with` block lasts; `folder` takes its certificate and key."""

    def __init__(self, markets: Iterable[Market], wallet: Decimal, folder: Path, clock: Clock | None = None) -> None:
        listed, clock = tuple(markets), clock or RealClock()
        self._pairs = [market.pair for market in listed]
        self._books = Books(listed, clock, wallet)
        self.public = exchange_app(listed, clock)
        self.trouble: Trouble = self.public.state.trouble
        self.door = SignedDoor(self._books, self.trouble)
        self.certificate, key = write_certificate(folder)
        tls = {"ssl_certfile": str(self.certificate), "ssl_keyfile": str(key)}
        # A client that is still there does not say good-bye to TLS: waiting for it would take ten seconds.
        super().__init__(self.door.app(self.public), timeout_graceful_shutdown=0, **tls)

    @property
    def url(self) -> str:
        """Return the base URL; raise BridgeError outside the `with` block."""
        return super().url.replace("http://", "https://demo-fapi:x@")

    @property
    def books(self) -> Books:
        """Return the account's books, moved to the present."""
        advance(self._books)
        return self._books

    @property
    def log(self) -> list[Logged]:
        """Return the signed requests so far."""
        return self.door.log

    def plan(self, *faults: PlannedFault) -> None:
        """Let these faults happen, counted from now, and no others."""
        self.door.plan = FaultPlan(*faults)

    def freqtrade_block(self) -> dict[str, Any]:
        """Return freqtrade's `exchange` block: URL, made-up keys, and the certificate for both of its ccxt clients."""
        block = offline_exchange(self.url, self._pairs) | {"key": KEY, "secret": SECRET}
        # The synchronous client reads the first, the asynchronous one the second.
        block["ccxt_config"] |= {"validateServerSsl": str(self.certificate), "cafile": str(self.certificate)}
        return block
