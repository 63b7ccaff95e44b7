"""The emergency stop fires once, outlives a restart, and ends by a reset only."""

import logging
import sqlite3
from datetime import UTC, datetime, timedelta

import pytest

from candlegraph.freqtrade_bridge.account_guard import AccountGuard
from candlegraph.graph.market import Account
from candlegraph.memory.account import AccountBook

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


def test_a_database_that_cannot_be_used_neither_stops_trading_nor_hides_the_drawdown(database, caplog):
    one = guard(database)
    observe(one, 1000)
    with sqlite3.connect(database) as raw:
        raw.execute("drop table account")
    account = observe(one, 700, 1)
    assert account.halted
    assert one.halt
    assert "could not be" in caplog.text
