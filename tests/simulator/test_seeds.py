"""Seeded runs of stock freqtrade in live mode: whatever goes wrong, the exchange's own books stay right."""

import pytest
from simulator.run import simulate
from simulator.storm import KINDS, blows
from simulator.world import World

pytestmark = pytest.mark.filterwarnings("ignore:The inplace keyword")  # freqtrade's, where candles are missing
CANDLES = 60
REVEALING = (6, 9, 10, 11, 13)
"""The fewest that bring every kind of blow and every mutation to light."""
MENDED = (187,)
"""Broke a rule once, and does again without its mending; the others that did have tests of their own (docs/live.md)."""
ALSO = (1, 2, 4, 5, 7, 8, 14, 16, 17, 19, 20, 22, 23, 25, 26, 28, 29, 31, 32, 34, 35, 37)
TWO = (10, 14)
QUICK = (
    *(World(seed, CANDLES) for seed in (*REVEALING, *MENDED, *ALSO)),
    *(World(seed, CANDLES, pairs=2) for seed in TWO),
)
"""About 5 s each, 8 s with two pairs: mostly those of one loop a candle, which cost least."""
MORE = tuple(World(seed, CANDLES, pairs=1 + seed % 2) for seed in range(1, 43))


def played(world):
    report = simulate(world)
    assert not report.violations, "\n".join((world.command, *report.violations))
    return report


def named(world):
    return f"{world.seed}-{world.pairs}"


@pytest.mark.parametrize("world", QUICK, ids=named)
def test_no_rule_is_broken_whatever_happens(world):
    report = played(world)
    assert report.examined > CANDLES / 4, "so many disturbed loops show nothing"


def test_the_seeds_of_a_default_run_bring_every_kind_of_blow():
    assert {blow.kind for world in QUICK for blow in blows(world)} == set(KINDS)


@pytest.mark.slow
@pytest.mark.parametrize("world", MORE, ids=named)
def test_no_rule_is_broken_in_more_seeds(world):
    played(world)


def test_a_seed_that_is_played_again_gives_the_same_events_with_sockets_and_without():
    world = World(6, 16)
    first, second = simulate(world, is_wired=False), simulate(world)
    assert first.injected, "a run in which nothing happens proves nothing"
    assert first.events == second.events


def test_a_calm_run_trades_and_breaks_no_rule():
    report = simulate(World(5, 30), kinds=())
    assert not report.violations and not report.injected
    assert any("enter_" in line and "filled" in line for line in report.events)
