"""What a loop of live trading costs beside the model: 20 pairs, real orders on the loopback account, virtual time.

loops with a candle -> decisions and orders; loops without one -> the account, the auditor's look, freqtrade's own work

Times are those of the bot's main thread: what the exchange on the other side of the loopback computes is not the bot's.
"""

from __future__ import annotations

import argparse
import logging
import statistics
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))  # the world and the bot in virtual time live there

import conftest  # noqa: F401  # LangSmith off, databases in RAM
import script
from simulator.mind import Mind
from simulator.run import CONFIG
from simulator.stormy import FIRST_CLOSE
from simulator.world import LENGTH, START, World
from tables import show
from virtual_live import VirtualLive

PAIRS, SECONDS = 20, 300
LOOP, LOOK = "a loop without a candle", "the auditor's look, beside its requests"
CANDLE, ASKED = "a loop with a candle, scripted model", "the requests of the look, and their parsing"
AIMS_MS = {LOOP: 300, LOOK: 50}
Seconds = dict[str, list[float]]


@contextmanager
def timed(into: list[float]) -> Iterator[None]:
    """Add the seconds of this thread's CPU that the block takes."""
    began = time.thread_time()
    yield
    into.append(time.thread_time() - began)


def measured(call: Callable[..., Any], into: list[float]) -> Callable[..., Any]:
    """Return the call, timed."""

    def timed_call(*args: Any) -> Any:
        with timed(into):
            return call(*args)

    return timed_call


def played(candles: int) -> tuple[Seconds, int]:
    """Return the seconds of each part, and how many positions were held on average."""
    world = World(1, candles, PAIRS)
    seconds: Seconds = {LOOP: [], CANDLE: [], LOOK: [], ASKED: []}
    looks: list[float] = []
    held = 0
    with VirtualLive(CONFIG | {"max_open_trades": PAIRS}, world.markets(), START, loop_seconds=SECONDS) as run:
        script.decide = Mind(world, run.sleep).decide
        audit = run.bot.strategy.session.audit
        audit.look = measured(audit.look, looks)
        audit._account.look = measured(audit._account.look, seconds[ASKED])
        while run.now() < world.end:
            is_candle = (run.now() - FIRST_CLOSE) % LENGTH < timedelta(seconds=SECONDS)
            with timed(seconds[CANDLE if is_candle else LOOP]):
                run.step()
            held += len(run.books.positions)
    seconds[LOOK] = [look - asked for look, asked in zip(looks, seconds[ASKED], strict=True)]
    return {name: found[2:] for name, found in seconds.items()}, round(held / run.loops)


def row(name: str, found: Sequence[float]) -> list[str]:
    """Return a line of the table."""
    high = statistics.quantiles(found, n=20)[-1]
    return [name, str(len(found)), f"{1e3 * statistics.median(found):.1f}", f"{1e3 * high:.1f}"]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--candles", type=int, default=12)
    parser.add_argument("--markdown", action="store_true", help="a Markdown table on stdout")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)  # a tenth of a loop; and the table would be lost among its lines
    seconds, held = played(options.candles)
    notes = []
    for name, aim in AIMS_MS.items():
        median = 1e3 * statistics.median(seconds[name])
        notes.append(f"aim: {name} in under {aim} ms: {'met' if median < aim else 'missed'} ({median:.0f} ms)")
    title = f"Live, {PAIRS} pairs, {held} positions, {options.candles} candles"
    rows = [row(name, found) for name, found in seconds.items()]
    show(title, ["", "times", "median ms", "p95 ms"], rows, notes, markdown=options.markdown)


if __name__ == "__main__":
    main()
