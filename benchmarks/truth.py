"""How often "edge shown" is said of worlds: of those without an edge, where it is false, and of a planted one.

    python benchmarks/truth.py --worlds 1000 --results truth.jsonl

A world is a path of GARCH returns with fat tails; a candle is one price, so that a stop that a step jumps over fills
where the price then is. A run enters at random candles with a stop of three deviations and a target of twice that.
What was played is kept in the results file, and a run that was stopped goes on there.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from tables import show

from candlegraph.freqtrade_bridge.truth.circle import Circle, Exits
from candlegraph.freqtrade_bridge.truth.edge import POWER, edge_of
from candlegraph.freqtrade_bridge.truth.matched import MatchedEntry, agents_of, trades_of

CANDLES, TRADES, FEE = 8000, 100, 0.0002
SCALE, STOP, HORIZON = 0.004, 3.0, 96
ENTERS, REGIME = 0.15, 500
Numbers = NDArray[np.float64]


class Kind(NamedTuple):
    """A sort of world, and of run in it; drifts in deviations of a candle."""

    name: str
    share: float
    """Of all worlds that are asked for."""
    most: float | None
    """Share in which an edge may be shown; None: there is one, and 80 % are wanted."""
    drift: float = 0.0
    swing: float = 0.0
    long_share: float = 0.5
    is_planted: bool = False


KINDS = (
    Kind("no drift", 1.0, 0.064),
    Kind("bull market, always long", 0.2, 0.09, drift=0.03, long_share=1.0),
    Kind("drift in regimes", 0.2, 0.09, swing=0.04),
    Kind("planted, the smallest that can be shown", 0.2, None, is_planted=True),
)


def prices_of(kind: Kind, rng: np.random.Generator) -> tuple[Numbers, Numbers]:
    """Return the prices of a world, and the deviation that a trader would have estimated at each."""
    shocks = rng.standard_t(5, CANDLES) * np.sqrt(3 / 5)
    returns, deviations = np.empty(CANDLES), np.empty(CANDLES)
    variance, estimate, drift = 1.0, 1.0, kind.drift
    for at, shock in enumerate(shocks):
        if kind.swing and at % REGIME == 0:
            drift = kind.drift + kind.swing * rng.choice([-1, 1])
        returns[at] = drift + np.sqrt(variance) * shock
        variance = 0.03 + 0.07 * min(variance * shock**2, 50.0) + 0.90 * variance
        estimate = 0.94 * estimate + 0.06 * returns[at] ** 2
        deviations[at] = np.sqrt(estimate)
    return 100 * np.exp(SCALE * np.cumsum(returns)), SCALE * deviations


def entries_of(kind: Kind, circle: Circle, deviations: Numbers, rng: np.random.Generator) -> Iterator[MatchedEntry]:
    """Yield the entries of one random run, one after the other."""
    at = 30
    for _ in range(TRADES):
        gap = int(rng.geometric(ENTERS))
        at += gap
        stop = float(STOP * deviations[at % CANDLES])
        sign = 1 if rng.random() < kind.long_share else -1
        entry = MatchedEntry(gap, sign, Exits(stop, 2 * stop, HORIZON), 1.0)
        at += int(circle.played(np.array([at]), sign, entry.exits).candles[0])
        yield entry


def is_shown(kind: Kind, seed: int) -> bool:
    """Return whether an edge is shown in one world."""
    rng = np.random.default_rng([seed, KINDS.index(kind)])
    prices, deviations = prices_of(kind, rng)
    circle = Circle.of(prices, prices, prices, prices)
    entries = list(entries_of(kind, circle, deviations, rng))
    r = np.array([net[0] / one.exits.stop for one, net, _ in trades_of(circle, entries, np.array([30]), FEE)])
    if kind.is_planted:
        r = r - r.mean() + POWER * r.std(ddof=1) / np.sqrt(TRADES) * (1 + rng.normal() / POWER)
    agents = agents_of({"": circle}, {"": entries}, fee=FEE, seed=seed)
    return edge_of(r, agents.mean_r).judgement == "edge shown"


def played(path: Path) -> dict[tuple[str, int], bool]:
    """Return what was played before."""
    lines = path.read_text().splitlines() if path.is_file() else []
    return {(one["kind"], one["seed"]): one["shown"] for one in map(json.loads, lines)}


def main() -> None:
    """Play what was not played yet, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worlds", type=int, default=100, help="of the first kind; of the others a fifth")
    parser.add_argument("--results", type=Path, default=Path("truth.jsonl"))
    parser.add_argument("--markdown", action="store_true", help="a Markdown table on stdout")
    options = parser.parse_args()
    known, began, rows = played(options.results), time.process_time(), []
    for kind in KINDS:
        count = round(options.worlds * kind.share)
        for seed in range(count):
            if (kind.name, seed) not in known:
                known[kind.name, seed] = is_shown(kind, seed)
                with options.results.open("a") as file:
                    file.write(json.dumps({"kind": kind.name, "seed": seed, "shown": known[kind.name, seed]}) + "\n")
        shown = sum(known[kind.name, seed] for seed in range(count))
        wanted = "at least 80%" if kind.most is None else f"at most {kind.most * count:.0f}"
        rows.append([kind.name, str(count), f"{shown} ({shown / max(count, 1):.1%})", wanted])
    notes = [f"{TRADES} trades a world; this call took {time.process_time() - began:.0f} s of CPU"]
    show("Edge shown", ["world", "worlds", "edge shown", "wanted"], rows, notes, markdown=options.markdown)


if __name__ == "__main__":
    main()
