"""Nothing after T may change a decision up to T: candles of all four timeframes, memory included."""

from pathlib import Path

import backtests
import pandas as pd
import pytest

LENGTH = {"30m": "30min", "1h": "1h", "4h": "4h", "1d": "1D"}
DAYS = 3


def copy_market(source, target, pairs, change):
    """Copy the candle files, each frame through `change(frame, length of its candles)`."""
    (target / "futures").mkdir(parents=True)
    for path in sorted((source / "futures").glob("*.feather")):
        if not any(path.name.startswith(pair.replace("/", "_").replace(":", "_")) for pair in pairs):
            continue
        timeframe, kind = path.stem.split("-")[1:]
        frame = pd.read_feather(path)
        if kind == "futures":
            frame = change(frame, pd.Timedelta(LENGTH[timeframe]))
        frame.to_feather(target / "futures" / path.name)
    return target


def altered_after(moment):
    """Turn the order of all later candles around.

    The set of prices stays: freqtrade's backtest rounds to the decimals that it finds in a whole month of candles, so
    new decimals in the future would move its average entry prices by a hair. That is freqtrade's, not ours.
    """

    def change(frame, length):
        late = frame["date"] + length > moment
        prices = ["open", "high", "low", "close"]
        frame.loc[late, prices] = frame.loc[late, prices].to_numpy()[::-1]
        return frame

    return change


def cut_after(moment):
    return lambda frame, length: frame[frame["date"] + length <= moment].reset_index(drop=True)


def decided(backtest, until):
    """Return what was decided up to `until`: prompt (with facts and cases) and signal of every pair and candle."""
    rows = [row for row in backtest.decisions() if row.as_of <= until]
    return [
        (r.pair, r.candle, r.prompt_hash, r.case_ids, r.signal.model_copy(update={"decision_id": ""})) for r in rows
    ]


@pytest.fixture(scope="module")
def honest(market, tmp_path_factory):
    datadir, pairs, first = market
    begin = pd.Timestamp(first, tz="UTC")
    timerange = f"{begin:%Y%m%d}-{begin + pd.Timedelta(days=DAYS):%Y%m%d}"
    return backtests.run(datadir, tmp_path_factory.mktemp("honest"), pairs, timerange), timerange, begin


@pytest.mark.parametrize("change", [altered_after, pytest.param(cut_after, marks=pytest.mark.slow)])
def test_the_future_changes_no_decision(honest, market, tmp_path, change):
    (full, timerange, begin), (datadir, pairs, _) = honest, market
    moment = begin + pd.Timedelta(days=DAYS - 1, hours=1, minutes=30)
    changed = copy_market(Path(datadir), tmp_path / "data", pairs, change(moment))
    other = backtests.run(changed, tmp_path / "user", pairs, timerange)
    # The backtester needs the candle that opens at a decision; where the data is cut at T, the last one is missing.
    until = moment if change is altered_after else moment - pd.Timedelta("30min")
    before = decided(full, until)
    assert decided(other, until) == before
    assert {pair for pair, *_ in before} == set(pairs)
    assert any(cases for _, _, _, cases, _ in before), "memory took no part"
    if change is altered_after:
        assert decided(other, begin + pd.Timedelta(days=DAYS)) != decided(full, begin + pd.Timedelta(days=DAYS))


def test_every_pair_and_candle_is_decided_exactly_once(honest, market):
    full, _, begin = honest
    candles = pd.date_range(begin, begin + pd.Timedelta(days=DAYS), freq="30min", inclusive="left")
    expected = {(pair, candle) for pair in market[1] for candle in candles}
    found = [(row.pair, pd.Timestamp(row.candle)) for row in full.decisions()]
    assert len(found) == len(set(found))
    assert expected <= set(found)
