"""Where a stop belongs, and that rules only ever tighten it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from candlegraph.graph.settings.risk import RiskManagement
from candlegraph.tools.risk.stops import StopBasis, derived_stop, is_protective, tightened_stop

PRICES = st.floats(1e-7, 1e6)


@pytest.mark.parametrize(
    "side, support, resistance, expected",
    [
        ("long", None, None, 97.0),
        ("short", None, None, 103.0),
        ("long", 98.5, None, 98.125),
        ("short", None, 101.5, 101.875),
        ("long", 95.0, None, 97.0),
        ("long", 99.9, None, 97.0),
        ("short", 98.5, None, 103.0),
    ],
)
def test_a_derived_stop_hides_behind_the_next_level_and_never_farther_than_its_multiple(
    side, support, resistance, expected
):
    basis = StopBasis(atr=1.5, support=support, resistance=resistance)
    assert derived_stop(side, 100.0, basis, 2.0) == pytest.approx(expected)


@given(
    side=st.sampled_from(["long", "short"]),
    rate=PRICES,
    atr=st.floats(1e-4, 0.4),
    level=st.none() | st.floats(0.5, 1.5),
    multiple=st.floats(0.1, 20),
)
def test_a_derived_stop_protects_and_stays_within_its_multiple(side, rate, atr, level, multiple):
    at = None if level is None else rate * level
    stop = derived_stop(side, rate, StopBasis(atr=rate * atr, support=at, resistance=at), multiple)
    if stop is None:
        assert side == "long"
        assert multiple * atr >= 1
        return
    assert is_protective(side, stop, rate)
    assert abs(rate - stop) <= multiple * rate * atr * (1 + 1e-9)


def moved(side, best, **rules):
    sign = 1 if side == "long" else -1
    return tightened_stop(
        side,
        entry=100.0,
        initial_stop=100 - sign * 2,
        stop=100 - sign * 2,
        best=100 + sign * best,
        rules=RiskManagement(**rules),
        fee_ratio=0.0005,
    )


@pytest.mark.parametrize("side, sign", [("long", 1), ("short", -1)])
@pytest.mark.parametrize(
    "best, rules, expected",
    [
        (10.0, {}, -2.0),
        (1.9, {"break_even_after_r": 1}, -2.0),
        (2.0, {"break_even_after_r": 1}, 0.1),
        (3.9, {"trailing_after_r": 2}, -2.0),
        (4.0, {"trailing_after_r": 2}, 2.0),
        (6.0, {"trailing_after_r": 2}, 4.0),
        (6.0, {"trailing_after_r": 2, "trailing_distance_r": 2.5}, 1.0),
        (2.0, {"trailing_after_r": 0.5, "break_even_after_r": 1, "trailing_distance_r": 1.5}, 0.1),
    ],
)
def test_break_even_and_trailing_by_their_keys(side, sign, best, rules, expected):
    assert moved(side, best, **rules) == pytest.approx(100 + sign * expected)


@given(
    side=st.sampled_from(["long", "short"]),
    entry=PRICES,
    distance=st.floats(0.001, 0.3),
    stop=st.floats(0.7, 1.3),
    best=st.floats(0.7, 2),
    after=st.floats(0.1, 5),
    behind=st.floats(0.1, 5),
)
def test_a_stop_is_never_loosened(side, entry, distance, stop, best, after, behind):
    sign = 1 if side == "long" else -1
    rules = RiskManagement(break_even_after_r=after, trailing_after_r=after, trailing_distance_r=behind)
    new = tightened_stop(
        side,
        entry=entry,
        initial_stop=entry * (1 - sign * distance),
        stop=entry * stop,
        best=entry * best,
        rules=rules,
        fee_ratio=0.001,
    )
    assert sign * (new - entry * stop) >= 0
