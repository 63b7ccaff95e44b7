"""What becomes of candles that are broken, flat or missing: the window starts behind them."""

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from candlegraph.graph.schema.market import Account, MarketSnapshot
from candlegraph.graph.settings.context import ContextConfig
from candlegraph.tools.market.facts import facts_of
from candlegraph.tools.market.frames import MAX_FLAT, WINDOW, Candles

PAIR = "BTC/USDT:USDT"
ACCOUNT = Account(equity=1000, free=1000, open_positions=0)
TIMEFRAMES = ("30m", "1h", "4h", "1d")


BROKEN = {
    "no close": {"close": np.nan},
    "no volume": {"volume": np.nan},
    "negative volume": {"volume": -1.0},
    "infinite high": {"high": np.inf},
    "low of nought": {"low": 0.0},
    "negative prices": {"open": -2.0, "high": -1.0, "low": -3.0, "close": -2.0},
    "high under low": {"open": 100.0, "high": 99.0, "low": 101.0, "close": 100.0},
    "close over high": {"open": 100.0, "high": 101.0, "low": 99.0, "close": 102.0},
    "close under low": {"open": 100.0, "high": 101.0, "low": 99.0, "close": 98.0},
    "open over high": {"open": 102.0, "high": 101.0, "low": 99.0, "close": 100.0},
    "open under low": {"open": 98.0, "high": 101.0, "low": 99.0, "close": 100.0},
}


@pytest.mark.parametrize("values", BROKEN.values(), ids=BROKEN)
def test_a_window_never_reaches_over_a_broken_candle(frames, values):
    frame = frames["30m"].iloc[:1000].copy()
    frame.loc[950, list(values)] = list(values.values())
    view = newest(frame)
    assert view.rows == 49
    assert view.indicators.ema_20 is not None
    assert view.indicators.ema_50 is view.indicators.adx is view.indicators.rsi is None


def newest(frame, **options):
    """Return the view of 30m candles at the close of the last row."""
    return Candles(frame, "30m", **options).view(frame["date"].iloc[-1].to_pydatetime() + timedelta(minutes=30))


def with_flat(frame, first, count):
    """Return a copy with `count` candles as freqtrade fills a gap: the last close everywhere, no volume."""
    filled = frame.copy()
    filled.loc[first : first + count - 1, ["open", "high", "low", "close"]] = frame.loc[first - 1, "close"]
    filled.loc[first : first + count - 1, "volume"] = 0.0
    return filled


@pytest.mark.parametrize("max_flat", [1, 12, 40])
@pytest.mark.parametrize("more", [0, 1])
def test_a_longer_run_of_flat_candles_than_allowed_is_a_gap(frames, max_flat, more):
    frame = with_flat(frames["30m"].iloc[:1000], 900, max_flat + more)
    assert newest(frame, max_flat=max_flat).rows == (1000 - 900 - max_flat - more if more else WINDOW)


@pytest.mark.parametrize("changes", [{"volume": 1e-9}, {"high": 1e6}])
def test_a_candle_that_traded_or_ranged_ends_the_run(frames, changes):
    frame = with_flat(frames["30m"].iloc[:1000], 900, 24)
    assert newest(frame).rows == 76
    frame.loc[912, list(changes)] = list(changes.values())
    assert newest(frame).rows == WINDOW


@pytest.mark.parametrize("missing, rows", [(12, WINDOW), (13, 100), (500, 100)])
def test_missing_rows_are_the_same_gap_before_freqtrade_fills_them(frames, missing, rows):
    frame = frames["30m"].iloc[:1500]
    assert newest(pd.concat([frame.iloc[: 1400 - missing], frame.iloc[1400:]])).rows == rows


def test_nothing_is_shown_while_the_gap_lasts_and_the_market_before_it_is_not_changed(frames):
    frame = with_flat(frames["30m"].iloc[:1000], 900, 50)
    whole, gapped = Candles(frames["30m"], "30m"), Candles(frame, "30m")
    closes = {row: frame["date"].iloc[row].to_pydatetime() + timedelta(minutes=30) for row in (899, 911, 912, 949, 950)}
    assert gapped.view(closes[899]) == whole.view(closes[899])
    assert gapped.view(closes[911]).rows == WINDOW
    assert gapped.view(closes[912]) is gapped.view(closes[949]) is None
    assert gapped.view(closes[950]).rows == 1


def test_the_allowed_run_is_the_default_of_the_configuration():
    assert ContextConfig().max_flat_candles == MAX_FLAT


GARBAGE = st.sampled_from([np.nan, np.inf, -np.inf, 0.0, -1.0, 1e-300, 8.5e-6, 1.0, 1e300])


@settings(max_examples=150, deadline=None)
@given(data=st.data(), rows=st.integers(1, 60))
def test_no_candle_however_broken_raises(frames, data, rows):
    frame = frames["30m"].iloc[:rows].copy()
    count = data.draw(st.integers(1, rows))
    for _ in range(count):
        row, column = data.draw(st.integers(0, rows - 1)), data.draw(st.integers(1, 5))
        frame.iloc[row, column] = data.draw(GARBAGE)
    view = newest(frame)
    assert view is None or view.rows <= rows
    assert view is None or facts_of(snapshot_with(view), TIMEFRAMES, ("ema_20",)).missing != "none"


def snapshot_with(view):
    """Return the flat snapshot that shows only `view`."""
    closed = view.candle + timedelta(minutes=30)
    return MarketSnapshot(pair=PAIR, candle=view.candle, as_of=closed, timeframes=(view,), account=ACCOUNT)


def test_a_broken_newest_candle_counts_as_missing(frames):
    frame = frames["30m"].iloc[:1000].copy()
    frame.loc[999, "close"] = np.nan
    candles, last = Candles(frame, "30m"), frame["date"].iloc[-1].to_pydatetime()
    assert candles.view(last) is not None
    assert candles.view(last + timedelta(minutes=30)) is None
