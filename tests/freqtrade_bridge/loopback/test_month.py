"""The real month that the demo runs on: complete, small, and what it says it is."""

import os
from pathlib import Path

import pandas as pd
import pytest

from candlegraph.freqtrade_bridge.loopback.month import CANDLES, PAIRS, TIMERANGE, write_month
from candlegraph.tools.market.candle_files import file_name

MARKET = os.environ.get("CANDLEGRAPH_MARKET")
BEGIN, END = (pd.Timestamp(day, tz="UTC") for day in TIMERANGE.split("-"))
NEEDED = 600
"""Candles before the month that the strategy starts up with."""
ALL = [(pair, timeframe) for pair in PAIRS for timeframe in ("30m", "1h", "4h", "1d")]


def frame_of(folder, pair, timeframe):
    return pd.read_feather(Path(folder) / "futures" / f"{file_name(pair)}-{timeframe}-futures.feather")


@pytest.mark.parametrize(("pair", "timeframe"), ALL)
def test_the_month_is_whole_and_has_the_history_it_needs(pair, timeframe):
    dates = frame_of(CANDLES, pair, timeframe)["date"]
    assert (dates.diff().dropna() == pd.Timedelta(timeframe.replace("d", "D"))).all()
    assert (dates < BEGIN).sum() == NEEDED
    assert dates.iloc[-1] + pd.Timedelta(timeframe.replace("d", "D")) == END


@pytest.mark.skipif(MARKET is None, reason="CANDLEGRAPH_MARKET is not set")
@pytest.mark.parametrize(("pair", "timeframe"), ALL)
def test_the_prices_are_those_of_the_market(pair, timeframe):
    ours = frame_of(CANDLES, pair, timeframe)
    market = frame_of(Path(MARKET) / "binance", pair, timeframe)
    theirs = market[market["date"].between(ours["date"].iloc[0], ours["date"].iloc[-1])].reset_index(drop=True)
    pd.testing.assert_frame_equal(ours, theirs)


def test_it_is_small_and_says_where_it_is_from():
    assert sum(path.stat().st_size for path in CANDLES.rglob("*")) <= 1_500_000
    assert "Binance" in (CANDLES / "README.md").read_text()


def test_it_is_copied_and_an_older_copy_replaced(tmp_path):
    (tmp_path / "futures").mkdir()
    stale = tmp_path / "futures" / f"{file_name(PAIRS[0])}-30m-futures.feather"
    stale.write_bytes(b"cut off")
    market = write_month(tmp_path)
    assert (market.pairs, market.timerange) == (PAIRS, TIMERANGE)
    assert len(frame_of(tmp_path, PAIRS[0], "30m")) == NEEDED + 30 * 48
