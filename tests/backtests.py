"""Freqtrade's own backtester in process, on candle folders and the loopback exchange."""

import json
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from freqtrade.commands.optimize_commands import setup_optimize_configuration
from freqtrade.enums import RunMode
from freqtrade.optimize.backtesting import Backtesting
from freqtrade_once import parsed

from candlegraph.freqtrade_bridge.loopback.backtest import STRATEGIES, BacktestOrder, offline_config
from candlegraph.memory.books.ledger import DecisionRow, Ledger

TEST_STRATEGIES = Path(__file__).parent / "strategies"


@dataclass
class Backtest:
    trades: pd.DataFrame
    strategy: Any
    userdir: Path

    def decisions(self) -> tuple[DecisionRow, ...]:
        context = self.strategy.session.context
        return Ledger(context.database).rows(context.namespace)


@contextmanager
def configured(datadir, userdir, pairs, timerange, strategy="CandleGraphStrategy", **overrides):
    """Yield freqtrade's configuration of a backtest."""
    folder = STRATEGIES if strategy == "CandleGraphStrategy" else TEST_STRATEGIES
    order = BacktestOrder(Path(datadir), Path(userdir), tuple(pairs), timerange, overrides=overrides)
    order.userdir.mkdir(parents=True, exist_ok=True)
    with offline_config(order) as path:
        settings = json.loads(path.read_text()) | {"strategy_path": str(folder)}
        path.write_text(json.dumps(settings))
        words = ["backtesting", "--config", str(path), "--strategy", strategy, "--userdir", str(userdir)]
        words += ["--datadir", str(datadir), "--timerange", timerange, "--cache", "none", "--export", "none"]
        yield parsed(words)


def run(datadir, userdir, pairs, timerange, strategy="CandleGraphStrategy", **overrides) -> Backtest:
    """Backtest as `Backtesting.start` does, up to its statistics: they cost more than a day of candles."""
    with configured(datadir, userdir, pairs, timerange, strategy, **overrides) as arguments:
        engine = Backtesting(setup_optimize_configuration(arguments, RunMode.BACKTEST))
        try:
            data, loaded = engine.load_bt_data()
            engine.backtest_one_strategy(engine.strategylist[0], data, loaded)
        finally:
            Backtesting.cleanup()
        return Backtest(engine.all_bt_content[strategy]["results"], engine.strategylist[0], Path(userdir))
