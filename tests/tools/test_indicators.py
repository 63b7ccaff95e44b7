"""Every indicator against the other library, when it is available, and the older values beside it."""

import os
from pathlib import Path
from typing import get_args

import numpy as np
import pandas as pd
import pytest
import talib
from hypothesis import given, settings
from hypothesis import strategies as st
from ta.momentum import RSIIndicator
from ta.trend import MACD, ADXIndicator, EMAIndicator
from ta.volatility import AverageTrueRange, BollingerBands
from ta.volume import MFIIndicator, OnBalanceVolumeIndicator

from candlegraph.graph.schema.indicators import IndicatorName, Indicators, PastIndicators, TimeframeFacts
from candlegraph.tools.market.frames import WINDOW
from candlegraph.tools.market.indicators import (
    FACTS,
    INDICATORS,
    PAST,
    indicators_of,
    past_indicators_of,
    series_of,
)

TIMEFRAMES = ("30m", "1h", "4h", "1d")
NEEDED_ROWS = {name: one.needed for one in INDICATORS for name in one.numbers}
REAL = os.environ.get("CANDLEGRAPH_MARKET")
MARKETS = ["walk 7", "walk 8", *(["BTC_USDT_USDT", "ETH_USDT_USDT"] if REAL else [])]

TOLERANCES = {
    "ema_20": 1e-9,
    "ema_50": 1e-6,
    "ema_200": 0.25,
    "macd": 1e-9,
    "macd_signal": 1e-9,
    "bollinger_upper": 1e-6,
    "bollinger_lower": 1e-6,
    "atr": 1e-9,
    "rsi": 1e-6,
    "adx": 1e-6,
    "mfi": 1e-6,
    "obv_slope": 1e-9,
}
"""How far the two libraries may differ at the end of a whole window: in ATR for prices, else in the indicator's unit.

Their recursions start differently, so it is what is left of the first values: 0.99 ** 400 of them in an EMA 200.
"""
IN_ATR = ("ema_20", "ema_50", "ema_200", "macd", "macd_signal", "bollinger_upper", "bollinger_lower", "atr")


@pytest.fixture(scope="module", params=[(market, timeframe) for market in MARKETS for timeframe in TIMEFRAMES], ids=str)
def window(request, make_frames):
    """Return a whole window of closed candles, of a random walk or of a real market."""
    market, timeframe = request.param
    if market.startswith("walk"):
        days = 700 if timeframe == "1d" else 120
        frame = make_frames(seed=int(market[-1]), days=days)[timeframe]
    else:
        frame = pd.read_feather(Path(REAL) / "binance" / "futures" / f"{market}-{timeframe}-futures.feather")
    return frame.iloc[-WINDOW - 50 : -50].reset_index(drop=True)


@pytest.mark.parametrize("flat", [0, 40, WINDOW])
def test_averages_are_those_of_ta_to_the_last_bit(window, flat):
    frame = window.assign(close=window["close"].mask(window.index >= len(window) - flat, window["close"].iloc[-1]))
    series, close = series_of(*(frame[name].to_numpy() for name in ("high", "low", "close", "volume"))), frame["close"]
    expected = {f"ema_{span}": EMAIndicator(close, span).ema_indicator() for span in (20, 50, 200)}
    expected |= {"macd": MACD(close).macd(), "macd_signal": MACD(close).macd_signal()}
    for name, values in expected.items():
        assert series[name][NEEDED_ROWS[name] - 1 :].tolist() == values[NEEDED_ROWS[name] - 1 :].tolist(), name


def past_of(window):
    high, low, close, volume = (window[name].to_numpy() for name in ("high", "low", "close", "volume"))
    return past_indicators_of(series_of(high, low, close, volume), volume)


def by_the_other_library(window):
    """Return each indicator at the last row by the library that we do not take it from."""
    high, low, close, volume = (window[name] for name in ("high", "low", "close", "volume"))
    prices = close.to_numpy()
    macd, signal, _ = talib.MACD(prices)
    bands = BollingerBands(close, 20, 2)
    obv = OnBalanceVolumeIndicator(close, volume).on_balance_volume()
    return {
        **{f"ema_{span}": talib.EMA(prices, span)[-1] for span in (20, 50, 200)},
        "macd": macd[-1],
        "macd_signal": signal[-1],
        "bollinger_upper": bands.bollinger_hband().iloc[-1],
        "bollinger_lower": bands.bollinger_lband().iloc[-1],
        "atr": AverageTrueRange(high, low, close, 14).average_true_range().iloc[-1],
        "rsi": RSIIndicator(close, 14).rsi().iloc[-1],
        "adx": ADXIndicator(high, low, close, 14).adx().iloc[-1],
        "mfi": MFIIndicator(high, low, close, volume, 14).money_flow_index().iloc[-1],
        "obv_slope": (obv.iloc[-1] - obv.iloc[-21]) / volume.iloc[-20:].sum(),
    }


def test_every_indicator_agrees_with_the_other_library(window):
    ours, theirs = indicators_of(window).model_dump(), by_the_other_library(window)
    assert set(theirs) == set(TOLERANCES) == set(Indicators.model_fields)
    for name, tolerance in TOLERANCES.items():
        unit = ours["atr"] if name in IN_ATR else 1
        assert abs(ours[name] - theirs[name]) / unit < tolerance, name


def test_obv_slope_follows_talib_where_a_candle_closes_where_the_last_one_did(frames):
    window = frames["1h"].iloc[:60].assign(close=lambda frame: frame["close"].round(0))  # `ta` counts it as bought
    assert (window["close"].diff().iloc[-20:] == 0).any()
    obv, volume = talib.OBV(window["close"].to_numpy(), window["volume"].to_numpy()), window["volume"].iloc[-20:]
    assert indicators_of(window).obv_slope == pytest.approx((obv[-1] - obv[-21]) / volume.sum())


def plain_ema(values, span):
    alpha, average = 2 / (span + 1), values[0]
    for value in values[1:]:
        average += alpha * (value - average)
    return average


def test_ema_starts_at_the_first_close_of_the_window(frames):
    window = frames["1h"].iloc[:450]
    for span in (20, 50, 200):
        ours = getattr(indicators_of(window), f"ema_{span}")
        assert ours == pytest.approx(plain_ema(window["close"].to_numpy(), span), rel=1e-9)


@pytest.mark.parametrize("rising, slope", [(True, 1.0), (False, -1.0)])
def test_obv_slope_is_one_where_every_candle_goes_one_way(frames, rising, slope):
    close = np.arange(1.0, 31) if rising else np.arange(30.0, 0, -1)
    window = frames["1h"].iloc[:30].assign(close=close, high=close, low=close, volume=5.0)
    assert indicators_of(window).obv_slope == slope


def test_every_indicator_is_declared_once():
    assert [one.name for one in INDICATORS] == list(get_args(IndicatorName))
    assert sorted(name for one in INDICATORS for name in one.numbers) == sorted(Indicators.model_fields)
    assert {"close", *FACTS} == set(TimeframeFacts.model_fields)


FIRST = {
    Indicators: "ema_20 ema_50 ema_200 adx rsi macd macd_signal bollinger_upper bollinger_lower atr mfi obv_slope",
    TimeframeFacts: "close rsi adx atr mfi obv_slope ema_20_distance ema_50_distance ema_200_distance ema_spread "
    "macd_histogram bollinger_position momentum",
}
"""What a market that was stored by the first version knows."""


@pytest.mark.parametrize("model", FIRST)
def test_a_market_that_was_stored_before_an_indicator_came_can_be_read(model):
    assert model.model_validate(dict.fromkeys(FIRST[model].split(), 1.0))


@pytest.mark.parametrize("name", NEEDED_ROWS)
def test_indicator_is_unavailable_until_it_has_its_rows(name, frames):
    frame, needed = frames["30m"], NEEDED_ROWS[name]
    assert getattr(indicators_of(frame.iloc[: needed - 1]), name) is None
    assert getattr(indicators_of(frame.iloc[:needed]), name) is not None


def test_one_candle_alone_has_no_indicator(frames):
    assert set(indicators_of(frames["30m"].iloc[:1]).model_dump().values()) == {None}


def test_a_warmed_up_indicator_does_not_depend_on_where_the_window_starts(frames):
    frame = frames["30m"]
    long, short = indicators_of(frame.iloc[:1200]), indicators_of(frame.iloc[600:1200])
    for name, value in long.model_dump().items():
        assert getattr(short, name) == pytest.approx(value, rel=2e-3, abs=1e-3), name


def test_volume_indicators_are_unavailable_where_nothing_was_traded(frames):
    idle = frames["30m"].iloc[:450].assign(volume=0.0)
    found = indicators_of(idle)
    assert found.obv_slope is None
    assert found.mfi is None
    assert found.rsi is not None


def test_money_flow_does_not_depend_on_the_size_of_the_volume(frames):
    frame = frames["30m"].iloc[:450]
    small = frame.assign(volume=frame["volume"] * 1e-9)  # a pair quoted in bitcoin trades less than 1 a candle
    assert indicators_of(small).mfi == pytest.approx(indicators_of(frame).mfi)


@pytest.mark.parametrize("name", ["rsi", "adx", "mfi"])
@pytest.mark.parametrize("quiet, available", [(13, True), (14, False), (60, False)])
def test_ratio_is_unavailable_where_nothing_moved_in_its_span(frames, name, quiet, available):
    window = frames["30m"].iloc[:450].copy()
    last = window["close"].iloc[-1 - quiet]
    window.iloc[-quiet:, window.columns.get_indexer(["open", "high", "low", "close"])] = last
    window.iloc[-1 - quiet, window.columns.get_indexer(["open", "high", "low"])] = last
    assert (getattr(indicators_of(window), name) is not None) == available


def test_a_market_that_never_moved_has_no_ratio_and_an_atr_of_nought(frames):
    window = frames["30m"].iloc[:450].assign(open=5.0, high=5.0, low=5.0, close=5.0)
    found = indicators_of(window)
    assert found.rsi is found.adx is found.mfi is None
    assert (found.atr, found.ema_200, found.obv_slope) == (0, 5, 0)


@settings(max_examples=25, deadline=None)
@given(rows=st.integers(1, 700), end=st.integers(700, 2000))
def test_past_values_are_what_was_said_then(frames, rows, end):
    window = frames["30m"].iloc[end - rows : end]
    past = past_of(window)
    older = [window.iloc[:seen] for seen in range(max(1, rows - PAST), rows)]
    then = [indicators_of(one) for one in older]
    for name in ("rsi", "adx", "atr", "mfi"):
        assert getattr(past, name) == tuple(getattr(one, name) for one in then), name
    assert past.volume == tuple(one["volume"].iloc[-1] for one in older)
    assert past.macd_histogram == tuple(None if one.macd is None else one.macd - one.macd_signal for one in then)


def test_past_values_are_twelve_and_do_not_repeat_the_newest(frames):
    window = frames["30m"].iloc[:600]
    past = past_of(window)
    assert {len(values) for values in past.model_dump().values()} == {12}
    assert set(past.model_dump()) == set(PastIndicators.model_fields)
    assert past.rsi[-1] == indicators_of(window.iloc[:-1]).rsi != indicators_of(window).rsi


@pytest.mark.parametrize("factor", [1e-12, 8.5e-8, 1e6])
def test_indicators_do_not_depend_on_the_unit_of_the_price(frames, factor):
    window = frames["1h"].iloc[:600]
    columns = ["open", "high", "low", "close"]
    scaled = indicators_of(window.assign(**{name: window[name] * factor for name in columns}))
    for name, value in indicators_of(window).model_dump().items():
        unit = factor if name in IN_ATR else 1
        assert getattr(scaled, name) == pytest.approx(value * unit, rel=1e-6), name
