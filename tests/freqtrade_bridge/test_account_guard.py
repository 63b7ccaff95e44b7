"""The emergency stop fires once, outlives a restart, and ends by a reset only."""

import logging
import sqlite3
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from candlegraph.freqtrade_bridge.feeds import account as wallet_watch
from candlegraph.freqtrade_bridge.feeds.account import AccountGuard
from candlegraph.graph.schema.market import Account
from candlegraph.memory.books.account import AccountBook

NOON = datetime(2025, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def database(tmp_path):
    return tmp_path / "memory.sqlite"


def guard(database, **options):
    return AccountGuard(database, "dry_run", -0.15, **{"is_backtest": False} | options)


def observe(one, equity, hour=0):
    return one.observe(Account(equity=equity, free=equity, open_positions=0), NOON + timedelta(hours=hour))


@pytest.mark.parametrize("is_backtest", [True, False])
def test_the_emergency_stop_fires_at_its_limit_once_and_stays(database, caplog, is_backtest):
    one = guard(database, is_backtest=is_backtest)
    assert observe(one, 1000).halted is None
    assert observe(one, 850.1, 1).halted is None
    halted = observe(one, 850, 2).halted
    assert "15.00 % below its peak 1000.00" in halted
    assert observe(one, 2000, 3).halted == halted
    assert len([r for r in caplog.records if r.levelno == logging.CRITICAL]) == 1


def test_peak_and_halt_outlive_a_restart(database):
    observe(guard(database), 1000)
    assert observe(guard(database), 900, 1).drawdown_pct == pytest.approx(10)
    assert observe(guard(database), 800, 2).halted
    again = guard(database)
    assert again.halt
    assert observe(again, 1000, 3).halted


def test_a_reset_counts_at_once_and_the_peak_begins_anew(database):
    one = guard(database)
    observe(one, 1000)
    assert observe(one, 500, 1).halted
    AccountBook(database).reset("dry_run")
    account = observe(one, 500, 2)
    assert (account.halted, account.drawdown_pct) == (None, 0)
    assert one.halt is None


def test_a_backtest_reads_no_mark_of_another_run_and_stores_its_halt(database):
    observe(guard(database), 1_000_000)
    one = guard(database, is_backtest=True)
    assert observe(one, 1000).drawdown_pct == 0
    observe(one, 100)
    assert AccountBook(database).mark("dry_run").reason == one.halt


def test_a_wallet_that_could_not_be_read_fires_nothing_and_is_no_peak(database):
    one = guard(database)
    assert observe(one, 0).halted is None
    observe(one, 1000, 1)
    assert observe(one, 0, 2).halted is None
    assert observe(one, 900, 3).drawdown_pct == pytest.approx(10)
    halted = observe(one, 800, 4).halted
    assert observe(one, 0, 5).halted == halted


def test_a_database_that_cannot_be_used_neither_stops_trading_nor_hides_the_drawdown(database, caplog):
    one = guard(database)
    observe(one, 1000)
    with sqlite3.connect(database) as raw:
        raw.execute("drop table account")
    account = observe(one, 700, 1)
    assert account.halted
    assert one.halt
    assert "could not be" in caplog.text


def test_a_halt_that_could_not_be_stored_stays_and_is_stored_later(database):
    one = guard(database)
    observe(one, 1000)
    with sqlite3.connect(database) as raw:
        raw.execute("alter table account rename to gone")
    assert observe(one, 700, 1).halted
    with sqlite3.connect(database) as raw:
        raw.execute("alter table gone rename to account")
    assert observe(one, 1000, 2).halted
    assert AccountBook(database).mark("dry_run").reason == one.halt


def test_the_account_is_not_measured_before_every_open_trade_has_a_price(database):
    trade = SimpleNamespace(
        id=1,
        pair="BTC/USDT:USDT",
        open_rate=100.0,
        amount=10.0,
        stake_amount=200.0,
        calc_profit=lambda rate: rate - 400,
    )
    wallets = SimpleNamespace(get_total=lambda currency: 1000.0, get_available_stake_amount=lambda: 800.0)
    config = {"stake_currency": "USDT", "max_open_trades": 3}
    watch = wallet_watch.WalletWatch(config, wallets, guard(database))
    assert watch.measure(NOON, [trade]).halted == "an open trade has no price yet"
    assert AccountBook(database).mark("dry_run") is None
    watch.prices[trade.pair] = 300.0
    assert watch.measure(NOON, [trade]).halted is None
    assert AccountBook(database).mark("dry_run").peak == 900
