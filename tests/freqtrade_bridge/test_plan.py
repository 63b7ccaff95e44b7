"""A plan's stop comes closer by the rules, by a tick at least, and is remembered."""

import pytest

from candlegraph.freqtrade_bridge.trades.plan import Plan
from candlegraph.graph.settings.risk import RiskManagement

TRAIL = RiskManagement(trailing_after_r=1, trailing_distance_r=1)


def plan(side="long", **changes):
    stop = 98.0 if side == "long" else 102.0
    known = {"side": side, "stop": stop, "initial_stop": stop, "reason": "r", "confidence": 50, "decision_id": ""}
    return Plan(**known | changes)


def after(*extremes, side="long", rules=TRAIL):
    one = plan(side)
    for extreme in extremes:
        one = one.after_candle(extreme, 100.0, rules, 0.0005)
    return one


@pytest.mark.parametrize(
    "side, extremes, stop",
    [
        ("long", (101.0,), 98.0),
        ("long", (104.0,), 102.0),
        ("long", (104.0, 103.0, 101.0), 102.0),
        ("long", (104.0, 105.0), 103.0),
        ("short", (99.0,), 102.0),
        ("short", (96.0,), 98.0),
        ("short", (96.0, 97.0), 98.0),
    ],
)
def test_the_stop_trails_the_best_price_of_all_candles(side, extremes, stop):
    one = after(*extremes, side=side)
    assert one.stop == pytest.approx(stop)
    assert one.is_tightened == (stop != one.initial_stop)


def test_a_move_of_less_than_a_tick_waits_until_it_is_one():
    first = after(104.0)
    small = first.after_candle(104.01, 100.0, TRAIL, 0.0005)
    assert (small.stop, small.best) == (first.stop, 104.01)
    assert small.after_candle(104.2, 100.0, TRAIL, 0.0005).stop == pytest.approx(102.2)


@pytest.mark.parametrize(("side", "stop"), [("long", 99.0), ("short", 101.0)])
def test_a_stop_on_its_way_to_a_tightened_one_was_set_all_the_same(side, stop):
    sign = 1 if side == "long" else -1
    tightened = after(100 + sign * 4, side=side)
    assert tightened.was_set(stop)
    assert not tightened.is_in_force(stop)
    assert not tightened.was_set(100 - sign * 3)


def test_without_rules_nothing_moves():
    assert after(150.0, rules=RiskManagement()).stop == 98.0
