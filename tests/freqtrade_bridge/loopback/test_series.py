import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from candlegraph.freqtrade_bridge.loopback.series import TIMEFRAME_MS, CandleSeries
from candlegraph.graph.schema.errors import CandleError

HALF_HOUR = TIMEFRAME_MS["30m"]
TIMEFRAMES = ("30m", "1h", "4h", "1d", "1w")
BEGIN = 1_735_689_600_000  # 2025-01-01, a day's first millisecond


def series(count: int, seed: int = 1) -> CandleSeries:
    rng = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, count)))
    opened = np.r_[100.0, close[:-1]]
    high, low = np.maximum(opened, close) * 1.01, np.minimum(opened, close) * 0.99
    return CandleSeries(
        HALF_HOUR, BEGIN + np.arange(count) * HALF_HOUR, opened, high, low, close, rng.uniform(1, 9, count)
    )


def frame(one: CandleSeries) -> pd.DataFrame:
    date = pd.to_datetime(one.time, unit="ms", utc=True)
    return pd.DataFrame(
        {"date": date} | {name: getattr(one, name) for name in ("open", "high", "low", "close", "volume")}
    )


def test_weeks_begin_on_mondays() -> None:
    weeks = frame(series(48 * 30).resampled(TIMEFRAME_MS["1w"]))["date"]
    assert set(weeks.dt.day_name()) == {"Monday"}
    assert set(weeks.diff().dropna()) == {pd.Timedelta(days=7)}


@given(count=st.integers(1, 400), timeframe=st.sampled_from(["1h", "4h", "1d"]))
def test_resampling_equals_pandas(count: int, timeframe: str) -> None:
    one = series(count)
    rule = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}
    expected = (
        frame(one).resample(pd.Timedelta(milliseconds=TIMEFRAME_MS[timeframe]), on="date").agg(rule).reset_index()
    )
    pd.testing.assert_frame_equal(
        frame(one.resampled(TIMEFRAME_MS[timeframe])), expected, check_dtype=False, check_freq=False
    )


@given(
    count=st.integers(1, 200),
    elapsed=st.integers(0, 100 * HALF_HOUR),
    timeframe=st.sampled_from(TIMEFRAMES),
)
def test_last_kline_is_the_running_candle_and_knows_nothing_later(count: int, elapsed: int, timeframe: str) -> None:
    now = BEGIN + min(elapsed, count * HALF_HOUR - 1)
    rows = series(count).klines(timeframe, now, None, None, 1500)
    seen = (now - BEGIN) // HALF_HOUR + 1
    assert rows[-1][0] <= now < rows[-1][0] + TIMEFRAME_MS[timeframe]
    changed = series(count)
    for name in ("open", "high", "low", "close", "volume"):
        getattr(changed, name)[seen:] *= 7.0
    assert changed.klines(timeframe, now, None, None, 1500) == rows
    opened, high, low, close = rows[-1][1:5]
    assert low <= min(opened, close) <= max(opened, close) <= high


@pytest.mark.parametrize(
    ("start", "end", "limit", "first", "count"),
    [
        (None, None, 3, 7, 3),  # the newest
        (2, None, 3, 2, 3),  # from start on
        (2, 3, 9, 2, 2),  # both ends included
        (None, 4, 2, 3, 2),  # the newest before end
        (50, None, 3, 0, 0),  # the future is not there
    ],
)
def test_klines_honour_start_end_and_limit(
    start: int | None, end: int | None, limit: int, first: int, count: int
) -> None:
    at = [None if i is None else BEGIN + i * HALF_HOUR for i in (start, end)]
    rows = series(20).klines("30m", BEGIN + 10 * HALF_HOUR - 1, at[0], at[1], limit)
    assert [row[0] for row in rows] == [BEGIN + (first + i) * HALF_HOUR for i in range(count)]


def test_price_lies_on_the_line_from_open_to_close() -> None:
    one = series(3)
    assert one.price(BEGIN + HALF_HOUR) == one.open[1]
    assert one.price(BEGIN + HALF_HOUR + HALF_HOUR // 2) == pytest.approx((one.open[1] + one.close[1]) / 2)
    assert one.price(BEGIN + 99 * HALF_HOUR) == one.close[-1]


def test_a_frame_gives_its_candles_back() -> None:
    one = frame(series(5))
    pd.testing.assert_frame_equal(frame(CandleSeries.of_frame(one, HALF_HOUR)), one, check_dtype=False)


@pytest.mark.parametrize("timeframe", ["30m", "7m"])
def test_a_timeframe_that_cannot_be_made_is_refused(timeframe: str) -> None:
    with pytest.raises(CandleError, match="expected a"):
        series(48).resampled(TIMEFRAME_MS["1h"]).klines(timeframe, BEGIN, None, None, 9)
