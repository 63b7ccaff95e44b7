import pytest

from candlegraph.graph.schema.indicators import TimeframeFacts
from candlegraph.memory.learning.comparison import MarketState, compare, timeframe_changes

CALM = {
    "close": 100,
    "rsi": 50,
    "adx": 25,
    "atr": 1,
    "mfi": 50,
    "obv_slope": 0,
    "ema_20_distance": 0.5,
    "ema_50_distance": 1,
    "ema_200_distance": 2,
    "ema_spread": 0.5,
    "macd_histogram": 0.2,
    "bollinger_position": 0.5,
    "momentum": 0,
}


def facts(**changes):
    return TimeframeFacts(**CALM | changes)


def market(price=100.0, timeframes=None, **changes):
    known = {"price": price, "regime": "range", "trend_strength": "weak", "alignment": 0}
    return MarketState(timeframes=timeframes or {"30m": facts()}, **known | changes)


@pytest.mark.parametrize(
    ("then", "now", "line"),
    [
        ({}, {}, None),
        ({}, {"atr": 1.5}, "atr 1 to 1.5 (+50%)"),
        ({}, {"atr": 1.499}, None),
        ({}, {"atr": 0.5}, "atr 1 to 0.5 (-50%)"),
        ({}, {"atr": 0.501}, None),
        ({}, {"ema_20_distance": 1.1}, "ema 20/50/200 to 50/20/200"),
        ({}, {"ema_200_distance": -1}, "ema 20/50/200 to 200/20/50"),
        ({}, {"ema_20_distance": 0.99}, None),
        ({"ema_200_distance": None}, {"ema_200_distance": -1}, None),
        ({"ema_200_distance": -1}, {"ema_200_distance": None}, None),
        ({"atr": 0, "adx": 0}, {"atr": 1, "adx": 10}, None),  # no ratio to nothing
        ({"rsi": 41}, {"rsi": 39}, "rsi 41 to 39 (40/60 crossed)"),
        ({"rsi": 41}, {"rsi": 40}, None),
        ({"rsi": 59}, {"rsi": 61}, "rsi 59 to 61 (40/60 crossed)"),
        ({"rsi": 61}, {"rsi": 60.1}, None),
        ({}, {"macd_histogram": -0.01}, "macd_histogram 0.2 to -0.01 (sign)"),
        ({}, {"macd_histogram": 0.01}, None),
        ({"adx": 19.9}, {"adx": 20}, "adx 19.9 to 20 (a trend begins)"),
        ({"adx": 20}, {"adx": 18}, None),
        ({"adx": 18}, {"adx": 17.9}, "adx 18 to 17.9 (the trend ends)"),
        ({"adx": 40}, {"adx": 50}, "adx 40 to 50 (+25%)"),
        ({"adx": 40}, {"adx": 49.9}, None),
        ({"adx": 40}, {"adx": 30}, "adx 40 to 30 (-25%)"),
        ({"atr": None, "rsi": None, "adx": None, "macd_histogram": None}, {"atr": 9, "rsi": 99, "adx": 60}, None),
        ({"atr": 9, "rsi": 99, "adx": 60}, {"atr": None, "rsi": None, "adx": None, "macd_histogram": None}, None),
    ],
)
def test_a_change_counts_from_its_stated_bound_on(then, now, line):
    assert list(timeframe_changes(facts(**then), facts(**now))) == ([] if line is None else [line])


def test_changes_of_the_whole_market_stand_before_those_of_the_timeframes():
    then = market(alignment=3, regime="trend_up", trend_strength="strong", timeframes={"30m": facts(), "4h": facts()})
    now = market(101.5, alignment=-1, timeframes={"30m": facts(rsi=70), "4h": facts(atr=2)})
    found = compare(then, now)
    assert found.lines == (
        "price +1.50 %",
        "alignment +3 to -1",
        "regime trend_up to range",
        "trend_strength strong to weak",
        "30m rsi 50 to 70 (40/60 crossed)",
        "4h atr 1 to 2 (+100%)",
    )
    assert found.alignment_change == -4


def test_every_indicator_is_shown_then_and_now_per_timeframe():
    found = compare(market(), market(timeframes={"30m": facts(rsi=52.34, mfi=None)}))
    assert found.indicators == (
        "30m rsi 50 to 52.3, adx 25 to 25, atr 1 to 1, mfi 50 to none, macd_histogram 0.2 to 0.2, "
        "bollinger_position 0.5 to 0.5",
    )


def test_a_timeframe_that_only_one_moment_knows_is_left_out():
    found = compare(
        market(timeframes={"30m": facts(), "1d": facts()}), market(timeframes={"30m": facts(), "4h": facts()})
    )
    assert [line.split()[0] for line in found.indicators] == ["30m"]


@pytest.mark.parametrize(
    ("now", "alike"),
    [
        ({"situation": (1, 0), "space": "a"}, 1.0),
        ({"situation": (0, 2), "space": "a"}, 0.0),
        ({"situation": (-3, 0), "space": "a"}, -1.0),
        ({"situation": (1, 0), "space": "b"}, None),
        ({"situation": None, "space": "a"}, None),
        ({"situation": (1, 0, 0), "space": "a"}, None),
        ({"situation": (0, 0), "space": "a"}, None),
    ],
)
def test_situations_are_compared_in_one_space_only(now, alike):
    found = compare(market(situation=(1, 0), space="a"), market(**now))
    assert found.alike == (None if alike is None else pytest.approx(alike))
    assert any(line.startswith("situation alike") for line in found.lines) == (alike is not None)


def test_large_numbers_are_written_without_an_exponent():
    then, now = (facts(atr=atr) for atr in (1352.76, 34142.8))
    assert list(timeframe_changes(then, now)) == ["atr 1350 to 34100 (+2424%)"]
