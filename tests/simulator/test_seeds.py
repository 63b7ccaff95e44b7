"""Seeded runs of stock freqtrade in live mode: whatever goes wrong, the exchange's own books stay right."""

import pytest
from simulator.run import simulate
from simulator.world import World

pytestmark = pytest.mark.filterwarnings("ignore:The inplace keyword")  # freqtrade's, where candles are missing
QUICK, MORE = (4, 5, 6), (1, 2, 3, *range(7, 43))
CANDLES = 60


def played(world):
    report = simulate(world)
    assert not report.violations, "\n".join((world.command, *report.violations))
    return report


@pytest.mark.parametrize("seed", QUICK)
def test_no_rule_is_broken_whatever_happens(seed):
    report = played(World(seed, CANDLES, pairs=1 + seed % 2))
    assert report.examined > CANDLES / 4, "so many disturbed loops show nothing"


@pytest.mark.slow
@pytest.mark.parametrize("seed", MORE)
def test_no_rule_is_broken_in_more_seeds(seed):
    played(World(seed, CANDLES, pairs=1 + seed % 2))


def test_a_seed_that_is_played_again_gives_the_same_events():
    world = World(6, 25, pairs=2)
    first, second = simulate(world), simulate(world)
    assert first.injected, "a run in which nothing happens proves nothing"
    assert first.events == second.events


def test_a_calm_run_trades_and_breaks_no_rule():
    report = simulate(World(5, 30), kinds=())
    assert not report.violations and not report.injected
    assert any("enter_" in line and "filled" in line for line in report.events)
