"""A day that falls by 40 %, in gaps through every stop: what is lost, what fires, and what stays halted."""

from datetime import UTC, datetime

import backtests
import markets
import pytest
import script
from freqtrade.persistence import PairLocks, Trade
from virtual_dry_run import VirtualDryRun

from candlegraph.freqtrade_bridge.commands.books.account import print_reset
from candlegraph.freqtrade_bridge.loopback.markets import market_of
from candlegraph.freqtrade_bridge.loopback.sample_market import sample_series
from candlegraph.graph.settings.places import DATABASE
from candlegraph.memory.books.account import AccountBook, AccountMark

PAIRS = ("BTC/USDT:USDT", "ETH/USDT:USDT")
AT = "2025-11-15 06:00"
GAPS = (0.03, 0.06, 0.02, 0.09, 0.04, 0.05, 0.03, 0.08, 0.02, 0.04, 0.03, 0.02)
FEE = 0.0005
RULES = {"emergency_stop_loss": -0.15, "max_daily_loss_pct": 100, "max_risk_per_trade_pct": 30, "max_position_pct": 40}
CONFIG = {"strategy": "ScriptStrategy", "strategy_path": str(backtests.TEST_STRATEGIES), "risk_management": RULES}


def always_long(facts):
    return script.stay(facts) if facts.position else script.enter(facts, leverage=5.0, stake=3500.0, stop_atr=3.0)


@pytest.fixture
def series(monkeypatch):
    monkeypatch.setattr(script, "decide", always_long)
    return {pair: markets.crashed(sample_series(pair), AT, GAPS) for pair in PAIRS}


def test_the_day_really_falls_by_forty_percent(series):
    frame = markets.frame_of(series[PAIRS[0]]).set_index("date")
    day = frame.loc["2025-11-15"]
    assert day["close"].iloc[-1] / day["open"].iloc[0] < 0.62


def test_a_backtest_loses_stop_gap_and_fees_at_most_and_halts_once(series, tmp_path):
    datadir = markets.write(tmp_path / "market", series)
    result = backtests.run(
        datadir, tmp_path / "user", PAIRS, "20251115-20251117", "ScriptStrategy", risk_management=RULES
    )
    trades = result.trades
    opens = {pair: markets.frame_of(one).set_index("date")["open"] for pair, one in series.items()}
    lost = 0
    for trade in trades.itertuples():
        first_tradable = min(trade.stop_loss_abs, opens[trade.pair][trade.close_date])
        worst = trade.stake_amount * trade.leverage * ((trade.open_rate - first_tradable) / trade.open_rate + 2 * FEE)
        assert trade.profit_abs >= -worst * 1.01 - abs(trade.funding_fees)
        assert trade.profit_abs >= -trade.stake_amount * (1 + trade.leverage * 2 * FEE)
        lost += trade.profit_abs < 0
    assert lost >= 2
    halt = result.strategy.session.guard.halt
    assert halt.startswith("emergency stop at 2025-11-15")
    halted_at = datetime.strptime(halt[18:34], "%Y-%m-%d %H:%M").replace(tzinfo=UTC)
    assert (trades["open_date"] < halted_at).all()
    later = [row.signal for row in result.decisions() if row.as_of > halted_at and row.state == "flat"]
    assert len(later) > 50
    assert {(one.action, one.source) for one in later} == {("wait", "halted")}
    assert all("emergency_stop_loss" in one.reason for one in later)


def dry_run(series, tmp_path, start):
    return VirtualDryRun(
        CONFIG,
        [market_of(pair, one) for pair, one in series.items()],
        start,
        db_url=f"sqlite:///{tmp_path / 'trades.sqlite'}",
        loop_seconds=900,
        userdir=tmp_path / "user",
    )


def hour(number):
    return datetime(2025, 11, 15, number, 0, 2, tzinfo=UTC)


def test_a_dry_run_closes_all_once_and_stays_halted_after_a_restart_until_a_reset(series, tmp_path, caplog):
    with dry_run(series, tmp_path, hour(5)) as run:
        run.run_until(hour(10))
        guard = run.bot.strategy.session.guard
        assert guard.halt
        trades = Trade.get_trades().all()
        assert trades
        assert not Trade.get_open_trades()
        assert all(trade.close_profit > -1.01 for trade in trades)
        assert PairLocks.is_global_lock()
        count, halt = len(trades), guard.halt
    assert sum("all positions are closed" in record.message for record in caplog.records) == 1
    with dry_run(series, tmp_path, hour(13)) as run:
        run.run_until(hour(14))
        assert run.bot.strategy.session.guard.halt == halt
        assert len(Trade.get_trades().all()) == count
        reset(tmp_path)
        run.run_until(hour(15))
        assert run.bot.strategy.session.guard.halt is None
        assert not PairLocks.is_global_lock()
        assert len(Trade.get_trades().all()) > count


def test_a_reset_while_the_bot_is_down_lets_entries_go_on_at_the_next_start(series, tmp_path):
    halted = AccountMark(peak=10_000, day="2025-11-15", day_equity=10_000, reason="planted")
    AccountBook(tmp_path / "user" / DATABASE).keep("dry_run", halted)
    with dry_run(series, tmp_path, hour(1)) as run:
        run.run_until(hour(2))
        assert PairLocks.is_global_lock()
        assert not Trade.get_trades().all()
    reset(tmp_path)
    with dry_run(series, tmp_path, hour(3)) as run:
        run.run_until(hour(4))
        assert not PairLocks.is_global_lock()
        assert Trade.get_trades().all()


def reset(tmp_path):
    class Arguments:
        userdir, namespace = tmp_path / "user", "dry_run"

    print_reset(Arguments)
