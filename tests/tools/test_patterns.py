"""Candle patterns by name, on candles drawn by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from candlegraph.tools.market.patterns import FIGURES, ROWS, TWO_SIDED, patterns_of

BODY = 1.0
"""Body of the candles before the figure, with wicks of a tenth of it."""


def falling(count=15, first=100.0):
    """Return candles that fall by their body."""
    return [(top, top + 0.1, top - BODY - 0.1, top - BODY) for top in first - BODY * np.arange(count)]


def rising(count=15, first=100.0):
    """Return candles that rise by their body."""
    return [(low, low + BODY + 0.1, low - 0.1, low + BODY) for low in first + BODY * np.arange(count)]


def found(candles):
    """Return the patterns that the last of `candles` (open, high, low, close) completes."""
    return patterns_of(*np.array(candles, dtype=float).T)


DRAWN = [  # after fifteen falling candles the close is 85, after fifteen rising ones 115
    ("doji", falling(), [(85, 85.5, 84.5, 85.01)]),
    ("hammer", falling(), [(84.95, 85.2, 83.5, 85.15)]),
    ("shooting_star", rising(), [(115.2, 116.8, 115.19, 115.4)]),
    ("hanging_man", rising(), [(115.2, 115.45, 113.5, 115.4)]),
    ("inverted_hammer", falling(), [(84.6, 86.3, 84.59, 84.8)]),
    ("bullish_engulfing", falling(), [(84.9, 86.3, 84.8, 86.2)]),
    ("bearish_engulfing", rising(), [(115.1, 115.2, 113.7, 113.8)]),
    ("bullish_harami", falling(), [(85, 85.1, 82.9, 83), (83.4, 83.8, 83.3, 83.7)]),
    ("bearish_harami", rising(), [(115, 117.1, 114.9, 117), (116.6, 116.7, 116.2, 116.3)]),
    ("bullish_three_inside", falling(), [(85, 85.1, 82.9, 83), (83.4, 83.8, 83.3, 83.7), (83.7, 85.6, 83.6, 85.5)]),
    (
        "bearish_three_inside",
        rising(),
        [(115, 117.1, 114.9, 117), (116.6, 116.7, 116.2, 116.3), (116, 116.1, 114, 114.5)],
    ),
    ("bullish_three_outside", falling(), [(84.9, 86.3, 84.8, 86.2), (86.2, 87.2, 86.1, 87.1)]),
    ("bearish_three_outside", rising(), [(115.1, 115.2, 113.7, 113.8), (113.8, 113.9, 112.8, 112.9)]),
    ("three_white_soldiers", falling(), [(85, 86.52, 84.9, 86.5), (86, 88.02, 85.9, 88), (87.5, 89.52, 87.4, 89.5)]),
    (
        "three_black_crows",
        rising(),
        [(114.9, 115, 113.38, 113.4), (114, 114.1, 112.38, 112.4), (113, 113.1, 111.38, 111.4)],
    ),
    ("inside_bar", rising(), [(115, 117.1, 114.9, 117), (116.6, 116.7, 116.2, 116.3)]),
]


@pytest.mark.parametrize("name, before, figure", DRAWN, ids=[name for name, *_ in DRAWN])
def test_pattern_is_named_at_the_candle_that_completes_it(name, before, figure):
    assert name in found(before + figure)
    assert name not in found((before + figure)[:-1])


def test_every_name_is_drawn_above():
    names = {f"{side}_{name}" for name in TWO_SIDED for side in ("bullish", "bearish")}
    assert {name for name, *_ in DRAWN} == names | {"inside_bar"} | (set(FIGURES) - set(TWO_SIDED))


@pytest.mark.parametrize("moves", [falling(), rising()])
def test_candles_of_one_kind_complete_nothing(moves):
    assert found(moves) == ()


def test_a_candle_without_any_range_completes_nothing():
    assert found([*falling(), (85, 85, 85, 85)]) == ()


@pytest.mark.parametrize("count", [1, 2, 5])
def test_few_candles_are_no_error(count):
    assert found(falling(count)) == ()


@given(seed=st.integers(0, 10_000), factor=st.sampled_from([2.0**-40, 2.0**-17, 2.0**20]))
def test_patterns_depend_neither_on_the_unit_of_the_price_nor_on_older_candles(seed, factor):
    close = 100 * np.exp(np.cumsum(np.random.default_rng(seed).normal(0, 0.01, 120)))
    opened = np.concatenate([[100.0], close[:-1]])
    candles = np.array([opened, np.maximum(opened, close) * 1.004, np.minimum(opened, close) * 0.996, close])
    names = patterns_of(*candles)
    assert patterns_of(*(candles * factor)) == names
    assert patterns_of(*candles[:, -ROWS:]) == names
    older = candles.copy()
    older[:, :-ROWS] *= 3
    assert patterns_of(*older) == names
