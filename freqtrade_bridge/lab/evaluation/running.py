"""One chain of cells through freqtrade's backtester, in the calling process; each finished cell is kept at once.

cell -> order -> freqtrade -> archive, ledger, candles -> result -> file
"""

from __future__ import annotations

import fcntl
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from candlegraph.freqtrade_bridge.host.configuration_files import over
from candlegraph.freqtrade_bridge.lab.engine import Watched, run_here
from candlegraph.freqtrade_bridge.lab.evaluation.cells import Cell, CellFiles, Chain, KeptCell, chains_of
from candlegraph.freqtrade_bridge.lab.evaluation.measured import spent_of, told_result
from candlegraph.freqtrade_bridge.lab.evaluation.plan import EvaluationPlan
from candlegraph.freqtrade_bridge.lab.given import given_of, order_of
from candlegraph.freqtrade_bridge.loopback.backtest import STRATEGIES, BacktestOrder
from candlegraph.graph.schema.errors import BridgeError
from candlegraph.graph.settings.places import DATABASE
from candlegraph.memory.pruning import prune, stored_runs
from candlegraph.memory.store import close_memory

STOCK = {"hold": "BuyAndHold", "ema_cross": "EmaCross"}
BASELINES = STRATEGIES / "baselines"


class BudgetSpent(BridgeError):
    """A plan's money is used up; what is finished is kept."""

    status = 4


class Job(NamedTuple):
    """What a process needs to run chains of a plan."""

    plan: EvaluationPlan
    folder: Path
    """Of the plan's results."""
    at_once: int = 1
    """How many cells may be running: each may cost its share of the money that is left."""


def run_chain(job: Job, chain: Chain) -> None:
    """Run the cells of a chain that are not finished, one after the other."""
    files = CellFiles(job.folder)
    home = job.folder / "runs" / (chain[0].line if len(chain) > 1 else chain[0].key)
    with alone(home):
        kept = [found for cell in chain if (found := files.read(cell.key)) is not None]
        forget_half(home, [one.run for one in kept])
        for cell in chain[len(kept) :]:
            kept.append(run_cell(job, cell, home, [one.run for one in kept]))
            files.keep(kept[-1])


@contextmanager
def alone(home: Path) -> Iterator[None]:
    """Wait until no other process runs this chain: after a kill its worker may still be at its last cell."""
    home.parent.mkdir(parents=True, exist_ok=True)
    with home.with_name(f"{home.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def forget_half(home: Path, finished: list[str]) -> None:
    """Throw away what a killed process left of a cell: no other may read it."""
    if not finished:
        shutil.rmtree(home, ignore_errors=True)
    elif (database := home / DATABASE).is_file():
        half = [one for one in stored_runs(database) if one.namespace not in finished]
        for archive in prune(database, half, datetime.now(UTC)):
            archive.unlink()


def run_cell(job: Job, cell: Cell, home: Path, before: list[str]) -> KeptCell:
    """Run one cell; `before`: the namespaces of its chain, whose experiences it knows."""
    began, most = time.monotonic(), most_of(job)
    order = cell_order(job, cell, home, before, most)
    files = run_here(order, Watched(), offline=job.plan.offline, model=None)
    result = told_result(cell, order, files, is_tested=cell.strategy not in STOCK)
    close_memory(home / DATABASE)
    spent = spent_of(home, files.namespace) if cell.strategy not in STOCK else 0.0
    if most is not None and spent is not None and spent >= most:
        raise BudgetSpent(
            f"evaluate: {cell.key} cost {spent:.4g} and may cost {most:.4g}: from there on no model was asked, so "
            "it is not kept. Raise `budget` in the plan and run it again: what is finished stays"
        )
    return KeptCell(result=result, run=files.namespace, seconds=time.monotonic() - began, spent=spent)


def most_of(job: Job) -> float | None:
    """Return the money that the next cell may cost; None: no limit. Raise BudgetSpent where none is left."""
    if job.plan.budget is None:
        return None
    files = CellFiles(job.folder)
    left = job.plan.budget - sum(one.spent or 0.0 for one in files.all(chains_of(job.plan)))
    if left <= 0:
        raise BudgetSpent(f"evaluate: budget = {job.plan.budget:g} is used up; raise it in the plan and run it again")
    return left / job.at_once


def cell_order(job: Job, cell: Cell, home: Path, before: list[str], most: float | None) -> BacktestOrder:
    """Return what freqtrade is to do for a cell."""
    plan = job.plan
    tested = next((one for one in plan.strategies if one.name == cell.strategy), None)
    stronger: dict[str, Any] = {} if tested is None else tested.stronger
    if tested is None:
        stronger = over({"max_open_trades": len(cell.pairs)}, stronger)
    if before:
        stronger = over({"experience_config": {"rag_config": {"read_namespaces": before}}}, stronger)
    if most is not None:
        stronger = over({"llm_config": {"budget": {"run_cost": most, "degrade_at": 1.0}}}, stronger)
    given = given_of(plan.config or None, None if tested is None else tested.model, None, stronger)
    order = order_of(given, cell.pairs, cell.window.timerange, plan.datadir, home.resolve(), offline=plan.offline)
    return order if tested else replace(order, strategy=STOCK[cell.strategy], strategy_path=BASELINES)
