"""Freqtrade's four formats of candle files: what its own handlers write is read alike, without freqtrade."""

import gzip
from datetime import timedelta

import pandas as pd
import pytest
from freqtrade.data.history import get_datahandler
from freqtrade.enums import CandleType

from candlegraph.graph.schema.errors import CandleError
from candlegraph.tools.market.candle_files import candle_file, format_in, futures_in, read_candles, read_frame

PAIR = "BTC/USDT:USDT"
FORMATS = ("feather", "parquet", "jsongz", "json")
ENDINGS = ("feather", "parquet", "json.gz", "json")


@pytest.fixture
def hourly(frames):
    frame = frames["1h"].iloc[:800].reset_index(drop=True)
    return frame.assign(date=frame["date"].dt.as_unit("ms"))


@pytest.fixture
def stored(tmp_path, hourly):
    """Return a function that lets freqtrade store the candles in a format."""

    def store(form, kind=CandleType.FUTURES, frame=hourly):
        (tmp_path / "futures").mkdir(exist_ok=True)
        get_datahandler(tmp_path, form).ohlcv_store(PAIR, "1h", frame, kind)
        return tmp_path

    return store


@pytest.mark.parametrize("form", FORMATS)
def test_candles_of_each_format_are_freqtrades_own(stored, form):
    folder = stored(form)
    ours = read_frame(candle_file(folder, PAIR, "1h"))
    theirs = get_datahandler(folder, form).ohlcv_load(PAIR, "1h", CandleType.FUTURES, fill_missing=False)
    pd.testing.assert_frame_equal(ours, theirs, check_dtype=False)
    assert str(ours["date"].dt.tz) == "UTC"
    assert format_in(folder, "1h") == form
    assert list(futures_in(folder, "1h", form)) == [PAIR]


def test_futures_count_before_spot_whatever_their_format(stored, hourly):
    folder = stored("json")
    stored("feather", CandleType.SPOT, hourly.assign(close=1.0))
    assert candle_file(folder, PAIR, "1h").name == "BTC_USDT_USDT-1h-futures.json"


def test_of_two_formats_the_named_one_counts(stored, hourly):
    stored("feather", frame=hourly.iloc[:-5])
    folder = stored("jsongz")
    as_of = hourly["date"].iloc[-1].to_pydatetime() + timedelta(hours=1)
    assert read_candles(folder, PAIR, "1h").view(as_of) is None
    assert read_candles(folder, PAIR, "1h", form="jsongz").view(as_of).rows == 600


def test_a_named_format_that_is_not_there_is_told_with_those_that_are(stored):
    folder = stored("parquet")
    with pytest.raises(CandleError, match=r"looked for .*-1h-futures.json .*there as parquet: set dataformat_ohlcv"):
        candle_file(folder, PAIR, "1h", "json")


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not candles at all",
        b"{}",
        b"[[1, 2, 3]]",
        b'[["x", 1, 1, 1, 1, 1]]',
        gzip.compress(b"[[1,2", mtime=0),
        gzip.compress(b"[]", mtime=0)[:-6],
        b"PAR1 cut off",
    ],
)
def test_a_damaged_file_of_any_format_is_named_in_one_line(tmp_path, ending, content):
    path = tmp_path / f"BTC_USDT_USDT-1h.{ending}"
    path.write_bytes(content)
    with pytest.raises(CandleError, match="freqtrade download-data") as caught:
        read_candles(tmp_path, PAIR, "1h")
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)
