"""Prices on their path, and the markets of a candle folder."""

from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markets import write

from candlegraph.freqtrade_bridge.loopback.account.data import account_markets
from candlegraph.freqtrade_bridge.loopback.account.path import PathSeries, crossing
from candlegraph.freqtrade_bridge.loopback.sample_market import sample_series
from candlegraph.freqtrade_bridge.loopback.series import CandleSeries
from candlegraph.graph.schema.errors import CandleError

BTC = "BTC/USDT:USDT"
HALF_HOUR, LEG = 1_800_000, 600_000


def candle(opened: float, high: float, low: float, close: float) -> PathSeries:
    columns = (np.array([value, value]) for value in (opened, high, low, close))
    return PathSeries(HALF_HOUR, np.array([0, HALF_HOUR]), *columns, np.ones(2))


@pytest.mark.parametrize(("close", "corners"), [(102.0, (100, 95, 110, 102)), (98.0, (100, 110, 95, 98))])
def test_a_candle_is_walked_through_both_extremes(close: float, corners: tuple[float, ...]) -> None:
    one = candle(100.0, 110.0, 95.0, close)
    assert tuple(one.price(i * LEG) for i in range(3)) == corners[:3]
    assert one.price(HALF_HOUR - 1) == pytest.approx(corners[3], abs=0.01)
    assert one.price(LEG // 2) == (corners[0] + corners[1]) / 2


@settings(deadline=None)
@given(now=st.integers(0, HALF_HOUR - 1))
def test_the_running_candle_holds_what_was_walked_through_and_no_more(now: int) -> None:
    one = candle(100.0, 110.0, 95.0, 102.0)
    (row,) = one.klines("30m", now, None, None, 1)
    walked = [one.price(at) for at in {*range(0, now + 1, 60_000), *(i * LEG for i in range(3) if i * LEG <= now), now}]
    assert (row[3], row[2], row[4]) == (pytest.approx(min(walked)), pytest.approx(max(walked)), one.price(now))


@given(level=st.integers(9501, 9999))
def test_a_level_is_crossed_at_the_first_moment_that_the_price_is_beyond_it(level: int) -> None:
    one, wanted = candle(100.0, 110.0, 95.0, 102.0), Decimal(level) / 100
    at = crossing(one, wanted, -1, 0, LEG)
    assert at is not None
    a_hair = 1e-9  # prices are walked in floats
    assert one.price(at) - a_hair <= float(wanted) <= one.price(at - 1) + a_hair
    assert crossing(one, wanted, -1, 0, at - 1) is None
    assert crossing(one, Decimal(90), -1, 0, LEG) is None
    assert crossing(one, Decimal(101), -1, 0, LEG) == 0


def folder(path: Path) -> Path:
    series = sample_series(BTC)
    cut = CandleSeries(
        series.base_ms, *(getattr(series, n)[:960] for n in ("time", "open", "high", "low", "close", "volume"))
    )
    write(path, {BTC: cut})
    mark = path / "futures" / "BTC_USDT_USDT-1h-mark.feather"
    frame = pd.read_feather(mark)
    frame[["open", "high", "low", "close"]] *= 1.002
    frame.to_feather(mark)
    rates = path / "futures" / "BTC_USDT_USDT-1h-funding_rate.feather"
    frame = pd.read_feather(rates)
    frame["funding_rate"] = np.arange(len(frame)) / 10_000
    frame.to_feather(rates)
    return path


def test_an_accounts_market_has_the_path_the_mark_prices_and_the_funding_rates_of_its_folder(tmp_path: Path) -> None:
    (market,) = account_markets(folder(tmp_path / "data"), [BTC])
    begin = int(market.series.time[0])
    assert isinstance(market.series, PathSeries)
    assert market.mark_series.price(begin + LEG) == pytest.approx(market.series.price(begin + LEG) * 1.002)
    assert [market.funding_rate(begin + i * 8 * 3_600_000) for i in range(3)] == [0.0, 0.0001, 0.0002]


@pytest.mark.parametrize("kind", ["mark", "funding_rate"])
def test_a_folder_without_mark_prices_or_funding_is_refused_by_the_files_name(tmp_path: Path, kind: str) -> None:
    data = folder(tmp_path / "data")
    (data / "futures" / f"BTC_USDT_USDT-1h-{kind}.feather").unlink()
    with pytest.raises(CandleError, match=f"BTC_USDT_USDT-1h-{kind}.feather; an account needs"):
        account_markets(data, [BTC])
