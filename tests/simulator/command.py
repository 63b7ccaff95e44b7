"""The command line of the simulator: one seed with all that happened, or a soak of many."""

import argparse
import warnings
from collections.abc import Sequence
from pathlib import Path

import conftest  # noqa: F401  # LangSmith off, databases in RAM
from simulator.dry_run import RESTARTED_EVERY, dry_run
from simulator.run import simulate
from simulator.soak import soak
from simulator.storm import KINDS
from simulator.stormy import Report
from simulator.world import PAIRS, World

RESULTS = Path("user_data/soak.jsonl")


def main(arguments: Sequence[str]) -> None:
    """Play; exit with 1 where a rule was broken."""
    given = _parsed(arguments)
    warnings.simplefilter("ignore")
    if given.soak is not None:
        raise SystemExit(soak(given.soak, given.candles, given.pairs, given.results, given.jobs))
    world = World(given.seed, given.candles, given.pairs)
    report = dry_run(world, given.every) if given.dry_run else simulate(world, tuple(given.only))
    _print(report, world, is_quiet=given.quiet)
    raise SystemExit(bool(report.violations))


def _parsed(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulator")
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--seed", type=int, help="play this seed")
    which.add_argument("--soak", type=int, metavar="SEEDS", help="play 1 to SEEDS; what is done is not done again")
    parser.add_argument("--candles", type=int, default=60)
    parser.add_argument("--pairs", type=int, default=1, choices=range(1, len(PAIRS) + 1))
    parser.add_argument("--only", nargs="*", choices=KINDS, default=KINDS, help="kinds of blows; none: a calm run")
    parser.add_argument("--dry-run", action="store_true", help="a dry-run with faulty model, embeddings and exchange")
    parser.add_argument("--every", type=int, default=RESTARTED_EVERY, help="candles between two ends of a dry-run")
    parser.add_argument("--quiet", action="store_true", help="violations and the summary only")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where a soak keeps what it has done")
    parser.add_argument("--jobs", type=int, default=2, help="processes of a soak")
    return parser.parse_args(arguments)


def _print(report: Report, world: World, *, is_quiet: bool) -> None:
    lines = report.violations if is_quiet else report.events
    print(*lines, sep="\n")  # noqa: T201
    cost = f"{1000 * report.cpu_seconds / world.candles:.0f} ms CPU a candle"
    told = f"{report.loops} loops, {report.examined} examined, {sum(report.injected.values())} blows"
    end = f"{len(report.violations)} violations, {report.naked_seconds:.0f} s without a stop, {cost}"
    print(f"{world.command}\n{told}; {end}")  # noqa: T201
