"""Run the stock `freqtrade backtesting` with our strategy; market metadata comes from the loopback exchange."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from candlegraph.freqtrade_bridge.host import launch
from candlegraph.freqtrade_bridge.host.run_name import VARIABLE, export_stem, namespace_of_run, new_name
from candlegraph.freqtrade_bridge.loopback.configuration import base_config, offline_exchange
from candlegraph.freqtrade_bridge.loopback.markets import markets_of_datadir
from candlegraph.freqtrade_bridge.loopback.server import FixedClock, LoopbackExchange
from candlegraph.freqtrade_bridge.report.result import RESULTS
from candlegraph.graph.schema.errors import BridgeError

STRATEGIES = Path(__file__).parents[1] / "strategies"
STRATEGY = "CandleGraphStrategy"
OURS = {
    "--backtest-directory": "the result is read from USERDIR/backtest_results",
    "--export-directory": "the result is read from USERDIR/backtest_results",
    "--strategy-list": "a run has one strategy",
    "--pairs": "it is an option of candlegraph's own",
    "-p": "--pairs is an option of candlegraph's own",
    "--userdir": "it is an option of candlegraph's own",
    "--user-data-dir": "it is an option of candlegraph's own",
}
"""Options of freqtrade that would part a run from its result or its pairs, each with the reason to refuse it."""
PAIRLISTS = [{"method": "StaticPairList"}]
"""Of freqtrade's lists the one that takes the pairs as they are named."""


@dataclass(frozen=True)
class BacktestOrder:
    """What to run: candles of `datadir`, results and memory under `userdir`; `extra` goes to freqtrade unchanged."""

    datadir: Path
    userdir: Path
    pairs: tuple[str, ...]
    timerange: str
    configs: tuple[Path, ...] = ()
    overrides: dict[str, Any] = field(default_factory=dict)
    strategy: str = STRATEGY
    strategy_path: Path = STRATEGIES
    extra: tuple[str, ...] = ()


class Run(NamedTuple):
    """What a backtest left behind, found by its own name: the result, and where its decisions and experiences are."""

    archive: Path
    namespace: str


def run_backtest(order: BacktestOrder, *, offline: bool) -> Run:
    """Backtest on loopback or with the exchange's metadata; raise BridgeError with the reason if there is no result."""
    return run_offline(order) if offline else run_online(order)


def run_offline(order: BacktestOrder) -> Run:
    """Backtest on loopback; raise BridgeError with the reason if there is no result."""
    with offline_config(order) as config:
        return run_freqtrade(order, [*order.configs, config])


def run_online(order: BacktestOrder) -> Run:
    """Backtest with the exchange's own metadata; raise BridgeError with the reason if there is no result."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "overrides.json"
        config = {"exchange": {"pair_blacklist": []}, "pairlists": PAIRLISTS} | order.overrides
        path.write_text(json.dumps(config))
        return run_freqtrade(order, [*order.configs, path])


@contextmanager
def offline_config(order: BacktestOrder) -> Iterator[Path]:
    """Serve the pairs' metadata, and yield a configuration file that trades on it."""
    markets = markets_of_datadir(order.datadir, order.pairs)
    clock = FixedClock(max(int(market.series.time[-1]) for market in markets))
    with LoopbackExchange(markets, clock) as exchange, tempfile.TemporaryDirectory() as folder:
        config = {} if order.configs else base_config()
        config |= {"exchange": offline_exchange(exchange.url, order.pairs), "pairlists": PAIRLISTS} | order.overrides
        path = Path(folder) / "offline.json"
        path.write_text(json.dumps(config))
        yield path


def run_freqtrade(order: BacktestOrder, configs: Sequence[Path]) -> Run:
    """Run `freqtrade backtesting` without its cache, which hashes only the strategy file, not graph or prompts."""
    refuse_ours(order.extra)
    name, results = new_name(datetime.now(UTC)), order.userdir / RESULTS
    results.mkdir(parents=True, exist_ok=True)
    stem = export_stem(results, name)
    words = ["backtesting", "--strategy", order.strategy]
    words += ["--strategy-path", str(order.strategy_path), "--userdir", str(order.userdir)]
    words += ["--datadir", str(order.datadir), "--timerange", order.timerange, *order.extra]
    words += ["--pairs", *order.pairs, "--cache", "none", "--export-directory", str(stem)]
    for config in configs:
        words += ["--config", str(config)]
    # A terminal in ASCII shows ? for what it has not; without this freqtrade's log handler prints a trace for it.
    shown = {"PYTHONIOENCODING": f"{sys.stdout.encoding or 'utf-8'}:replace"}
    status, reason = _launched(words, os.environ | {"LANGSMITH_TRACING": "false", VARIABLE: name} | shown)
    archives = list(results.glob(f"{stem.name}-*.zip"))
    if status != 0 or len(archives) != 1:
        raise BridgeError(failure_of(status, reason))
    return Run(archives[0], namespace_of_run(name))


def refuse_ours(extra: Sequence[str]) -> None:
    """Raise BridgeError for an option of freqtrade's that would part the run from its result."""
    for word, following in zip(extra, [*extra, ""][1:], strict=True):
        option, _, value = word.partition("=")
        if option in OURS:
            raise BridgeError(f"backtest: -- {option}: {OURS[option]}; expected freqtrade's other options after --")
        if option == "--export" and (value or following) == "none":
            raise BridgeError("backtest: -- --export none: the table is read from the result, which that leaves out")


def failure_of(status: int, reason: str) -> str:
    """Return why a run has no result."""
    if reason:
        return f"freqtrade backtesting failed: {reason}"
    if status:
        return f"freqtrade backtesting ended with status {status}; its log is above"
    return 'freqtrade backtesting wrote no result; its log is above (is "export": "none" in a configuration?)'


def _launched(words: Sequence[str], env: dict[str, str]) -> tuple[int, str]:
    """Return freqtrade's status and its last error."""
    with tempfile.TemporaryDirectory() as folder:
        reason = Path(folder) / "reason"
        command = [sys.executable, "-m", launch.__name__, str(reason), *words]
        status = subprocess.run(command, env=env, check=False).returncode
        return status, reason.read_text(encoding="utf-8") if reason.is_file() else ""
