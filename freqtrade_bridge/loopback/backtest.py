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
from pathlib import Path
from typing import Any

from candlegraph.freqtrade_bridge.loopback.configuration import base_config, offline_exchange
from candlegraph.freqtrade_bridge.loopback.markets import markets_of_datadir
from candlegraph.freqtrade_bridge.loopback.server import FixedClock, LoopbackExchange
from candlegraph.graph.schema.errors import BridgeError

STRATEGIES = Path(__file__).parent / "strategies"
STRATEGY = "CandleGraphStrategy"


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


def run_offline(order: BacktestOrder) -> None:
    """Backtest on loopback; raise BridgeError if freqtrade ends with an error."""
    with offline_config(order) as config:
        run_freqtrade(order, [*order.configs, config])


def run_online(order: BacktestOrder) -> None:
    """Backtest with the exchange's own metadata; raise BridgeError if freqtrade ends with an error."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "overrides.json"
        path.write_text(json.dumps(order.overrides))
        run_freqtrade(order, [*order.configs, path])


@contextmanager
def offline_config(order: BacktestOrder) -> Iterator[Path]:
    """Serve the pairs' metadata, and yield a configuration file that trades on it."""
    markets = markets_of_datadir(order.datadir, order.pairs)
    clock = FixedClock(max(int(market.series.time[-1]) for market in markets))
    with LoopbackExchange(markets, clock) as exchange, tempfile.TemporaryDirectory() as folder:
        config = {} if order.configs else base_config()
        config |= {"exchange": offline_exchange(exchange.url, order.pairs)} | order.overrides
        path = Path(folder) / "offline.json"
        path.write_text(json.dumps(config))
        yield path


def run_freqtrade(order: BacktestOrder, configs: Sequence[Path]) -> None:
    """Run `freqtrade backtesting` without its cache, which hashes only the strategy file, not graph or prompts."""
    order.userdir.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "freqtrade", "backtesting", "--cache", "none", "--strategy", order.strategy]
    command += ["--strategy-path", str(order.strategy_path), "--userdir", str(order.userdir)]
    command += ["--datadir", str(order.datadir), "--timerange", order.timerange, *order.extra]
    for config in configs:
        command += ["--config", str(config)]
    done = subprocess.run(command, env=os.environ | {"LANGSMITH_TRACING": "false"}, check=False)
    if done.returncode != 0:
        raise BridgeError(f"freqtrade backtesting ended with status {done.returncode}; its log is above")
