from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any

import ccxt
import pandas as pd
import pytest
import time_machine
from markets import drawn

from candlegraph.freqtrade_bridge.loopback.account.books import Books
from candlegraph.freqtrade_bridge.loopback.account.server import AccountExchange
from candlegraph.freqtrade_bridge.loopback.markets import Market, market_of

BTC = "BTC/USDT:USDT"
PRICES = {"2025-11-20 00:00": 100_000.0, "2025-11-20 12:00": 112_000.0, "2025-11-20 23:00": 90_000.0}
"""1,000 up an hour until noon, then 2,000 down an hour."""


class HandClock:
    """Stands where a test puts it."""

    def __init__(self, at: str) -> None:
        self.move(at)

    def move(self, at: str) -> None:
        self._now = pd.Timestamp(at, tz="UTC").value // 10**6

    def now(self) -> int:
        return self._now


@pytest.fixture
def clock() -> HandClock:
    return HandClock("2025-11-20 00:00")


@pytest.fixture
def make_books(clock: HandClock) -> Callable[..., Books]:
    """Return a factory of an account of 10,000 on one market; no HTTP is between."""

    def make(prices: Mapping[str, float] = PRICES, **changes: Any) -> Books:
        one = market_of(BTC, drawn(prices))
        market = Market(one.pair, one.series, one.tick, one.step, one.max_quantity, **changes)
        return Books([market], clock, Decimal(10_000))

    return make


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AccountExchange]:
    with (
        time_machine.travel("2025-11-20 00:00:00Z", tick=False),
        AccountExchange([market_of(BTC, drawn(PRICES))], Decimal(10_000), tmp_path_factory.mktemp("tls")) as one,
    ):
        yield one


@pytest.fixture(scope="module")
def client(exchange: AccountExchange) -> Iterator[Any]:
    """Return ccxt's client, with the very configuration that freqtrade gets."""
    block = exchange.freqtrade_block()
    one = ccxt.binance({"apiKey": block["key"], "secret": block["secret"], "options": {"defaultType": "swap"}})
    one.urls["api"] |= block["ccxt_config"]["urls"]["api"]
    one.options |= block["ccxt_config"]["options"]
    one.validateServerSsl = block["ccxt_config"]["validateServerSsl"]
    one.enableRateLimit = False
    one.load_markets()
    one.set_leverage(10, BTC)
    yield one
    one.session.close()


@pytest.fixture
def planned(exchange: AccountExchange) -> Iterator[Callable[..., None]]:
    """Return how to plan faults; the plan ends with the test."""
    yield exchange.plan
    exchange.plan()
