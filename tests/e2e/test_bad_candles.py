"""Candles as bad as they come, through freqtrade's own backtester: no exception, stated in the prompt, no entry."""

from dataclasses import dataclass

import backtests
import numpy as np
import pandas as pd
import pytest
import script

from candlegraph.graph.schema.facts import ABSENT
from candlegraph.graph.settings.context import ContextConfig

PAIR = "BTC/USDT:USDT"
NAME = "BTC_USDT_USDT"
AT = pd.Timestamp("2025-10-12", tz="UTC")
"""Where the damage begins, or ends; half a day is traded after it, and where it matters some hours before it."""
DAY, HOUR = pd.Timedelta(days=1), pd.Timedelta(hours=1)
PRICES = ["open", "high", "low", "close"]
REQUIRED = ContextConfig().required_indicators


@dataclass
class Run:
    """The decisions of a backtest, and for each what its prompt said is missing and at which price."""

    rows: list
    missing: list
    prices: list
    trades: pd.DataFrame

    def between(self, begin, end=None):
        """Return (missing, signal) of the flat decisions from `begin` on, up to `end`."""
        found = zip(self.rows, self.missing, strict=True)
        end = end or AT + 100 * DAY
        return [(gone, row.signal) for row, gone in found if begin <= row.as_of < end and row.state == "flat"]


@pytest.fixture
def backtest(sample, tmp_path, monkeypatch):
    """Return a runner: candle files through `damage(frame, timeframe)`, a model that enters whenever it may."""

    def run(damage, begin=AT, end=AT + DAY, kinds=("futures",), **overrides):
        target, seen = tmp_path / "data" / "futures", []
        target.mkdir(parents=True)
        for path in sorted((sample.datadir / "futures").glob(f"{NAME}-*.feather")):
            frame, (timeframe, kind) = pd.read_feather(path), path.stem.split("-")[1:]
            (damage(frame, timeframe) if kind in kinds else frame).to_feather(target / path.name)

        def enter_or_leave(facts):
            seen.append(facts)
            return script.leave(facts) if facts.position else enter(facts)

        monkeypatch.setattr(script, "decide", enter_or_leave)
        timerange = f"{begin.timestamp():.0f}-{end.timestamp():.0f}"
        result = backtests.run(target.parent, tmp_path / "user", (PAIR,), timerange, "ScriptStrategy", **overrides)
        rows = sorted(result.decisions(), key=lambda row: row.as_of)
        return Run(rows, [facts.missing for facts in seen], [facts.price for facts in seen], result.trades)

    return run


def enter(facts):
    """Return an entry that only the facts can speak against; it names no stop where there is no ATR to place it."""
    stop_atr = None if list(facts.timeframes.values())[1].atr is None else 3.0
    return script.enter(facts, leverage=2.0, stake=500.0, stop_atr=stop_atr, confidence_score=90.0)


def unharmed(frame, timeframe):
    return frame


def assert_no_entry_while_missing(found):
    """Fail unless every one of `found` (missing, signal) misses something, was refused and says why."""
    assert found
    for missing, signal in found:
        assert missing != ABSENT
        assert (signal.action, signal.source) == ("wait", "veto")
        assert signal.reason == f"no entry while {missing} is unavailable"


def test_good_candles_miss_nothing_and_are_traded(backtest):
    run = backtest(unharmed)
    assert set(run.missing) == {ABSENT}
    assert len(run.trades) > 10


def test_a_gap_of_three_days_is_no_market_and_no_entry_follows_until_all_is_warm_again(backtest):
    def gap(frame, timeframe):
        return frame[(frame["date"] < AT - 4 * DAY) | (frame["date"] >= AT - DAY)].reset_index(drop=True)

    run = backtest(gap, begin=AT - 4 * DAY - 6 * HOUR, end=AT)
    assert any(signal.action == "enter_long" for _, signal in run.between(AT - 4 * DAY - 6 * HOUR, AT - 4 * DAY))
    filled = [row for row in run.rows if AT - 4 * DAY + pd.Timedelta("6h30min") <= row.as_of <= AT - DAY]
    assert filled == [], "freqtrade's filling was taken for a market"
    after = run.between(AT - DAY + pd.Timedelta("30min"))
    assert_no_entry_while_missing(after)
    assert after[0][0].startswith("1h 4h 30m.ema_20"), "the first 1h and 4h candle are still open"
    assert "1h.rsi" in after[-1][0] and "4h.rsi" in after[-1][0]
    assert not any("1d" in missing for missing, _ in after), "three flat days of 1d candles are within the limit"


@pytest.mark.parametrize("max_flat, is_gap", [(16, False), (15, True)])
def test_the_longest_run_that_is_no_gap_is_a_setting(backtest, max_flat, is_gap):
    def without_eight_hours(frame, timeframe):
        late = pd.Timedelta("8h")
        return frame[(frame["date"] < AT - late) | (frame["date"] >= AT)].reset_index(drop=True)

    run = backtest(without_eight_hours, end=AT + 16 * HOUR, context_config={"max_flat_candles": max_flat})
    after = run.between(AT + pd.Timedelta("8h"))
    if is_gap:
        assert_no_entry_while_missing(after)
    else:
        assert {missing for missing, _ in after} == {ABSENT}
        assert any(signal.action == "enter_long" for _, signal in after)


def test_duplicate_rows_change_no_decision(sample, tmp_path, backtest):
    def twice(frame, timeframe):
        return pd.concat([frame, frame[frame["date"] >= AT - 30 * DAY]]).sort_values("date").reset_index(drop=True)

    doubled = backtest(twice)
    prices = pd.read_feather(sample.datadir / "futures" / f"{NAME}-30m-futures.feather").set_index("date")["close"]
    assert len(doubled.rows) == len({row.as_of for row in doubled.rows})
    assert doubled.prices == pytest.approx([prices[row.candle] for row in doubled.rows], rel=1e-5)
    assert set(doubled.missing) == {ABSENT}
    assert len(doubled.trades) > 10


def test_rows_without_numbers_make_their_timeframe_unavailable_until_it_is_warm_again(backtest):
    def emptied(frame, timeframe):  # freqtrade fills such rows as it fills a gap: flat
        if timeframe == "1h":
            lost = frame["date"].between(AT - pd.Timedelta("14h"), AT - pd.Timedelta("1h"))
            frame.loc[lost, [*PRICES, "volume"]] = np.nan
        return frame

    run = backtest(emptied, begin=AT - 20 * HOUR, end=AT + 6 * HOUR)
    assert any(signal.action == "enter_long" for _, signal in run.between(AT - 20 * HOUR, AT - 14 * HOUR))
    during = run.between(AT - pd.Timedelta("1h"), AT + pd.Timedelta("1h"))
    assert_no_entry_while_missing(during)
    assert {missing for missing, _ in during} == {"1h"}
    after = run.between(AT + pd.Timedelta("1h"))
    assert_no_entry_while_missing(after)
    assert all(missing.startswith("1h.ema_20") for missing, _ in after)


def test_without_volume_an_indicator_of_volume_is_missing(backtest):
    def untraded(frame, timeframe):
        frame.loc[frame["date"].between(AT, AT + DAY / 2), "volume"] = 0.0
        return frame

    with_volume = {"required_indicators": [*REQUIRED, "mfi"]}
    run = backtest(untraded, begin=AT - 6 * HOUR, end=AT + 12 * HOUR, context_config=with_volume)
    assert all(missing == ABSENT for missing, _ in run.between(AT - 6 * HOUR, AT))
    quiet = run.between(AT + pd.Timedelta("7h"), AT + pd.Timedelta("12h"))
    assert_no_entry_while_missing(quiet)
    assert {missing for missing, _ in quiet} == {"30m.mfi"}


def test_a_short_history_is_stated_and_not_traded(backtest):
    def sixty_days(frame, timeframe):
        return frame[frame["date"] >= AT - 60 * DAY].reset_index(drop=True)

    run = backtest(sixty_days, end=AT + 6 * HOUR)
    assert_no_entry_while_missing(run.between(AT))
    assert set(run.missing) == {"1d.ema_50 1d.rsi 1d.adx 1d.macd 1d.atr"}
    assert run.trades.empty


def test_a_coin_at_a_fraction_of_a_cent_is_traded_as_any_other(backtest):
    def scaled(frame, timeframe):
        cheap = frame.copy()
        cheap[PRICES] = (cheap[PRICES] * 8.5e-6 / 92_000).round(10)
        return cheap

    run = backtest(scaled, kinds=("futures", "mark"))
    assert set(run.missing) == {ABSENT}
    assert all(8e-6 < price < 9e-6 for price in run.prices)
    assert len(set(run.prices)) > 40, "the digits were lost"
    assert len(run.trades) > 10
