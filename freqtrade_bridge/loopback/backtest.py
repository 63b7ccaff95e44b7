"""Run the stock `freqtrade backtesting` with our strategy; market metadata comes from the loopback exchange."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from candlegraph.freqtrade_bridge.host.configuration_files import passed_on, read_files
from candlegraph.freqtrade_bridge.host.launch import launched
from candlegraph.freqtrade_bridge.host.run_name import VARIABLE, export_stem, exported, namespace_of_run, new_name
from candlegraph.freqtrade_bridge.loopback.offline import (
    format_found,
    offline_environment,
    offline_markets,
    only_named,
    write_offline,
)
from candlegraph.freqtrade_bridge.loopback.server import FixedClock, LoopbackExchange
from candlegraph.freqtrade_bridge.report.result import RESULTS
from candlegraph.graph.schema.errors import BridgeError

STRATEGIES = Path(__file__).parents[1] / "strategies"
STRATEGY = "CandleGraphStrategy"
OWN = "it is an option of candlegraph's own"
OURS = {
    "--backtest-directory": "the result is read from USERDIR/backtest_results",
    "--export-directory": "the result is read from USERDIR/backtest_results",
    "--strategy-list": "a run has one strategy",
    **dict.fromkeys(("--pairs", "--userdir", "--user-data-dir", "--datadir", "--timerange", "--config"), OWN),
    "-p": "--pairs is an option of candlegraph's own",
    "-d": "--datadir is an option of candlegraph's own",
    "-c": "-c is an option of candlegraph's own",
}
"""Options of freqtrade that would part a run from its result or its settings, each with the reason to refuse it."""


@dataclass(frozen=True)
class BacktestOrder:
    """What to run: candles of `datadir`, results and memory under `userdir`; `extra` goes to freqtrade unchanged.

    Without `pairs` freqtrade takes those of the configuration.
    """

    datadir: Path
    userdir: Path
    pairs: tuple[str, ...]
    timerange: str
    configs: tuple[Path, ...] = ()
    overrides: dict[str, Any] = field(default_factory=dict)
    strategy: str = STRATEGY
    strategy_path: Path = STRATEGIES
    extra: tuple[str, ...] = ()

    @property
    def configuration(self) -> dict[str, Any]:
        """Return what freqtrade will be configured with, but for the exchange on loopback."""
        return read_files(self.configs, self.overrides | passed_on(self.extra)).merged


class RunFiles(NamedTuple):
    """What a backtest left behind, found by its own name: the result, and where its decisions and experiences are."""

    archive: Path
    namespace: str


class BacktestStart(NamedTuple):
    """What freqtrade is to be started with."""

    configs: Sequence[Path]
    variables: Mapping[str, str]


def run_backtest(order: BacktestOrder, *, offline: bool, is_aside: bool = False) -> RunFiles:
    """Backtest on loopback or with the exchange's metadata; raise BridgeError with the reason if there is no result.

    `is_aside`: what freqtrade prints goes to stderr.
    """
    with prepared(order, offline=offline) as start:
        return run_freqtrade(order, start, is_aside=is_aside)


@contextmanager
def prepared(order: BacktestOrder, *, offline: bool) -> Iterator[BacktestStart]:
    """Yield configuration and environment: with the exchange played on loopback, or with the exchange's own address."""
    if offline:
        with offline_config(order) as config:
            yield BacktestStart([config], offline_environment())
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "overrides.json"
        path.write_text(json.dumps(stronger_of(order)))
        yield BacktestStart([*order.configs, path], os.environ)


def stronger_of(order: BacktestOrder) -> dict[str, Any]:
    """Return what the order itself says of the configuration."""
    return only_named(order.pairs) | format_found(order.configuration, order.datadir) | order.overrides


@contextmanager
def offline_config(order: BacktestOrder) -> Iterator[Path]:
    """Serve the pairs' metadata, and yield a configuration file that trades on it."""
    markets = offline_markets(order.configuration, order.datadir, order.pairs)
    clock = FixedClock(max(int(market.series.time[-1]) for market in markets))
    with LoopbackExchange(markets, clock) as exchange, tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "offline.json"
        write_offline(path, order.configs, stronger_of(order), exchange.url, markets)
        yield path


def run_freqtrade(order: BacktestOrder, start: BacktestStart, *, is_aside: bool = False) -> RunFiles:
    """Run `freqtrade backtesting` in a process of its own."""
    refuse_ours(order.extra)
    name = new_name(datetime.now(UTC))
    variables = {**start.variables, VARIABLE: name}
    status, reason = launched(words_of(order, start.configs, name), variables, is_aside=is_aside)
    files = files_of(order.userdir, name)
    if status != 0 or files is None:
        raise BridgeError(failure_of(status, reason))
    return files


def words_of(order: BacktestOrder, configs: Sequence[Path], name: str) -> list[str]:
    """Return freqtrade's command line, without its cache, which hashes only the strategy file, not graph or prompts."""
    results = order.userdir / RESULTS
    results.mkdir(parents=True, exist_ok=True)
    words = ["backtesting", "--strategy", order.strategy]
    words += ["--strategy-path", str(order.strategy_path), "--userdir", str(order.userdir)]
    words += ["--datadir", str(order.datadir), "--timerange", order.timerange, *order.extra]
    words += ["--cache", "none", "--export-directory", str(export_stem(results, name))]
    words += ["--pairs", *order.pairs] if order.pairs else []
    return [*words, *(word for config in configs for word in ("--config", str(config)))]


def files_of(userdir: Path, name: str) -> RunFiles | None:
    """Return what the run of that name left behind, None where it has no result."""
    archives = exported(userdir / RESULTS, name)
    return RunFiles(archives[0], namespace_of_run(name)) if len(archives) == 1 else None


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
