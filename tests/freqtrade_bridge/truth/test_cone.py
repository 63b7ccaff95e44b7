"""The cone of the random agents: their accounts by day end where their results do."""

import numpy as np
import pytest

from candlegraph.freqtrade_bridge.truth.circle import Circle, Exits
from candlegraph.freqtrade_bridge.truth.cone import CircleDays, cone_of, joined, paths_of
from candlegraph.freqtrade_bridge.truth.matched import DRAWS, MatchedEntry, agents_of


@pytest.fixture(scope="module")
def circles():
    close = 100 * np.exp(np.cumsum(np.random.default_rng(5).normal(0, 0.01, 480)))
    return {"BTC": Circle.of(close, close * 1.004, close * 0.996, close)}


ENTRIES = {"BTC": [MatchedEntry(5, 1, Exits(0.02, 0.04, 20), 0.5)] * 12}
SPAN = CircleDays(days=10, candles_a_day=48)


def test_the_accounts_end_where_the_results_of_the_same_agents_do(circles):
    paths = paths_of(circles, ENTRIES, 0.0005, 7, SPAN)
    assert paths.shape == (DRAWS, 10)
    assert paths[:, -1] - 1 == pytest.approx(agents_of(circles, ENTRIES, fee=0.0005, seed=7).results)
    low, middle, high = cone_of(paths)
    assert all(a <= b <= c for a, b, c in zip(low, middle, high, strict=True))
    assert high[-1] - low[-1] > high[0] - low[0]


def test_a_window_goes_on_with_what_the_one_before_left(circles):
    first = paths_of(circles, ENTRIES, 0.0005, 7, SPAN)
    second = paths_of(circles, ENTRIES, 0.0005, 8, SPAN)
    both = joined([first, second])
    assert both.shape == (DRAWS, 20)
    assert both[:, -1] == pytest.approx(first[:, -1] * second[:, -1])


def test_a_window_without_an_entry_leaves_the_accounts_as_they_are(circles):
    assert (paths_of(circles, {}, 0.0, 7, SPAN) == 1).all()
