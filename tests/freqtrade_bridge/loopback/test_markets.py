from pathlib import Path

import numpy as np
import pytest

from candlegraph.freqtrade_bridge.loopback.exchange import symbol_info
from candlegraph.freqtrade_bridge.loopback.markets import market_of, markets_of_datadir
from candlegraph.freqtrade_bridge.loopback.sample_market import SampleMarket, sample_frames
from candlegraph.freqtrade_bridge.loopback.series import TIMEFRAME_MS, CandleSeries
from candlegraph.graph.schema.errors import CandleError


def series(price: float) -> CandleSeries:
    prices = np.full(2, price)
    return CandleSeries(TIMEFRAME_MS["30m"], np.array([0, 1_800_000]), prices, prices, prices, prices, np.ones(2))


@pytest.mark.parametrize(
    ("price", "tick", "step"),
    [
        (123_456.0, "1", "0.0001"),
        (64_000.1, "0.1", "0.001"),
        (3_000.0, "0.01", "0.01"),
        (1.5, "0.00001", "1"),
        (0.0000085, "0.0000000001", "1"),
    ],
)
def test_precision_follows_the_price(price: float, tick: str, step: str) -> None:
    prices, lots, _, _ = symbol_info(market_of("A/USDT:USDT", series(price)))["filters"]
    assert (prices["tickSize"], lots["stepSize"]) == (tick, step)
    assert float(lots["maxQty"]) * price >= 1e8


@pytest.mark.parametrize("price", [0.0, float("nan")])
def test_a_market_without_a_price_is_refused(price: float) -> None:
    with pytest.raises(CandleError, match="A/USDT:USDT: expected a first close above 0"):
        market_of("A/USDT:USDT", series(price))


def test_markets_of_a_candle_folder_carry_its_candles(sample: SampleMarket) -> None:
    (market,) = markets_of_datadir(sample.datadir, ["ETH/USDT:USDT"])
    assert market.symbol == "ETHUSDT"
    np.testing.assert_array_equal(market.series.close, sample_frames("ETH/USDT:USDT")["30m"]["close"])


def test_a_missing_candle_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CandleError, match="XRP_USDT_USDT-30m-futures.feather"):
        markets_of_datadir(tmp_path, ["XRP/USDT:USDT"])


@pytest.mark.parametrize("pair", ["BTC/USDT", "BTCUSDT", "BTC/USD:BTC"])
def test_a_pair_that_is_no_linear_future_is_refused_with_how_one_is_named(tmp_path: Path, pair: str) -> None:
    with pytest.raises(CandleError, match=f"{pair}: expected a future .* like BTC/USDT:USDT"):
        markets_of_datadir(tmp_path, [pair])


def test_candles_outside_of_the_futures_folder_are_not_freqtrades_futures(tmp_path: Path) -> None:
    sample_frames("BTC/USDT:USDT")["30m"].to_feather(tmp_path / "BTC_USDT_USDT-30m.feather")
    with pytest.raises(CandleError, match="lies outside of futures/"):
        markets_of_datadir(tmp_path, ["BTC/USDT:USDT"])


def test_an_unknown_timeframe_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(CandleError, match="expected a timeframe of 1m, 3m, 5m, .*, 1d, 3d, 1w, was '7m'"):
        markets_of_datadir(tmp_path, ["XRP/USDT:USDT"], "7m")
