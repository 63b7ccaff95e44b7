from collections.abc import Iterator
from typing import Any

import ccxt
import numpy as np
import pytest

from candlegraph.freqtrade_bridge.loopback.configuration import offline_exchange
from candlegraph.freqtrade_bridge.loopback.markets import market_of
from candlegraph.freqtrade_bridge.loopback.sample_market import sample_frames, sample_series
from candlegraph.freqtrade_bridge.loopback.series import TIMEFRAME_MS, CandleSeries
from candlegraph.freqtrade_bridge.loopback.server import FixedClock, LoopbackExchange

BTC, CHEAP = "BTC/USDT:USDT", "1000X/USDT:USDT"
DAY = TIMEFRAME_MS["1d"]
NOW = 1_764_374_700_000  # 2025-11-29 00:05 UTC, a running candle


def cheap_series() -> CandleSeries:
    """Return a coin worth 0.0000085."""
    one = sample_series(BTC)
    scale = 0.0000085 / one.close[-1]
    prices = (
        np.array([float(f"{price * scale:.5g}") for price in column])
        for column in (one.open, one.high, one.low, one.close)
    )
    return CandleSeries(one.base_ms, one.time, *prices, one.volume)


@pytest.fixture(scope="module")
def exchange() -> Iterator[LoopbackExchange]:
    markets = [market_of(BTC, sample_series(BTC)), market_of(CHEAP, cheap_series())]
    with LoopbackExchange(markets, FixedClock(NOW)) as one:
        yield one


@pytest.fixture(scope="module")
def client(exchange: LoopbackExchange) -> Iterator[Any]:
    one = ccxt.binance({"options": {"defaultType": "swap"}})
    config = offline_exchange(exchange.url, [BTC])["ccxt_config"]
    one.urls["api"] |= config["urls"]["api"]
    one.options |= config["options"]
    one.enableRateLimit = False
    one.load_markets()
    yield one
    one.session.close()


def test_markets_are_linear_perpetuals_with_their_precision(client: Any) -> None:
    assert set(client.markets) == {BTC, CHEAP}
    assert client.market(BTC)["linear"] and client.market(BTC)["swap"]
    assert client.market(CHEAP)["precision"]["price"] == 1e-10
    assert client.price_to_precision(CHEAP, 0.0000085123456) == "0.0000085123"


def test_time_is_the_clock(client: Any) -> None:
    assert client.fetch_time() == NOW


@pytest.mark.parametrize("timeframe", ["30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d", "3d", "1w"])
def test_closed_klines_equal_the_written_candles_bit_by_bit(client: Any, timeframe: str) -> None:
    rows = np.array(client.fetch_ohlcv(BTC, timeframe, limit=100))
    frame = sample_frames(BTC, [timeframe])[timeframe]
    opened = frame["date"].dt.as_unit("ms").astype("int64")
    expected = frame[opened.isin(rows[:-1, 0].astype("int64"))]
    np.testing.assert_array_equal(rows[:-1, 1:], expected[["open", "high", "low", "close", "volume"]])
    assert rows[-1, 0] <= NOW < rows[-1, 0] + TIMEFRAME_MS[timeframe]


def test_klines_of_a_cheap_coin_keep_their_digits(client: Any) -> None:
    rows = np.array(client.fetch_ohlcv(CHEAP, "30m", limit=50))
    assert len(set(rows[:, 4])) > 20
    assert (rows[:, 3] > 0).all()


def test_klines_from_a_start_are_paged(client: Any) -> None:
    rows = client.fetch_ohlcv(BTC, "30m", since=NOW - 10 * DAY, limit=7)
    assert len(rows) == 7
    assert rows[0][0] == -(-(NOW - 10 * DAY) // 1_800_000) * 1_800_000


def test_mark_prices_are_candles_too(client: Any) -> None:
    rows = client.fetch_ohlcv(BTC, "1h", limit=5, params={"price": "mark"})
    assert len(rows) == 5


@pytest.mark.parametrize("pair", [BTC, CHEAP])
def test_book_surrounds_the_price_and_is_deep(client: Any, pair: str) -> None:
    book = client.fetch_order_book(pair, 20)
    bids, asks = np.array(book["bids"]), np.array(book["asks"])
    assert (np.diff(bids[:, 0]) < 0).all() and (np.diff(asks[:, 0]) > 0).all()
    assert 0 < asks[0, 0] / bids[0, 0] - 1 < 0.001
    assert (asks[:, 0] * asks[:, 1] > 500_000).all()


def test_tickers_name_bid_ask_and_change(client: Any) -> None:
    ticker = client.fetch_tickers([BTC])[BTC]
    assert ticker["bid"] < ticker["last"] < ticker["ask"]
    assert ticker["change"] == pytest.approx(ticker["last"] - ticker["open"], abs=0.2)
    assert client.fetch_bids_asks([BTC])[BTC]["ask"] == ticker["ask"]


def test_funding_comes_every_eight_hours_and_not_from_the_future(client: Any) -> None:
    rates = client.fetch_funding_rate_history(BTC, since=NOW - 3 * DAY)
    times = [rate["timestamp"] for rate in rates]
    assert len(times) == 9
    assert set(np.diff(times)) == {DAY // 3} and times[-1] <= NOW
    assert client.fetch_funding_rate(BTC)["fundingTimestamp"] > NOW


def test_an_unlisted_symbol_is_refused_as_binance_does(client: Any) -> None:
    with pytest.raises(ccxt.BadSymbol, match="BTCUSDT"):
        client.fapiPublicGetKlines({"symbol": "NOPEUSDT", "interval": "30m"})
    with pytest.raises(ccxt.BadSymbol):
        client.fapiPublicGetDepth({})


def test_a_timeframe_that_is_not_offered_is_refused(client: Any) -> None:
    with pytest.raises(ccxt.BadRequest, match="expected a timeframe of 1m"):
        client.fapiPublicGetKlines({"symbol": "BTCUSDT", "interval": "7m"})


def test_what_is_not_offered_is_refused_and_counted(client: Any, exchange: LoopbackExchange) -> None:
    with pytest.raises(ccxt.BaseError, match="the loopback exchange has no /fapi/v1/openInterest"):
        client.fapiPublicGetOpenInterest({"symbol": "BTCUSDT"})
    assert exchange.app.state.unknown == {"GET /fapi/v1/openInterest": 1}
    assert exchange.app.state.hits["GET /fapi/v1/exchangeInfo"] == 1
