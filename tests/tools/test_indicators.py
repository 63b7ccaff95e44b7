"""Indicators against other implementations, and when they are available."""

import numpy as np
import pandas as pd
import pytest
from ta.trend import ADXIndicator
from ta.volatility import AverageTrueRange
from ta.volume import MFIIndicator

from candlegraph.graph.market import Indicators
from candlegraph.tools.market.indicators import NEEDED_ROWS, indicators_of, obv_slope


@pytest.fixture(scope="module", params=["30m", "1h", "4h", "1d"])
def window(request, frames):
    return frames[request.param].iloc[:450].reset_index(drop=True)


def plain_ema(values, span):
    alpha, average = 2 / (span + 1), values[0]
    for value in values[1:]:
        average += alpha * (value - average)
    return average


def plain_rsi(values, length=14):
    gain = loss = 0.0
    for change in np.diff(values):
        gain += (max(change, 0) - gain) / length
        loss += (max(-change, 0) - loss) / length
    return 100 - 100 / (1 + gain / loss)


def test_adx_atr_and_mfi_of_talib_agree_with_ta(window):
    high, low, close, volume = (window[name] for name in ("high", "low", "close", "volume"))
    ours = indicators_of(window)
    assert ours.adx == pytest.approx(ADXIndicator(high, low, close, 14).adx().iloc[-1], abs=1e-3)  # seeds differ
    assert ours.atr == pytest.approx(AverageTrueRange(high, low, close, 14).average_true_range().iloc[-1], rel=1e-9)
    assert ours.mfi == pytest.approx(MFIIndicator(high, low, close, volume, 14).money_flow_index().iloc[-1], abs=1e-6)


def test_ema_agrees_with_a_plain_loop(window):
    ours, close = indicators_of(window), window["close"].to_numpy()
    for span in (20, 50, 200):
        assert getattr(ours, f"ema_{span}") == pytest.approx(plain_ema(close, span), rel=1e-9)


def test_rsi_agrees_with_a_plain_loop(window):
    assert indicators_of(window).rsi == pytest.approx(plain_rsi(window["close"].to_numpy()), abs=1e-6)


def test_macd_is_the_difference_of_two_emas_and_its_signal_their_ema(window):
    close = window["close"].to_numpy()
    lines = [plain_ema(close[:n], 12) - plain_ema(close[:n], 26) for n in range(1, len(close) + 1)]
    ours = indicators_of(window)
    assert ours.macd == pytest.approx(lines[-1], rel=1e-9)
    assert ours.macd_signal == pytest.approx(plain_ema(lines[25:], 9), rel=1e-9)


def test_bollinger_bands_lie_two_deviations_around_the_mean(window):
    last, ours = window["close"].to_numpy()[-20:], indicators_of(window)
    assert ours.bollinger_upper == pytest.approx(last.mean() + 2 * last.std(), rel=1e-9)
    assert ours.bollinger_lower == pytest.approx(last.mean() - 2 * last.std(), rel=1e-9)


def test_obv_slope_is_signed_volume_of_twenty_candles_per_volume(window):
    last = window.iloc[-21:]
    signs = np.sign(last["close"].diff().to_numpy()[1:])
    volume = last["volume"].to_numpy()[1:]
    assert indicators_of(window).obv_slope == pytest.approx((signs * volume).sum() / volume.sum(), abs=1e-6)


@pytest.mark.parametrize("rising, slope", [(True, 1.0), (False, -1.0)])
def test_obv_slope_is_one_where_every_candle_goes_one_way(rising, slope):
    close = pd.Series(np.arange(1.0, 31) if rising else np.arange(30.0, 0, -1))
    assert obv_slope(close, pd.Series(np.full(30, 5.0))) == slope


def test_every_indicator_states_how_many_rows_it_needs():
    assert set(NEEDED_ROWS) == set(Indicators.model_fields)


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
