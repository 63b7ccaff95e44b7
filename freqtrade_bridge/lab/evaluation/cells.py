"""One window of one strategy in one account: what a plan is made of, and what is kept of it when it is over.

plan -> chains (windows that follow one another with one memory) -> cells -> one file each -> what is not there yet
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from pydantic import Field, ValidationError

from candlegraph.freqtrade_bridge.lab.evaluation.plan import EvaluationPlan, PlanWindow
from candlegraph.graph.schema.errors import BridgeError
from candlegraph.graph.schema.frozen import Frozen

TOGETHER = "all"


class Cell(NamedTuple):
    """One run: of a tested strategy, or of a baseline."""

    strategy: str
    account: str
    """`all`, or the pair that has it."""
    pairs: tuple[str, ...]
    window: PlanWindow
    repetition: int

    @property
    def key(self) -> str:
        """Return its name, which is its file's."""
        return f"{self.line}.w{self.window.number:02}"

    @property
    def line(self) -> str:
        """Return the name of what goes on from window to window."""
        account = self.account.replace("/", "_").replace(":", "_")
        return f"{self.strategy}.{account}.r{self.repetition}"


Chain = tuple[Cell, ...]
"""Cells that must run in their order, since one begins with the memory of those before."""


class KeptEntry(Frozen):
    """One entry as random agents make it again; distances are shares of the entry price."""

    gap: int
    sign: int
    stop: float
    target: float | None
    horizon: int
    notional: float


class CellResult(Frozen):
    """What is kept of a run: the same on any machine and with any number of processes."""

    key: str
    strategy: str
    account: str
    pairs: tuple[str, ...]
    window: int
    repetition: int
    begin: str = Field(description="first day")
    end: str = Field(description="first day that is not traded")
    timeframe: str
    currency: str
    start: float = Field(description="balance, quote currency")
    equity: tuple[float, ...] = Field(description="at the beginning and at the end of each day, open trades marked")
    freqtrade: dict[str, float] = Field(description="its own statistics, from its archive")
    sums: dict[str, float] = Field(description="of all trades: counts, money in quote currency, tokens")
    r: tuple[float, ...] = Field(description="net result of each trade with a stop over its loss there, by their ends")
    ended: tuple[int, ...] = Field(description="when those trades ended, seconds since 1970")
    entries: dict[str, tuple[KeptEntry, ...]] = Field(description="by pair; empty: a baseline")
    fee: float = Field(description="share of the notional that a fill costs")


class KeptCell(Frozen):
    """A cell's file: its result, and how it came about."""

    result: CellResult
    run: str = Field(description="namespace of the run in the chain's folder; empty: none was needed")
    seconds: float
    spent: float | None = Field(description="money of its model calls; None: a price is unknown")


def chains_of(plan: EvaluationPlan) -> tuple[Chain, ...]:
    """Return the cells of the plan, tested strategies first; baselines run once, since they have no chance in them."""
    tested = [one.name for one in plan.strategies]
    stock = [name for name in plan.baselines if name in ("hold", "ema_cross")]
    lines = [(name, repetition) for name in tested for repetition in range(plan.repetitions)]
    found: list[Chain] = []
    for name, repetition in [*lines, *((name, 0) for name in stock)]:
        for account, pairs in accounts_of(plan):
            cells = tuple(Cell(name, account, pairs, window, repetition) for window in plan.windows.all)
            is_one = plan.memory == "carried" and name in tested
            found.extend([cells] if is_one else [(cell,) for cell in cells])
    return tuple(found)


def accounts_of(plan: EvaluationPlan) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return the accounts, each with its pairs."""
    return ((TOGETHER, plan.pairs),) if plan.accounts == "together" else tuple((pair, (pair,)) for pair in plan.pairs)


class CellFiles:
    """The finished cells of a plan, one file each; a file is there whole or not at all."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "cells"
        self.folder.mkdir(parents=True, exist_ok=True)

    def keep(self, cell: KeptCell) -> None:
        """Write a finished cell; a kill leaves the old state."""
        path = self._path(cell.result.key)
        new = path.with_suffix(f".{os.getpid()}.new")
        with new.open("w", encoding="utf-8") as file:
            file.write(cell.model_dump_json())
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)

    def read(self, key: str) -> KeptCell | None:
        """Return a finished cell; raise BridgeError naming a file that is none."""
        path = self._path(key)
        if not path.is_file():
            return None
        try:
            return KeptCell.model_validate_json(path.read_text(encoding="utf-8"))
        except ValidationError as e:
            raise BridgeError(f"{path}: no result of this version; remove the file, and the cell runs again") from e

    def all(self, chains: Sequence[Chain]) -> Iterator[KeptCell]:
        """Yield what is finished, in the plan's order."""
        found = (self.read(cell.key) for chain in chains for cell in chain)
        return (cell for cell in found if cell is not None)

    def missing(self, chains: Sequence[Chain]) -> tuple[Chain, ...]:
        """Return the chains that are not finished, whole: a chain finds out itself where to go on."""
        return tuple(chain for chain in chains if any(not self._path(cell.key).is_file() for cell in chain))

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}.json"
