"""A live bot decides what a backtest of the same candles decides; `candlegraph parity` finds nothing else."""

import json
import shutil
from datetime import UTC, datetime, timedelta

import backtests
import pytest
from virtual_live import WALLET, VirtualLive

from candlegraph.freqtrade_bridge.commands.main import main
from candlegraph.freqtrade_bridge.loopback.markets import market_of
from candlegraph.freqtrade_bridge.loopback.sample_market import sample_series

START = datetime(2025, 11, 15, 0, 30, 2, tzinfo=UTC)
CANDLES = 150


@pytest.mark.slow
def test_live_and_backtest_decide_the_same_over_150_candles_of_two_pairs(sample, tmp_path, capsys):
    pairs = sample.pairs[:2]
    config = {"strategy": "RuleStrategy", "strategy_path": str(backtests.TEST_STRATEGIES)}
    with VirtualLive(config, [market_of(pair, sample_series(pair)) for pair in pairs], START) as run:
        run.run_until(START + CANDLES * timedelta(minutes=30))
        shutil.copytree(run._folder, tmp_path / "live")
    backtests.run(
        sample.datadir, tmp_path / "backtest", pairs, "20251115-20251119", "RuleStrategy", dry_run_wallet=int(WALLET)
    )
    words = ["--live", str(tmp_path / "live"), "--backtest", str(tmp_path / "backtest"), "--json"]
    capsys.readouterr()
    try:
        main(["parity", *words])
    except SystemExit:
        pass
    told = json.loads(capsys.readouterr().out)
    assert told["decisions"] >= 2 * CANDLES - 4
    assert told["differing"] == []
    assert len(told["trades"]) >= 5
    for trade in told["trades"]:
        assert sum(trade["parts"].values()) == pytest.approx(trade["difference"], abs=1e-6)
