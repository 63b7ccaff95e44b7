"""Random agents that trade like a run: on a circle of candles, with the run's gaps, sides and levels."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from candlegraph.freqtrade_bridge.truth.circle import Circle, Exits
from candlegraph.freqtrade_bridge.truth.matched import DRAWS, MatchedEntry, agents_of, luck_of, trades_of


def circle_of(*candles):
    """Return a circle of (open, high, low, close)."""
    return Circle.of(*np.asarray(candles, dtype=float).T)


def played(circle, at, sign, exits):
    """Return move and candles of one entry."""
    plays = circle.played(np.array([at]), sign, exits)
    return float(plays.move[0]), int(plays.candles[0])


STEADY = [(100, 101, 99, 100)] * 6


@pytest.mark.parametrize(
    ("candles", "sign", "exits", "expected"),
    [
        ([*STEADY], 1, Exits(0.05, 0.05, 3), (0.0, 3)),
        ([(100, 101, 99, 100), (100, 104, 94, 100), *STEADY], 1, Exits(0.05, 0.03, 5), (-0.05, 2)),
        ([(100, 101, 99, 100), (100, 104, 99, 100), *STEADY], 1, Exits(0.05, 0.03, 5), (0.03, 2)),
        ([(100, 101, 99, 100), (90, 91, 89, 100), *STEADY], 1, Exits(0.05, np.inf, 5), (-0.10, 2)),
        ([(100, 101, 99, 100), (90, 91, 89, 100), *STEADY], -1, Exits(0.05, 0.04, 5), (0.10, 2)),
        ([(100, 106, 99, 100), *STEADY], -1, Exits(0.05, np.inf, 5), (-0.05, 1)),
    ],
    ids=["time", "stop before target", "target", "gap beyond the stop", "gap beyond the target", "first candle"],
)
def test_an_entry_ends_at_the_first_level_or_after_its_time(candles, sign, exits, expected):
    assert played(circle_of(*candles), 0, sign, exits) == pytest.approx(expected)


def test_round_the_end_the_price_goes_on_where_it_was():
    up = circle_of((100, 111, 100, 110), (110, 121, 110, 120), (120, 131, 120, 130))
    move, _ = played(up, 2, 1, Exits(0.5, np.inf, 2))  # the last candle, then the first, moved by 130 : 100
    assert move == pytest.approx(130 * 110 / 100 / 120 - 1)


@given(offset=st.integers(0, 50), sign=st.sampled_from([1, -1]))
def test_the_way_round_begins_anywhere(offset, sign):
    rng = np.random.default_rng(3)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, 17)))
    candles = circle_of(*((one, one * 1.02, one * 0.98, one) for one in close))
    exits = Exits(0.05, 0.05, 9)
    assert played(candles, offset, sign, exits) == played(candles, offset + 17, sign, exits)


def test_an_agent_waits_its_gap_after_each_end_and_pays_both_fees():
    flat = circle_of(*STEADY)
    entry = MatchedEntry(gap=2, sign=1, exits=Exits(0.05, np.inf, 3), notional=0.5)
    assert [float(net[0]) for _, net, _ in trades_of(flat, [entry, entry], np.array([0]), fee=0.001)] == pytest.approx(
        [-0.002, -0.002]
    )


def test_luck_counts_the_run_among_its_agents():
    luck = luck_of(np.linspace(-0.1, 0.1, 99), 0.2)
    assert luck.as_good == pytest.approx(1 / 100)
    assert (luck.low, luck.median, luck.high) == pytest.approx((-0.09, 0, 0.09))


def test_the_same_seed_gives_the_same_agents_and_each_begins_elsewhere():
    rng = np.random.default_rng(5)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, 300)))
    candles = circle_of(*((one, one * 1.004, one * 0.996, one) for one in close))
    entries = {"BTC": [MatchedEntry(5, 1, Exits(0.02, 0.04, 20), 1.0)] * 10}
    first, again, other = (agents_of({"BTC": candles}, entries, fee=0.0005, seed=seed) for seed in (7, 7, 8))
    assert len(first.results) == len(first.mean_r) == DRAWS
    assert len(set(np.round(first.results, 9))) > DRAWS / 4
    assert (first.results == again.results).all()
    assert (first.results != other.results).any()
    assert first.mean_r * 10 * 0.02 == pytest.approx(first.results)  # ten trades of the whole balance, stops of 2 %


def test_an_agent_never_looks_beyond_the_end_of_its_trade():
    rng = np.random.default_rng(9)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, 60)))
    rows = [(one, one * 1.01, one * 0.99, one) for one in close]
    exits = Exits(0.03, 0.03, 10)
    play = played(circle_of(*rows), 5, 1, exits)
    changed = [*rows[: 5 + play[1] + 1], *[(900, 950, 1, 900)] * (59 - 5 - play[1])]
    assert played(circle_of(*changed), 5, 1, exits) == play
