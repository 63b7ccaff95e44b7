"""Freqtrade's own backtester in this process, in a thread of its own: a notebook's event loop runs in the caller's.

order -> configuration, as the command line would make it -> Backtesting, candle by candle -> archive, as freqtrade's
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from freqtrade.commands.arguments import Arguments
from freqtrade.commands.optimize_commands import setup_optimize_configuration
from freqtrade.data.metrics import combined_dataframes_with_rel_mean
from freqtrade.enums import RunMode
from freqtrade.exceptions import FreqtradeException
from freqtrade.optimize.backtesting import Backtesting
from freqtrade.optimize.optimize_reports import generate_backtest_stats, store_backtest_results
from langchain_core.language_models import BaseChatModel

from candlegraph.freqtrade_bridge.host.run_name import VARIABLE, new_name
from candlegraph.freqtrade_bridge.lab.hush import KeptLog, hushed
from candlegraph.freqtrade_bridge.loopback.backtest import BacktestOrder, RunFiles, files_of, prepared, words_of
from candlegraph.graph.schema.errors import BridgeError

_one_at_a_time = threading.Lock()
"""Freqtrade keeps the trades of a backtest in class attributes."""


@dataclass
class Watched:
    """How far a backtest is, for whoever waits for it; money in the currency of `llm_config.prices`."""

    step: str = "starting"
    done: int = 0
    total: int = 0
    spent: float | None = None
    equity: float | None = None
    warnings: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    """What was logged as an error; of a run that fails the exception says it."""
    engine: Any = None

    def stop(self) -> None:
        """Let the backtest end at its next candle."""
        if self.engine is not None:
            self.engine.abort = True

    def follow(self, task: Any) -> None:
        """Take over what freqtrade says of its progress."""
        self.step, self.done, self.total = str(task.description), int(task.completed), int(task.total or 0)
        session = getattr(self.engine.strategylist[0], "session", None)
        if session is not None:
            self.spent, self.equity = session.spent, session.equity


def run_here(order: BacktestOrder, watched: Watched, *, offline: bool, model: BaseChatModel | None) -> RunFiles:
    """Backtest in the calling thread; raise BridgeError with the reason where there is no result."""
    name = new_name(datetime.now(UTC))
    with _one_at_a_time, hushed() as log, prepared(order, offline=offline) as start:
        watched.warnings, watched.errors = log.warnings, log.errors
        with _environment({**start.variables, VARIABLE: name}):
            try:
                _backtest(words_of(order, start.configs, name), watched, model)
            except FreqtradeException as e:
                raise BridgeError(f"backtest: {_reason(e, log)}") from e
            finally:
                Backtesting.cleanup()
    files = files_of(order.userdir, name)
    if files is None:
        raise BridgeError('backtest: freqtrade wrote no result (is "export": "none" in a configuration?)')
    return files


def _backtest(words: list[str], watched: Watched, model: BaseChatModel | None) -> None:
    """Do what `Backtesting.start` does with one strategy, without its tables."""
    config = setup_optimize_configuration(Arguments(words).get_parsed_arg(), RunMode.BACKTEST)
    engine = watched.engine = Backtesting(config, progress_callback=watched.follow)
    (strategy,) = engine.strategylist
    strategy.given_model = model
    try:
        _traded(engine, config)
    finally:
        engine.exchange.close()


def _traded(engine: Any, config: dict[str, Any]) -> None:
    (strategy,) = engine.strategylist
    data, loaded = engine.load_bt_data()
    begin, end = engine.backtest_one_strategy(strategy, data, loaded)
    store_backtest_results(
        config,
        generate_backtest_stats(data, engine.all_bt_content, min_date=begin, max_date=end),
        f"{datetime.now(UTC):%Y-%m-%d_%H-%M-%S}",
        market_change_data=combined_dataframes_with_rel_mean(data, begin, end),
        wallet_summary={name: one["wallet_summary"] for name, one in engine.all_bt_content.items()},
        strategy_files={strategy.get_strategy_name(): strategy.__file__},
    )


def _reason(error: FreqtradeException, log: KeptLog) -> str:
    """Return why it failed: freqtrade logs what was wrong, and raises something that says less."""
    return log.errors[-1] if log.errors and log.errors[-1] not in str(error) else str(error)


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Let the process have these variables and no others while the block lasts."""
    before = dict(os.environ)
    _set(variables)
    try:
        yield
    finally:
        _set(before)


def _set(variables: Mapping[str, str]) -> None:
    for name in os.environ.keys() - variables.keys():
        del os.environ[name]
    os.environ.update(variables)
