"""Freqtrade's own `lookahead-analysis` finds no bias in the bridge, and catches a strategy made to cheat."""

import csv
import json

import backtests
import pytest
from freqtrade.commands.arguments import Arguments
from freqtrade.commands.optimize_commands import start_lookahead_analysis

from candlegraph.freqtrade_bridge.loopback.backtest import BacktestOrder, offline_config


def analysed(sample, userdir, strategy):
    """Return the row that freqtrade exports for `strategy`."""
    order = BacktestOrder(sample.datadir, userdir, sample.pairs[:1], "20251005-20251008")
    with offline_config(order) as path:
        settings = json.loads(path.read_text()) | {"strategy_path": str(backtests.TEST_STRATEGIES)}
        path.write_text(json.dumps(settings))
        words = ["lookahead-analysis", "--config", str(path), "--strategy", strategy, "--userdir", str(userdir)]
        words += ["--datadir", str(sample.datadir), "--timerange", order.timerange]
        words += ["--minimum-trade-amount", "3", "--targeted-trade-amount", "4"]
        words += ["--lookahead-analysis-exportfilename", str(userdir / "analysis.csv")]
        start_lookahead_analysis(Arguments(words).get_parsed_arg())
    with (userdir / "analysis.csv").open() as file:
        (row,) = csv.DictReader(file)
    return row


@pytest.mark.slow  # five minutes: each of its many backtests also decides the 600 start-up candles
@pytest.mark.parametrize(("strategy", "biased"), [("RuleStrategy", "False"), ("CheatStrategy", "True")])
def test_lookahead_analysis_tells_honest_from_cheating(strategy, biased, sample, tmp_path):
    row = analysed(sample, tmp_path, strategy)
    assert row["has_bias"] == biased, row
    assert int(row["total_signals"]) >= 3
    assert (int(row["biased_entry_signals"]) > 0) == (biased == "True")
