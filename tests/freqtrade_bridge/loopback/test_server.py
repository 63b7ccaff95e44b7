import gc
import socket
import threading
import urllib.request
from urllib.parse import urlsplit

import pytest

from candlegraph.freqtrade_bridge.loopback.markets import market_of
from candlegraph.freqtrade_bridge.loopback.sample_market import sample_series
from candlegraph.freqtrade_bridge.loopback.server import LoopbackExchange
from candlegraph.graph.schema.errors import BridgeError

pytestmark = [pytest.mark.filterwarnings("error::ResourceWarning", "error::pytest.PytestUnraisableExceptionWarning")]
BTC = market_of("BTC/USDT:USDT", sample_series("BTC/USDT:USDT"))


def test_server_stops_and_leaves_nothing_behind() -> None:
    threads = threading.active_count()
    with LoopbackExchange([BTC]) as exchange:
        url = exchange.url
        with urllib.request.urlopen(f"{url}/fapi/v1/ping") as answer:
            assert answer.read() == b"{}"
    gc.collect()  # a leaked socket would warn here, and warnings are errors
    assert threading.active_count() == threads
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", urlsplit(url).port or 0), timeout=2)


def test_it_listens_on_loopback_alone() -> None:
    with LoopbackExchange([BTC]) as exchange:
        assert urlsplit(exchange.url).hostname == "127.0.0.1"


def test_an_exchange_that_is_not_started_has_no_url() -> None:
    exchange = LoopbackExchange([BTC])
    with pytest.raises(BridgeError, match="with LoopbackExchange"):
        _ = exchange.url
    del exchange
    gc.collect()


def test_two_exchanges_stand_side_by_side() -> None:
    with LoopbackExchange([BTC]) as one, LoopbackExchange([BTC]) as other:
        assert one.url != other.url
