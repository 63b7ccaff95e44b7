"""Seeded runs of stock freqtrade in live mode: whatever goes wrong, the exchange's own books stay right."""

import pytest
from simulator.run import simulate
from simulator.storm import KINDS, blows
from simulator.world import World

pytestmark = pytest.mark.filterwarnings("ignore:The inplace keyword")  # freqtrade's, where candles are missing
CANDLES = 60
QUICK = tuple(World(seed, CANDLES) for seed in (6, 9, 10, 11, 13))
"""The fewest that bring every kind of blow, and every mutation to light; 10 s each."""
MORE = tuple(World(seed, CANDLES, pairs=1 + seed % 2) for seed in range(1, 43))


def played(world):
    report = simulate(world)
    assert not report.violations, "\n".join((world.command, *report.violations))
    return report


@pytest.mark.parametrize("world", QUICK, ids=lambda world: world.seed)
def test_no_rule_is_broken_whatever_happens(world):
    report = played(world)
    assert report.examined > CANDLES / 4, "so many disturbed loops show nothing"


def test_the_seeds_of_a_default_run_bring_every_kind_of_blow():
    assert {blow.kind for world in QUICK for blow in blows(world)} == set(KINDS)


@pytest.mark.slow
@pytest.mark.parametrize("world", MORE, ids=lambda world: world.seed)
def test_no_rule_is_broken_in_more_seeds(world):
    played(world)


def test_a_seed_that_is_played_again_gives_the_same_events():
    world = World(6, 16)
    first, second = simulate(world), simulate(world)
    assert first.injected, "a run in which nothing happens proves nothing"
    assert first.events == second.events


def test_a_calm_run_trades_and_breaks_no_rule():
    report = simulate(World(5, 30), kinds=())
    assert not report.violations and not report.injected
    assert any("enter_" in line and "filled" in line for line in report.events)
