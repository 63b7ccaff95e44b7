"""Swings and the nearest levels."""

import numpy as np
import pytest

from candlegraph.tools.market.structure import KEPT, WING, nearest_above, nearest_below, swings


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


def test_only_the_newest_swings_are_kept_oldest_first():
    values = np.tile([1.0, 1, 1, 5, 1, 1, 1], 20) + np.repeat(np.arange(20.0), 7) * 0.1
    found = swings(values, highest=True)
    assert len(found) == KEPT
    assert list(found) == sorted(found)
    assert found[-1] == pytest.approx(5 + 1.9)


def test_nearest_levels_are_strictly_below_and_above_the_price():
    levels = (90.0, 95.0, 100.0, 104.0, 110.0)
    assert nearest_below(levels, 100.0) == 95.0
    assert nearest_above(levels, 100.0) == 104.0


def test_there_is_no_level_beyond_the_outermost_one():
    assert nearest_below((101.0,), 100.0) is None
    assert nearest_above((99.0,), 100.0) is None
    assert nearest_above((), 100.0) is None
