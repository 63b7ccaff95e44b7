"""A dry-run bot as a person sees it who is not there: heartbeat, health, status, messages, metrics, charts."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import backtests
import pytest
import script
import time_machine
from virtual_dry_run import VirtualDryRun

from candlegraph.freqtrade_bridge.commands.main import main
from candlegraph.freqtrade_bridge.loopback.markets import market_of
from candlegraph.freqtrade_bridge.loopback.sample_market import sample_series
from candlegraph.freqtrade_bridge.monitoring import monitor
from candlegraph.freqtrade_bridge.monitoring.heartbeat import heartbeat_of, path_of
from candlegraph.memory.books.ledger import Ledger

START = datetime(2025, 11, 15, 0, 30, 2, tzinfo=UTC)
CANDLE = timedelta(minutes=30)
PAIR = "BTC/USDT:USDT"
CONFIG = {"strategy": "ScriptStrategy", "strategy_path": str(backtests.TEST_STRATEGIES)}


def entering(facts):
    return script.stay(facts) if facts.position else script.enter(facts, stop_atr=3.0, target_atr=9.0)


def dry_run(sample, userdir, **config):
    pair = sample.pairs[0]
    return VirtualDryRun(CONFIG | config, [market_of(pair, sample_series(pair))], START, userdir=userdir)


@pytest.fixture(scope="module")
def userdir(tmp_path_factory):
    return tmp_path_factory.mktemp("bot")


@pytest.fixture(scope="module")
def bot(sample, userdir):
    """Yield a bot that has entered a long and held it for a candle; to start one takes seconds."""
    with pytest.MonkeyPatch.context() as patch, dry_run(sample, userdir) as run:
        patch.setattr(script, "decide", entering)
        patch.setenv("COLUMNS", "80")
        while run.loops < 2 or not heartbeat_of(userdir, None).trades:
            run.step()
            assert run.loops < 5
        yield run


def told(capsys, *words):
    """Return status and output of a command."""
    try:
        status = main(words)
    except SystemExit as e:
        status = e.code
    return status, capsys.readouterr().out


def test_the_status_tells_the_last_decision_the_cost_and_each_open_trade_with_its_stop(bot, userdir, capsys):
    status, out = told(capsys, "status", "--userdir", str(userdir))
    assert status == 0
    last = max(Ledger(bot.bot.strategy.session.context.database).rows("dry_run"), key=lambda row: row.as_of)
    trade = heartbeat_of(userdir, None).trades[0]
    assert "dry_run: well" in out
    assert f"{last.as_of:%Y-%m-%d %H:%M} UTC {last.pair}" in out.replace("\n", " ")
    assert f"{trade.stop:.6g}" in out and f"{trade.take_profit:.6g}" in out
    assert max(map(len, out.splitlines())) <= 80
    known = json.loads(told(capsys, "status", "--userdir", str(userdir), "--json")[1])
    assert known["last_decision"]["decision_id"] == last.decision_id
    assert known["heartbeat"]["trades"][0]["stop"] == trade.stop


def test_a_bot_in_order_is_well_and_one_that_stands_still_is_not_within_the_stated_time(bot, userdir, capsys):
    beat = heartbeat_of(userdir, None)
    assert told(capsys, "health", "--userdir", str(userdir))[0] == 0
    with time_machine.travel(beat.loop_at + timedelta(seconds=beat.is_loop_late_after + 1)):
        status, out = told(capsys, "health", "--userdir", str(userdir))
        known = json.loads(told(capsys, "health", "--userdir", str(userdir), "--json")[1])
    assert status == 1
    assert "the bot stands still or is stopped" in out and len(out.splitlines()) == 1
    assert {check["name"] for check in known["checks"] if not check["is_well"]} == {"loop"}


def test_health_is_not_well_where_no_bot_has_run(tmp_path, capsys):
    status, out = told(capsys, "health", "--userdir", str(tmp_path))
    assert (status, "no heartbeat" in out) == (1, True)


def test_status_and_health_load_no_freqtrade(bot, userdir):
    code = (
        "import sys; from candlegraph.freqtrade_bridge.commands.main import main\n"
        "for name in ('status', 'health'):\n"
        "    try: main([name, '--userdir', sys.argv[1]])\n"
        "    except SystemExit: pass\n"
        "print(sorted(m for m in sys.modules if m.split('.')[0] in ('freqtrade', 'pandas')))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(userdir)], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_monitor_that_fails_keeps_nothing_from_being_traded(bot, userdir, monkeypatch):
    def explode(*args, **kwargs):
        raise RuntimeError("planted")

    with monkeypatch.context() as patch:
        patch.setattr(monitor, "checks", explode)
        before = heartbeat_of(userdir, None).as_of
        bot.step()
        assert bot.bot.strategy.session.book.decided[PAIR] > before
        assert "planted" in str(bot.bot.strategy.failure)


def test_a_heartbeat_is_replaced_whole_or_not_at_all(bot, userdir, caplog):
    before, partial = heartbeat_of(userdir, None), path_of(userdir, "dry_run").with_suffix(".partial")
    partial.mkdir()  # as a disk that refuses
    bot.step()
    bot.step()
    assert heartbeat_of(userdir, None) == before
    assert caplog.text.count("the heartbeat could not be written") == 1
    partial.rmdir()
    bot.step()
    assert heartbeat_of(userdir, None) != before
