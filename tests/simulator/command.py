"""The command line of the simulator."""

import argparse
import warnings
from collections.abc import Sequence

import conftest  # noqa: F401  # LangSmith off, databases in RAM
from simulator.run import Report, simulate
from simulator.storm import KINDS
from simulator.world import PAIRS, World


def command_line(world: World) -> str:
    """Return how to play a world again."""
    return f"python -m tests.simulator --seed {world.seed} --candles {world.candles} --pairs {world.pairs}"


def main(arguments: Sequence[str]) -> None:
    """Play one seed; exit with 1 where a rule was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulator")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--candles", type=int, default=60)
    parser.add_argument("--pairs", type=int, default=1, choices=range(1, len(PAIRS) + 1))
    parser.add_argument("--only", nargs="*", choices=KINDS, default=KINDS, help="kinds of faults; none: a calm run")
    parser.add_argument("--quiet", action="store_true", help="violations and the summary only")
    given = parser.parse_args(arguments)
    warnings.simplefilter("ignore")
    world = World(given.seed, given.candles, given.pairs)
    report = simulate(world, tuple(given.only))
    _print(report, world, is_quiet=given.quiet)
    raise SystemExit(bool(report.violations))


def _print(report: Report, world: World, *, is_quiet: bool) -> None:
    lines = report.violations if is_quiet else report.events
    print(*lines, sep="\n")  # noqa: T201
    per_candle = 1000 * report.cpu_seconds / world.candles
    told = f"{report.loops} loops, {report.examined} examined, {sum(report.injected.values())} blows"
    cost = f"{per_candle:.0f} ms CPU a candle"
    end = f"{len(report.violations)} violations, {report.naked_seconds:.0f} s without a stop, {cost}"
    print(f"{command_line(world)}\n{told}; {end}")  # noqa: T201
