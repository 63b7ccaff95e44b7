import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from freqtrade.data.history import get_datahandler, load_data
from freqtrade.enums import CandleType

from candlegraph.freqtrade_bridge.loopback.sample_market import (
    BEGIN,
    DEMO_CANDLES,
    END,
    START_PRICES,
    VERSION,
    SampleMarket,
    demo_timerange,
    finer_series,
    sample_frames,
    sample_series,
    write_sample_market,
)
from candlegraph.freqtrade_bridge.loopback.series import TIMEFRAME_MS
from candlegraph.graph.schema.errors import CandleError

PAIRS = list(START_PRICES)
DAYS = (END - BEGIN).days


def fingerprint(folder: Path) -> dict[str, str]:
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(folder.glob("futures/*"))}


def demo_window(market: SampleMarket) -> tuple[pd.Timestamp, pd.Timestamp]:
    first, last = (pd.Timestamp(day, tz="UTC") for day in market.timerange.split("-"))
    return first, last


def test_every_run_writes_the_same_bytes(sample: SampleMarket, tmp_path: Path) -> None:
    assert fingerprint(write_sample_market(tmp_path).datadir) == fingerprint(sample.datadir)


def test_prices_are_the_published_ones() -> None:
    """Results in the docs hang on these; whoever changes them raises VERSION."""
    closes = b"".join(sample_frames(pair)["30m"]["close"].to_numpy(float).tobytes() for pair in PAIRS)
    assert (VERSION, hashlib.sha256(closes).hexdigest()[:16]) == ("sample-6", "ab7af32d645b0010")


def test_writing_again_touches_nothing(sample: SampleMarket) -> None:
    times = {path: path.stat().st_mtime_ns for path in sample.datadir.rglob("*")}
    assert write_sample_market(sample.datadir) == sample
    assert {path: path.stat().st_mtime_ns for path in sample.datadir.rglob("*")} == times


def test_candles_of_the_user_are_not_overwritten(tmp_path: Path) -> None:
    theirs = tmp_path / "futures" / "BTC_USDT_USDT-30m-futures.feather"
    theirs.parent.mkdir()
    theirs.write_bytes(b"real")
    with pytest.raises(CandleError, match="is no sample candle file"):
        write_sample_market(tmp_path)
    assert theirs.read_bytes() == b"real"


@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("timeframe", ["30m", "1h", "4h", "1d"])
def test_buckets_are_complete(pair: str, timeframe: str) -> None:
    frames = sample_frames(pair)
    candles, length = frames[timeframe], pd.Timedelta(milliseconds=TIMEFRAME_MS[timeframe])
    assert set(candles["date"].diff().dropna()) == {length}
    assert candles["date"].iloc[0] == frames["30m"]["date"].iloc[0]
    assert candles["date"].iloc[-1] + length == END
    assert not candles.isna().any().any()
    assert (candles["high"] >= candles[["open", "close"]].max(axis=1)).all()
    assert (candles["low"] <= candles[["open", "close"]].min(axis=1)).all()
    assert (candles[["low", "volume"]] > 0).all().all()


@pytest.mark.parametrize("pair", PAIRS)
def test_daily_candles_before_the_demo_suffice_for_ema_200(pair: str, sample: SampleMarket) -> None:
    daily = sample_frames(pair)["1d"]
    assert (daily["date"] < demo_window(sample)[0]).sum() >= 400


@pytest.mark.parametrize("pair", PAIRS)
def test_each_market_trends_both_ways_and_ranges(pair: str) -> None:
    close = sample_frames(pair)["1d"]["close"]
    week = close.pct_change(7)
    assert week.max() > 0.12 and week.min() < -0.12
    assert (week.abs() < 0.02).sum() >= 20


@pytest.mark.parametrize("pair", PAIRS)
def test_each_market_crashes_once_within_a_day(pair: str) -> None:
    close = sample_frames(pair)["30m"].set_index("date")["close"]
    falls = close / close.shift(48) - 1
    crash = falls[falls < -0.25]
    assert -0.45 < falls.min() <= -0.28
    assert crash.index[-1] - crash.index[0] < pd.Timedelta(days=3)


def test_one_crash_lies_in_the_demo_window(sample: SampleMarket) -> None:
    first, last = demo_window(sample)
    close = sample_frames("SOL/USDT:USDT")["30m"].set_index("date")["close"][first:last]
    assert (close / close.shift(48) - 1).min() <= -0.3


@pytest.mark.parametrize("pair", PAIRS)
def test_volume_follows_the_range(pair: str) -> None:
    candles = sample_frames(pair)["30m"]
    assert candles["volume"].corr((candles["high"] - candles["low"]) / candles["close"], method="spearman") > 0.5


@pytest.mark.parametrize("pair", PAIRS)
def test_an_ema_rule_trades_both_sides_and_trends_pay_it(pair: str) -> None:
    close = sample_frames(pair)["4h"]["close"]
    side = np.sign(close.ewm(span=20).mean() - close.ewm(span=50).mean()).shift(1)
    profit = side * close.pct_change()
    assert 0.25 < (side > 0).mean() < 0.75
    assert (side.diff().abs() == 2).sum() >= 20
    assert profit[side > 0].sum() > 0 and profit[side < 0].sum() > 0


@pytest.mark.filterwarnings("ignore:The inplace keyword:pandas.errors.Pandas4Warning")  # freqtrade's own loader
@pytest.mark.parametrize("pair", PAIRS)
def test_freqtrade_reads_every_file(pair: str, sample: SampleMarket) -> None:
    handler = get_datahandler(sample.datadir, "feather")
    assert len(load_data(sample.datadir, "30m", [pair], candle_type=CandleType.FUTURES)[pair]) == DAYS * 48
    mark = handler.ohlcv_load(pair, "1h", CandleType.MARK)
    funding = handler.ohlcv_load(pair, "1h", CandleType.FUNDING_RATE, fill_missing=False, drop_incomplete=False)
    assert len(mark) >= DAYS * 24 - 1
    assert set(funding["date"].diff().dropna()) == {pd.Timedelta(hours=8)}


@pytest.mark.parametrize("pair", PAIRS)
def test_finer_candles_make_the_published_ones(pair: str) -> None:
    fine, base = finer_series(pair), sample_series(pair)
    made = fine.resampled(base.base_ms)
    for name in ("time", "open", "high", "low", "close"):
        np.testing.assert_array_equal(getattr(made, name), getattr(base, name))
    np.testing.assert_allclose(made.volume, base.volume)
    assert (fine.high >= np.maximum(fine.open, fine.close)).all() and (fine.low > 0).all()
    assert (fine.low <= np.minimum(fine.open, fine.close)).all()


def test_other_timeframes_are_added_to_the_folder_and_nothing_else_is_touched(tmp_path: Path) -> None:
    market = write_sample_market(tmp_path)
    before = fingerprint(tmp_path)
    weekly = write_sample_market(tmp_path, "1d")
    assert fingerprint(tmp_path).items() >= before.items()
    assert {"1w-futures"} == {name.split("-", 1)[1].split(".")[0] for name in set(fingerprint(tmp_path)) - set(before)}
    assert (market.timerange, weekly.timerange) == ("20251005-20251102", "20250101-20251102")


def test_an_older_sample_is_replaced_as_a_whole(tmp_path: Path) -> None:
    write_sample_market(tmp_path, "1d")
    (tmp_path / f"{VERSION}.txt").rename(tmp_path / "sample-0.txt")
    stale = tmp_path / "futures" / "BTC_USDT_USDT-1w-futures.feather"
    write_sample_market(tmp_path)
    assert not stale.exists()


@pytest.mark.parametrize(
    ("main", "span"), [("5m", "20251028-20251102"), ("15m", "20251019-20251102"), ("4h", "20250323-20251102")]
)
def test_a_demo_of_another_timeframe_has_about_as_many_candles(main: str, span: str) -> None:
    assert demo_timerange(main) == span
    assert (DEMO_CANDLES - 1) * TIMEFRAME_MS[main] < pd.Timedelta(days=days_of(span)) / pd.Timedelta("1ms")


def days_of(span: str) -> int:
    first, last = map(pd.Timestamp, span.split("-"))
    return int((last - first).days)
