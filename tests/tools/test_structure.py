"""Swings, the levels that they form, and the nearest of them."""

from statistics import median

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from candlegraph.tools.market.structure import (
    LEVELS_PER_SIDE,
    MERGED_ATR,
    WING,
    levels_of,
    nearest_above,
    nearest_below,
    swings,
)

TURNS = st.lists(st.floats(50, 150) | st.integers(90, 110).map(float), max_size=80)
ATRS = st.none() | st.just(0.0) | st.floats(0.01, 20)


def test_swing_is_the_extreme_of_three_candles_on_either_side():
    values = np.array([1.0, 2, 3, 9, 3, 2, 1])
    assert swings(values, highest=True) == (9.0,)
    assert swings(-values, highest=False) == (-9.0,)


def test_swing_is_unknown_until_three_later_candles_are_closed():
    values = np.array([1.0, 2, 3, 9, 3, 2, 1])
    for seen in range(4, 4 + WING):
        assert swings(values[:seen], highest=True) == ()


def test_an_extreme_two_candles_away_is_no_swing():
    assert swings(np.array([1.0, 2, 3, 8, 3, 9, 1]), highest=True) == ()


def test_swings_stand_oldest_first():
    values = np.tile([1.0, 1, 1, 5, 1, 1, 1], 20) + np.repeat(np.arange(20.0), 7) * 0.1
    assert swings(values, highest=True) == pytest.approx(tuple(5 + 0.1 * number for number in range(20)))


def test_of_an_equal_high_and_low_only_the_first_is_a_swing():
    values = np.array([1.0, 2, 3, 9, 9, 9, 3, 2, 1])
    assert swings(values, highest=True) == (9.0,)
    assert swings(-values, highest=False) == (-9.0,)


def test_a_market_that_stands_still_has_no_swing():
    assert swings(np.full(50, 7.0), highest=True) == swings(np.full(50, 7.0), highest=False) == ()


def test_swings_within_half_an_atr_are_one_level_with_that_many_touches():
    found = levels_of((100.0, 90.0, 90.4, 110.0, 91.0, 90.9), 95.0, atr=2.0)
    assert [(level.price, level.touches, level.kind) for level in found] == [
        (pytest.approx(90.65), 4, "support"),
        (100.0, 1, "resistance"),
        (110.0, 1, "resistance"),
    ]


def test_a_level_is_split_where_it_would_grow_wider_than_half_an_atr():
    found = levels_of(tuple(90 + 0.4 * number for number in range(6)), 95.0, atr=2.0)
    assert [level.touches for level in found] == [3, 3]


@pytest.mark.parametrize("atr", [None, 0.0])
def test_without_an_atr_only_equal_swings_are_one_level(atr):
    found = levels_of((90.0, 90.0, 90.01), 95.0, atr)
    assert [(level.price, level.touches) for level in found] == [(90.01, 1), (90.0, 2)]


def test_a_level_at_the_close_is_neither_support_nor_resistance():
    assert levels_of((100.0, 100.0), 100.0, atr=1.0) == ()


@given(turns=TURNS, close=st.floats(50, 150), atr=ATRS)
def test_levels_stand_on_their_side_of_the_close_nearest_first_and_few(turns, close, atr):
    found = levels_of(turns, close, atr)
    away = [abs(level.price - close) for level in found]
    assert away == sorted(away)
    assert all((level.price < close) == (level.kind == "support") and level.price != close for level in found)
    for kind in ("support", "resistance"):
        assert sum(level.kind == kind for level in found) <= LEVELS_PER_SIDE


@given(turns=TURNS, close=st.floats(50, 150), atr=ATRS)
def test_a_level_is_the_median_of_swings_that_lie_close_together(turns, close, atr):
    for level in levels_of(turns, close, atr):
        reach = MERGED_ATR * (atr or 0)
        near = sorted(turn for turn in turns if abs(turn - level.price) <= reach)
        parts = [near[i : i + level.touches] for i in range(len(near) - level.touches + 1)]
        assert any(median(part) == level.price for part in parts)


@given(turns=TURNS, close=st.floats(50, 150), atr=ATRS)
def test_order_of_the_swings_does_not_change_the_levels(turns, close, atr):
    assert levels_of(turns[::-1], close, atr) == levels_of(turns, close, atr)


def test_nearest_levels_are_strictly_below_and_above_the_price():
    levels = (90.0, 95.0, 100.0, 104.0, 110.0)
    assert nearest_below(levels, 100.0) == 95.0
    assert nearest_above(levels, 100.0) == 104.0


def test_there_is_no_level_beyond_the_outermost_one():
    assert nearest_below((101.0,), 100.0) is None
    assert nearest_above((99.0,), 100.0) is None
    assert nearest_above((), 100.0) is None
