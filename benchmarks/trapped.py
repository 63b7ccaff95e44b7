"""How many trades it takes until memory leaves a losing set-up: in markets made with a trap in them, one per seed.

    python benchmarks/trapped.py --seeds 1 2 3 4 5 6 7 8

Six days of three pairs (tests/trap.py: pull-backs that lose four times in five), the offline rule, which may trade as
it likes until ten trades are closed. A seed takes 15 s of CPU; add --off for the same without memory.
"""

from __future__ import annotations

import os

os.environ["LANGSMITH_TRACING"] = "false"  # before LangChain is imported
os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"

import argparse
import contextlib
import io
import logging
import sys
import tempfile
from pathlib import Path
from statistics import fmean
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import markets
import trap
from tables import show

DAYS = "20251102-20251108"
LEARNT_FROM = 10
HEAD = ["seed", "entries", "after the tenth close", "lost", "% of the stakes", "last entry"]


def main() -> None:
    """Run the seeds and print a line for each, and their means."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[*range(1, 9)])
    parser.add_argument("--off", action="store_true", help="without memory")
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    found = [trades_of(seed, use_experience=not options.off) for seed in options.seeds]
    rows = [[str(seed), *cells_of(trades)] for seed, trades in zip(options.seeds, found, strict=True)]
    means = [fmean(float(row[place]) for row in rows) for place in range(1, 5)]
    show("trap", HEAD, [*rows, ["mean", *(f"{mean:.1f}" for mean in means), ""]], [], markdown=False)


def trades_of(seed: int, *, use_experience: bool) -> Any:
    """Return the trades of one market."""
    with tempfile.TemporaryDirectory() as name, contextlib.redirect_stdout(io.StringIO()):
        folder = Path(name)
        series = {pair: trap.trap_series(number, seed) for number, pair in enumerate(trap.PAIRS)}
        data = markets.write(folder / "data", series)
        known = {"use_experience": use_experience, "min_trades_for_learning": LEARNT_FROM}
        return trap.run(data, folder / "user", trap.PAIRS, DAYS, **known).trades


def cells_of(trades: Any) -> list[str]:
    """Return what a line shows; what only the end of the data closed counts as an entry."""
    tenth = trades.close_date.sort_values().iloc[LEARNT_FROM - 1]
    counts = (len(trades), (trades.open_date > tenth).sum(), (trades.profit_ratio < 0).sum())
    money = 100 * trades.profit_ratio.sum()
    return [*map(str, counts), f"{money:.0f}", f"{trades.open_date.max():%m-%d %H:%M}"]


if __name__ == "__main__":
    main()
