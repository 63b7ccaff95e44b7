"""Closed candles only, and what becomes of candles that are late or double."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from candlegraph.graph.schema.errors import CandleError
from candlegraph.graph.schema.market import Account
from candlegraph.graph.settings.context import ContextConfig
from candlegraph.tools.market.candle_files import read_candles
from candlegraph.tools.market.facts import facts_of
from candlegraph.tools.market.frames import WINDOW, Candles, duration, snapshot_of
from candlegraph.tools.market.indicators import indicators_of, past_indicators_of, series_of
from candlegraph.tools.market.patterns import patterns_of
from candlegraph.tools.market.structure import levels_of, swings

PAIR = "BTC/USDT:USDT"
ACCOUNT = Account(equity=1000, free=1000, open_positions=0)
TIMEFRAMES = ("30m", "1h", "4h", "1d")
FIRST = datetime(2024, 4, 20, tzinfo=UTC)


def all_candles(frames):
    return {timeframe: Candles(frames[timeframe], timeframe) for timeframe in TIMEFRAMES}


def changed_future(frame, late, how, factor):
    """Return `frame` with its candles in `late` cut, altered, broken, or with wild ones added behind the last."""
    if how == "cut":
        return frame[~late]
    changed, columns = frame.copy(), ["open", "high", "low", "close", "volume"]
    if how == "extended":
        more = frame.assign(date=frame["date"] + (frame["date"].iloc[-1] - frame["date"].iloc[0]) * 2)
        more[columns] *= factor
        return pd.concat([frame, more])
    changed.loc[late, columns] *= factor if how == "altered" else np.nan
    return changed


@pytest.mark.parametrize("how", ["cut", "altered", "crashing", "extended"])
@settings(max_examples=12, deadline=None)
@given(step=st.integers(0, 48 * 30), factor=st.floats(0.1, 10))
def test_candles_that_close_after_the_decision_change_nothing(frames, how, step, factor):
    as_of = FIRST + timedelta(minutes=30 * step)
    future = {}
    for timeframe, frame in frames.items():
        open_or_later = frame["date"] + duration(timeframe) > as_of
        assert open_or_later.any()
        future[timeframe] = changed_future(frame, open_or_later, how, factor)
    seen, same = all_candles(frames), all_candles(future)
    for timeframe in TIMEFRAMES:
        assert same[timeframe].view(as_of) == seen[timeframe].view(as_of), timeframe
    then, now = (snapshot_of(PAIR, as_of, candles, ACCOUNT) for candles in (seen, same))
    assert now == then
    assert now.main.levels and now.main.past_indicators.rsi[-1] is not None, "equal, but nothing to compare"
    required = ContextConfig().required_indicators
    assert facts_of(now, TIMEFRAMES, required) == facts_of(then, TIMEFRAMES, required)


@pytest.mark.parametrize("timeframe", TIMEFRAMES)
def test_a_candle_counts_from_its_close_time_on(frames, timeframe):
    candles, length = Candles(frames[timeframe], timeframe), duration(timeframe)
    closes = FIRST + length
    assert candles.view(closes).candle == FIRST
    assert candles.view(closes - timedelta(microseconds=1)).candle == FIRST - length


@pytest.mark.parametrize("timeframe", TIMEFRAMES)
def test_the_last_closed_candle_is_shown_until_the_next_one_closes(frames, timeframe):
    candles, length = Candles(frames[timeframe], timeframe), duration(timeframe)
    late = FIRST + 2 * length - timedelta(microseconds=1)
    assert candles.view(late).candle == candles.opened_at(late) == FIRST


def test_stale_candles_give_no_view(frames):
    frame = frames["1h"][frames["1h"]["date"] < FIRST]
    candles = Candles(frame, "1h")
    assert candles.view(FIRST) is not None
    assert candles.view(FIRST + timedelta(hours=1)) is None
    assert candles.opened_at(FIRST + timedelta(hours=1)) is None


def test_there_is_no_view_before_the_first_close(frames):
    first = frames["1h"]["date"].iloc[0].to_pydatetime()
    assert Candles(frames["1h"], "1h").view(first + timedelta(minutes=59)) is None


def test_view_shows_the_last_row_and_the_closes_before_it(frames):
    view = Candles(frames["1h"], "1h").view(FIRST + timedelta(hours=1))
    frame = frames["1h"][frames["1h"]["date"] <= FIRST]
    assert (view.open, view.high, view.low, view.close) == tuple(frame.iloc[-1][["open", "high", "low", "close"]])
    assert view.past_closes == tuple(frame["close"].iloc[-13:-1])


def test_window_holds_at_most_six_hundred_candles(frames):
    assert Candles(frames["30m"], "30m").view(FIRST).rows == WINDOW == 600
    short = Candles(frames["30m"].iloc[:5], "30m")
    assert short.view(frames["30m"]["date"].iloc[5].to_pydatetime()).rows == 5


def test_of_two_rows_for_one_candle_the_later_row_counts(frames):
    frame = frames["30m"].iloc[:3000]
    wrong = frame.assign(close=frame["open"], volume=1.0)
    pairs = pd.concat([wrong, frame]).reset_index(drop=True)
    as_of = frame["date"].iloc[-1].to_pydatetime() + timedelta(minutes=30)
    assert Candles(pairs, "30m").view(as_of) == Candles(frame, "30m").view(as_of)


def test_order_of_rows_does_not_matter(frames):
    frame = frames["30m"].iloc[:1000]
    as_of = frame["date"].iloc[-1].to_pydatetime() + timedelta(minutes=30)
    assert Candles(frame.iloc[::-1], "30m").view(as_of) == Candles(frame, "30m").view(as_of)


def test_the_view_of_an_unchanged_timeframe_is_the_same_object(frames):
    candles = all_candles(frames)
    first = {timeframe: candles[timeframe].view(FIRST) for timeframe in TIMEFRAMES}
    half_an_hour_later = {timeframe: candles[timeframe].view(FIRST + timedelta(minutes=30)) for timeframe in TIMEFRAMES}
    same = {timeframe: half_an_hour_later[timeframe] is first[timeframe] for timeframe in TIMEFRAMES}
    assert same == {"30m": False, "1h": True, "4h": True, "1d": True}


def test_view_shows_levels_patterns_and_past_values_of_its_own_window(frames):
    view = Candles(frames["1h"], "1h").view(FIRST)
    window = frames["1h"][frames["1h"]["date"] < FIRST].iloc[-WINDOW:]
    high, low, close, volume = (window[name].to_numpy() for name in ("high", "low", "close", "volume"))
    highs, lows = swings(high, highest=True), swings(low, highest=False)
    assert view.levels == levels_of(highs + lows, close[-1], view.indicators.atr)
    assert view.patterns == patterns_of(window["open"].to_numpy(), high, low, close)
    assert view.past_indicators == past_indicators_of(series_of(high, low, close, volume), volume)
    assert view.indicators == indicators_of(window)


def test_frame_given_is_not_changed(frames):
    before = frames["1d"].copy()
    Candles(frames["1d"], "1d").view(FIRST)
    pd.testing.assert_frame_equal(frames["1d"], before)


def test_missing_columns_are_named(frames):
    with pytest.raises(CandleError, match=r"1h candles: expected columns .*\['high', 'volume'\] are missing"):
        Candles(frames["1h"].drop(columns=["high", "volume"]), "1h")


@pytest.mark.parametrize("text", ["", "m", "30", "h1", "1x", "1.5h", "-1h"])
def test_a_text_that_is_no_timeframe_is_refused(text):
    with pytest.raises(CandleError, match="expected a timeframe like"):
        duration(text)


def test_timeframes_have_their_length():
    assert [duration(t) for t in ("30m", "4h", "1d", "1w")] == [
        timedelta(minutes=30),
        timedelta(hours=4),
        timedelta(days=1),
        timedelta(weeks=1),
    ]


def test_snapshot_needs_a_closed_main_candle_and_names_pair_and_time(frames):
    candles = all_candles(frames | {"30m": frames["30m"].iloc[:100]})
    with pytest.raises(CandleError, match=r"BTC/USDT:USDT: no closed 30m candle as of 2024-04-20 00:00 UTC"):
        snapshot_of(PAIR, FIRST, candles, ACCOUNT)


def test_snapshot_goes_without_a_stale_higher_timeframe(frames):
    candles = all_candles(frames | {"4h": frames["4h"].iloc[:100]})
    assert [view.timeframe for view in snapshot_of(PAIR, FIRST, candles, ACCOUNT).timeframes] == ["30m", "1h", "1d"]


def test_snapshot_states_candle_and_moment_of_decision(make_snapshot, as_of):
    snapshot = make_snapshot()
    assert (snapshot.as_of, snapshot.candle) == (as_of, as_of - timedelta(minutes=30))
    assert snapshot.main.timeframe == "30m"
    assert all(value is not None for view in snapshot.timeframes for value in view.indicators.model_dump().values())


@pytest.mark.parametrize("place", ["futures/BTC_USDT_USDT-1h-futures.feather", "BTC_USDT_USDT-1h.feather"])
def test_candles_are_read_from_a_futures_or_spot_folder(tmp_path, frames, place):
    (tmp_path / place).parent.mkdir(exist_ok=True)
    frames["1h"].to_feather(tmp_path / place)
    assert read_candles(tmp_path, PAIR, "1h").view(FIRST) == Candles(frames["1h"], "1h").view(FIRST)


def test_reader_names_the_files_it_looked_for(tmp_path):
    with pytest.raises(CandleError) as caught:
        read_candles(tmp_path, PAIR, "4h")
    for part in (PAIR, "4h", str(tmp_path), "BTC_USDT_USDT-4h-futures.feather", "BTC_USDT_USDT-4h.feather"):
        assert part in str(caught.value)


def test_reader_names_the_file_that_lacks_columns(tmp_path, frames):
    path = tmp_path / "BTC_USDT_USDT-1h.feather"
    frames["1h"].drop(columns="volume").to_feather(path)
    with pytest.raises(CandleError, match="volume") as caught:
        read_candles(tmp_path, PAIR, "1h")
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"not a feather file at all", b"ARROW1\0\0 cut off"])
def test_reader_names_the_file_that_is_damaged(tmp_path, content):
    path = tmp_path / "BTC_USDT_USDT-1h.feather"
    path.write_bytes(content)
    with pytest.raises(CandleError) as caught:
        read_candles(tmp_path, PAIR, "1h")
    assert str(path) in str(caught.value)
