"""`candlegraph trade --offline`: the dry-run bot on candles of the past, as if they were today's; the API with it."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from functools import partial

import httpx
import pytest
import time_machine
from freqtrade.commands.arguments import Arguments
from freqtrade.persistence import Trade
from freqtrade.worker import Worker

from candlegraph.freqtrade_bridge.commands.main import main
from candlegraph.freqtrade_bridge.commands.trade import own_api
from candlegraph.freqtrade_bridge.host.run_name import VARIABLE
from candlegraph.freqtrade_bridge.loopback.backtest import STRATEGIES, STRATEGY
from candlegraph.freqtrade_bridge.loopback.configuration import base_config
from candlegraph.freqtrade_bridge.loopback.trade import TradeOrder, run_online, staged
from candlegraph.memory.books.ledger import Ledger

BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"
TODAY = datetime(2031, 3, 4, 9, 1, tzinfo=UTC)
BEGIN = datetime(2025, 10, 11, tzinfo=UTC)


def test_the_bot_trades_past_candles_as_if_they_were_todays_and_its_api_answers(sample, tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLE, "mine")
    order = TradeOrder(sample.datadir, tmp_path, pairs=(BTC, ETH), begin=BEGIN)
    api = own_api() | {"listen_port": free_port()}
    more = {"api_server": api, "internals": {"process_throttle_secs": 1800}}  # a loop a candle
    with time_machine.travel(TODAY, tick=False) as clock, staged(order, more) as stage:
        words = ["trade", "-c", str(stage.config), "--strategy", STRATEGY, "--strategy-path", str(STRATEGIES)]
        worker = Worker(Arguments([*words, "--userdir", str(tmp_path), "--db-url", "sqlite://"]).get_parsed_arg())
        worker._sleep = lambda seconds: clock.shift(timedelta(seconds=max(seconds, 0.001)))
        state, last = None, TODAY + timedelta(hours=4)
        try:
            while datetime.now(UTC) < last:
                state = worker._worker(old_state=state)
            trades = [(trade.pair, trade.open_date_utc) for trade in Trade.get_trades()]
            seen = httpx.get(
                f"http://127.0.0.1:{api['listen_port']}/api/v1/count", auth=(api["username"], api["password"])
            )
            context = worker.freqtrade.strategy.session.context
        finally:
            worker.exit()
    assert (stage.now.time(), stage.now.weekday()) == (TODAY.time(), TODAY.weekday())
    assert timedelta(0) <= stage.now - BEGIN < timedelta(weeks=1)
    assert context.namespace == "offline:mine"
    rows = Ledger(context.database).rows("offline:mine")
    assert {row.pair for row in rows} == {BTC, ETH} and len(rows) >= 2 * 2 * 3
    assert all(TODAY - timedelta(hours=1) <= row.candle <= last for row in rows)
    assert trades and all(TODAY <= opened <= last for _, opened in trades)
    assert seen.status_code == 200 and seen.json()["max"] == 3


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as one:
        return one.getsockname()[1]


@pytest.mark.parametrize("said, found", [({}, "131072"), ({"MALLOC_MMAP_THRESHOLD_": "7"}, "7")])
def test_a_bot_gives_back_what_a_candle_took_unless_the_environment_says_otherwise(said, found, tmp_path, monkeypatch):
    python, seen = tmp_path / "python", tmp_path / "seen.json"
    python.write_text(f"#!{sys.executable} -SE\nimport json, os\njson.dump(dict(os.environ), open('{seen}', 'w'))\n")
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    for name, value in said.items():
        monkeypatch.setenv(name, value)
    run_online(TradeOrder(tmp_path, tmp_path))
    assert json.loads(seen.read_text())["MALLOC_MMAP_THRESHOLD_"] == found


@pytest.mark.parametrize(
    ("config", "words", "said"),
    [
        ({"dry_run": False}, ["--offline"], "dry_run = False: --offline has no account to trade on"),
        ({"exchange": {"name": "bybit"}}, ["--offline"], "exchange.name = 'bybit': --offline plays 'binance' and no"),
        ({"trading_mode": "spot"}, ["--offline"], "trading_mode = 'spot': only 'futures' is valid"),
        ({}, ["--from", "2025-10-12"], "--from: only with --offline"),
        ({}, ["--datadir", "x"], "--datadir: only with --offline"),
        ({}, ["--offline", "--", "--db-url", "sqlite://"], "-- --db-url: each run offline has a database of its own"),
        ({}, ["--offline", "--", "--userdir", "x"], "-- --userdir: it is an option of candlegraph's own"),
        ({}, ["--offline", "--from", "2025-12-30"], "a run cannot begin at 2025-12-30 00:00; expected one of these"),
    ],
)
def test_what_cannot_be_run_is_told_before_freqtrade_starts(config, words, said, sample, tmp_path, capsys):
    path = tmp_path / "c.json"
    path.write_text(json.dumps(base_config() | {"exchange": {"name": "binance"}} | config))
    where = [] if "--datadir" in words or "--offline" not in words else ["--datadir", str(sample.datadir)]
    assert main(["trade", "-c", str(path), "--userdir", str(tmp_path), *where, *words]) == 1
    told = capsys.readouterr().err
    assert said in told and told.count("\n") == 1


def test_a_port_that_another_program_has_is_told_instead_of_waited_for(tmp_path, capsys):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        path = tmp_path / "c.json"
        path.write_text(json.dumps(base_config() | {"api_server": {"enabled": True, "listen_port": port}}))
        assert main(["trade", "--offline", "-c", str(path), "--userdir", str(tmp_path)]) == 1
    assert f"api_server.listen_port = {port}: another program has it" in capsys.readouterr().err


def test_a_live_run_without_a_configuration_is_refused(tmp_path, capsys):
    assert main(["trade", "--userdir", str(tmp_path)]) == 1
    assert "no configuration; expected -c CONFIG, or --offline" in capsys.readouterr().err


@pytest.mark.slow
def test_two_newcomers_start_bots_in_one_folder_look_at_their_apis_and_stop_them(tmp_path):
    command = [sys.executable, "-u", "-m", "candlegraph.freqtrade_bridge.commands.main", "trade", "--offline"]
    command += ["--userdir", str(tmp_path)]
    heeding = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)  # tests that run in the background ignore it
    piped = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, "preexec_fn": heeding}
    first = subprocess.Popen(command, **piped)
    access = [api_of(first)]
    second = subprocess.Popen(command, **piped)
    access.append(api_of(second))
    assert access[0][0] != access[1][0]
    for url, user, password in access:
        assert waited_for(url, (user, password)) == "offline"
    first.send_signal(signal.SIGINT)
    os.kill(second.pid, signal.SIGTERM)
    for process in (first, second):
        told = process.communicate(timeout=60)[0]
        assert process.returncode == 130, told[-2000:]
        assert re.search(r"ledger show --namespace offline:\S+", told)
    assert len(list((tmp_path / "offline").glob("*.sqlite"))) == 2


def api_of(process):
    """Return address, user and password, as the command tells them."""
    for line in process.stdout:
        if found := re.search(r"API: (\S+), user (\w+), password (\S+);", line):
            return found.groups()
    raise AssertionError("the command ended")


def waited_for(url, auth, seconds=120):
    """Wait until the bot has looked at its first candles."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            shown = httpx.get(f"{url}/api/v1/whitelist", auth=auth, timeout=5)
            if shown.status_code == 200 and len(shown.json()["whitelist"]) == 3:
                return "offline"
        except httpx.HTTPError:
            pass
        time.sleep(0.5)
    raise AssertionError(f"no bot at {url}")
