"""How many modules one candle of a backtest walks through: moves between modules of ours, and crossings of packages.

A move is a call of a function in another module of ours than the call before; returns and foreign code are no moves.
Packages are the folders at the top: graph, agents, tools, memory, freqtrade_bridge.

Two kinds of moves are told apart. The vocabulary is `graph.schema` and `graph.settings`: values that every room speaks
in, and that know nothing of any. A function goes on where LangGraph or a loop continues a coroutine or generator of
ours: Python counts that as a call, a reader does not.
"""

from __future__ import annotations

import os

os.environ["LANGSMITH_TRACING"] = "false"  # before LangChain is imported
os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"

import argparse
import contextlib
import io
import logging
import statistics
import sys
import tempfile
import threading
import warnings
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, Literal, NamedTuple, get_args

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))  # the backtester lives there

import backtests
from tables import show

from candlegraph.freqtrade_bridge.loopback.sample_market import write_sample_market
from candlegraph.freqtrade_bridge.session import Session

ROOT = Path(__file__).parents[1]
TIMERANGE = "20251005-20251007"
DECISIONS = 96
PACKAGES = ("graph", "agents", "tools", "memory", "freqtrade_bridge")


VOCABULARY = ("graph.schema.", "graph.settings.")
Kind = Literal["calls between rooms", "into or out of the vocabulary", "a function goes on"]


class Move(NamedTuple):
    """From one module to another; `goes_on` where what was called there had been called before."""

    left: str
    entered: str
    goes_on: bool

    @property
    def crosses(self) -> bool:
        """Return whether the package changes too."""
        return package_of(self.left) != package_of(self.entered)

    @property
    def kind(self) -> Kind:
        """Return what it is to a reader."""
        if self.goes_on:
            return "a function goes on"
        is_word = self.left.startswith(VOCABULARY) or self.entered.startswith(VOCABULARY)
        return "into or out of the vocabulary" if is_word else "calls between rooms"


@dataclass
class Walk:
    """The moves of one decision point, in order."""

    moves: list[Move] = field(default_factory=list)
    at: str | None = None

    def went_to(self, module: str, *, goes_on: bool) -> None:
        """Note a call, which is a move unless it stays where it was."""
        if self.at not in (None, module):
            self.moves.append(Move(str(self.at), module, goes_on))
        self.at = module

    @property
    def modules(self) -> int:
        """Return how many modules were visited."""
        return len({module for move in self.moves for module in move[:2]})


class Profiler:
    """Follows one thread of ours at a time: the decision point hands over to the loop, and waits for it."""

    def __init__(self) -> None:
        self.walks: list[Walk] = []
        self._names: dict[str, str | None] = {}
        self._current: Walk | None = None

    def begin(self) -> None:
        """Begin the walk of the next decision point."""
        self._current = Walk()
        self.walks.append(self._current)

    def end(self) -> None:
        """Count no further until the next decision point."""
        self._current = None

    def seen(self, frame: FrameType, event: str, argument: object) -> None:
        """Note a call of a function of ours; `sys.setprofile` calls it."""
        walk = self._current
        if walk is not None and event == "call" and (name := self._name(frame.f_code.co_filename)) is not None:
            walk.went_to(name, goes_on=goes_on(frame))

    def _name(self, path: str) -> str | None:
        if path not in self._names:
            self._names[path] = module_of(path)
        return self._names[path]


def goes_on(frame: FrameType) -> bool:
    """Return whether a frame was begun before: Python's RESUME says 0 at the start, more after a yield or await."""
    return frame.f_lasti >= 0 and frame.f_code.co_code[frame.f_lasti + 1] & 3 != 0


def module_of(path: str) -> str | None:
    """Return our module's dotted name without the prefix; None for foreign code, benchmarks and tests."""
    with contextlib.suppress(ValueError):
        parts = Path(path).resolve().relative_to(ROOT).with_suffix("").parts
        return ".".join(parts) if parts[0] in PACKAGES else None
    return None


def package_of(module: str) -> str:
    """Return the folder at the top."""
    return module.partition(".")[0]


def walked(decisions: int) -> list[Walk]:
    """Return the walks of the first `decisions` decision points of a backtest of one pair."""
    profiler = Profiler()
    original = Session.decide

    def decide(self: Any, *arguments: Any) -> None:
        if len(profiler.walks) >= decisions:
            return original(self, *arguments)
        profiler.begin()
        try:
            return original(self, *arguments)
        finally:
            profiler.end()

    threading.setprofile(profiler.seen)
    sys.setprofile(profiler.seen)
    Session.decide = decide  # type: ignore[method-assign, assignment]  # the one seam that begins a candle
    try:
        backtest()
    finally:
        Session.decide = original  # type: ignore[method-assign]
        sys.setprofile(None)
        threading.setprofile(None)
    return profiler.walks


def backtest() -> None:
    """Backtest one pair of the sample market, with the policy rule."""
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        market = write_sample_market(Path(folder) / "sample")
        backtests.run(market.datadir, Path(folder) / "user", market.pairs[:1], TIMERANGE)


def rows_of(walks: list[Walk]) -> list[list[str]]:
    """Return the measures: median, fewest, most."""
    crossings = [[move for move in walk.moves if move.crosses] for walk in walks]
    between_modules = split("moves between modules", [walk.moves for walk in walks])
    return [*between_modules, *split("moves between packages", crossings), row("modules", [w.modules for w in walks])]


def split(name: str, walks: list[list[Move]]) -> list[list[str]]:
    """Return a line for all moves, then one for each kind of them."""
    kinds = [row(f"- {kind}", [sum(move.kind == kind for move in moves) for moves in walks]) for kind in get_args(Kind)]
    return [row(name, list(map(len, walks))), *kinds]


def row(name: str, found: list[int]) -> list[str]:
    """Return one line."""
    return [name, f"{statistics.median(found):.0f}", str(min(found)), str(max(found))]


def busiest(walks: list[Walk], count: int) -> list[str]:
    """Return the most frequent moves, per candle."""
    moves = Counter(move[:2] for walk in walks for move in walk.moves)
    return [f"{one} -> {two}: {number / len(walks):.1f}" for (one, two), number in moves.most_common(count)]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--moves", type=int, default=0, help="also print so many of the most frequent moves")
    parser.add_argument("--markdown", action="store_true", help="a Markdown table on stdout")
    options = parser.parse_args()
    logging.disable(logging.ERROR)
    warnings.simplefilter("ignore")
    walks = walked(DECISIONS)
    notes = ["the policy rule, from the decision point to the end of its bookkeeping", *busiest(walks, options.moves)]
    title = f"The walk of one candle, {len(walks)} decisions"
    show(title, ["", "median", "fewest", "most"], rows_of(walks), notes, markdown=options.markdown)


if __name__ == "__main__":
    main()
