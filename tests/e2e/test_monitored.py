"""A dry-run bot as a person sees it who is not there: heartbeat, health, status, messages, metrics, charts."""

import json
import socket
import subprocess
import sys
import time
from collections import Counter
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

import backtests
import pytest
import requests
import script
import time_machine
from api import asked
from chats import chats
from freqtrade.enums import State
from freqtrade.persistence import Trade
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr
from virtual_dry_run import VirtualDryRun

from candlegraph.freqtrade_bridge.commands.main import main
from candlegraph.freqtrade_bridge.commands.trade import free_port
from candlegraph.freqtrade_bridge.host.pause_file import PauseFile
from candlegraph.freqtrade_bridge.loopback.markets import market_of
from candlegraph.freqtrade_bridge.loopback.sample_market import sample_series
from candlegraph.freqtrade_bridge.monitoring import annotations, monitor
from candlegraph.freqtrade_bridge.monitoring.decided import COLUMNS
from candlegraph.freqtrade_bridge.monitoring.heartbeat import heartbeat_of, path_of
from candlegraph.freqtrade_bridge.monitoring.metrics import BotMetrics, serve
from candlegraph.freqtrade_bridge.monitoring.pings import Pings
from candlegraph.graph.schema.errors import ConfigError
from candlegraph.graph.settings.monitoring import Monitoring
from candlegraph.memory.books.audit import AuditBook, AuditRow, Hold
from candlegraph.memory.books.ledger import Ledger, fate_counts
from candlegraph.tools.market.frames import Candles

START = datetime(2025, 11, 15, 0, 30, 2, tzinfo=UTC)
CANDLE = timedelta(minutes=30)
PAIR = "BTC/USDT:USDT"
CONFIG = {"strategy": "ScriptStrategy", "strategy_path": str(backtests.TEST_STRATEGIES)}


SETTINGS = {
    "llm_config": {"prices": {"policy": {"input": 1, "output": 1}}},
    "internals": {"sd_notify": True},
}


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
    with pytest.MonkeyPatch.context() as patch, ExitStack() as stack:
        patch.setattr(script, "decide", entering)
        found = stack.enter_context(chats(patch))
        systemd = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        systemd.bind(str(userdir / "notify"))
        patch.setenv("NOTIFY_SOCKET", str(userdir / "notify"))
        doors = {"metrics_port": free_port(), "ping_url": f"{found.url}/ping"}
        run = stack.enter_context(dry_run(sample, userdir, monitoring=doors, **SETTINGS))
        run.systemd = systemd
        run.pings, run.port = found.pings, doors["metrics_port"]
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


def test_the_status_tells_who_paused_the_entries(bot, userdir, capsys):
    PauseFile(userdir).begin("news")
    out = " ".join(told(capsys, "status", "--userdir", str(userdir))[1].split())
    PauseFile(userdir).end()
    assert "paused by hand: news since 2" in out and "`candlegraph resume`" in out


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


def scraped(bot):
    """Return the bot's numbers by name and labels, as the official parser reads them."""
    text = requests.get(f"http://127.0.0.1:{bot.port}/metrics", timeout=10).text
    return {
        (sample.name.removeprefix("candlegraph_"), *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_every_number_of_the_metrics_is_the_ledgers_or_the_accounts(bot, userdir):
    at, database = bot.now(), bot.bot.strategy.session.context.database
    orphan = {"at": at, "pair": "ETH/USDT:USDT", "found": "a stop", "done": "cancelled", "todo": "nothing"}
    AuditBook(database).append(AuditRow(namespace="dry_run", kind="stop_orphan", **orphan))
    held = {"namespace": "dry_run", "pair": "ETH/USDT:USDT", "since": at, "side": "long", "amount": 1, "entry": 1}
    AuditBook(database).keep(Hold(cause="by_hand", **held))
    found, beat = scraped(bot), heartbeat_of(userdir, None)
    rows = Ledger(bot.bot.strategy.session.context.database).rows("dry_run")
    calls = [call for row in rows for call in row.model_calls]
    for (action, source), count in Counter((row.signal.action, row.signal.source) for row in rows).items():
        assert found.pop(("decisions_total", action, source)) == count
    for fate, count in fate_counts(rows).items():
        assert found.pop(("fates_total", fate)) == count
    buckets = {key: found.pop(key) for key in list(found) if key[0] == "decision_seconds_bucket"}
    assert buckets["decision_seconds_bucket", "+Inf"] == found.pop(("decision_seconds_count",)) == len(rows)
    assert {name: value for (name, *_), value in found.items() if "created" not in name} == {
        "tokens_total": sum(row.tokens_out for row in rows),
        "cost_total": sum(call.cost or 0 for call in calls),
        "decision_seconds_sum": pytest.approx(sum(row.latency_ms for row in rows) / 1000),
        "decision_failures_total": 0,
        "model_attempts_failed_total": 0,
        "repairs_total": sum(row.repairs for row in rows),
        "model_calls_total": len(calls),
        "model_calls_unpriced_total": sum(call.cost is None for call in calls),
        "loop_age_seconds": (bot.now() - beat.loop_at).total_seconds(),
        "last_decision_age_seconds": (bot.now() - beat.decided_at).total_seconds(),
        "equity": beat.equity,
        "drawdown_ratio": beat.drawdown_pct / 100,
        "open_trades": 1,
        "stops_missing": 0,
        "audit_findings_total": 1,
        "positions_unknown": 1,
        "halted": 0,
        "entries_paused": 0,
        "budget_used_up": 0,
        "models_resting": 0,
    }


def test_systemd_hears_that_the_bot_is_ready_and_of_every_loop(bot):
    bot.systemd.setblocking(False)
    heard = []
    while (said := _received(bot.systemd)) is not None:
        heard.append(said)
    assert heard.count("READY=1") == 1
    assert sum("WATCHDOG=1" in one for one in heard) == bot.loops


def _received(socket):
    try:
        return socket.recv(4096).decode()
    except BlockingIOError:
        return None


def test_a_port_that_is_taken_refuses_the_start(bot):
    with socket.create_server(("127.0.0.1", 0)) as other, pytest.raises(ConfigError, match="monitoring.metrics_port"):
        serve(Monitoring(metrics_port=other.getsockname()[1]), BotMetrics(None, None, None))


def test_the_address_is_called_once_after_each_decided_candle(bot):
    monitor_of(bot).pings.wait(10)
    before = len(bot.pings)
    assert before == bot.loops
    monitor_of(bot).looped(bot.now(), Trade.get_trades_proxy(is_open=True))  # a loop without a new candle
    monitor_of(bot).pings.wait(10)
    assert len(bot.pings) == before


def test_an_address_that_cannot_be_called_is_said_once_without_itself_and_delays_nothing(caplog):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        pings = Pings(SecretStr(f"http://127.0.0.1:{silent.getsockname()[1]}/planted"))
        started = time.thread_time()
        pings.ping()
        pings.ping()
        assert time.thread_time() - started < 1
    pings.wait(10)
    pings.ping()
    pings.wait(10)
    assert caplog.text.count("monitoring.ping_url could not be called") == 1
    assert "planted" not in caplog.text


def monitor_of(bot):
    return bot.bot.strategy.session.monitor


def candles_of(bot):
    told = asked(bot, "/pair_candles", pair=PAIR, timeframe="30m", limit=20)
    return [dict(zip(told["columns"], row, strict=True)) for row in told["data"]], told["annotations"]


def test_the_api_shows_the_tag_and_at_most_eight_short_notes_beside_a_trade(bot, userdir):
    (trade,) = heartbeat_of(userdir, None).trades
    (open_trade,) = asked(bot, "/status")
    assert (open_trade["trade_id"], open_trade["enter_tag"]) == (trade.trade_id, "graph_long")
    (told,) = asked(bot, f"/trades/{trade.trade_id}/custom-data")
    notes = {one["key"]: one["value"] for one in told["custom_data"] if one["key"] != "candlegraph_plan"}
    row = next(row for row in rows_of(bot) if row.decision_id == trade.decision_id)
    assert notes["decision"] == row.decision_id and notes["fate"] == row.fate_line
    assert (notes["reason"], notes["confidence"], notes["cases"]) == ("scripted", 60, 0)
    assert notes["stop_plan"] == f"stop {trade.stop:.6g}, target {trade.take_profit:.6g}"
    assert len(notes) <= 7 and max(len(str(one)) for one in notes.values()) <= 200  # the score is the eighth


def test_the_charts_of_a_running_bot_show_what_was_decided_on_each_candle(bot):
    shown, marks = candles_of(bot)
    by_date = {one["date"]: one for one in shown}
    for row in rows_of(bot):
        cells = by_date[f"{row.candle:%Y-%m-%dT%H:%M:%SZ}"]
        assert cells["decided_action"] == row.signal.action
        assert cells["decided_confidence"] == row.signal.confidence
        assert cells["decided_regime"] == row.regime
        assert cells["decided_stop"] == pytest.approx(held_stop(bot), rel=1e-6)
        assert cells["decided_side"] == 1
    assert shown[0]["decided_action"] is None and shown[0]["decided_stop"] is None
    labels = [mark["label"] for mark in marks]
    assert [label for label in labels if label.startswith("long ")] == ["long 20x, 60: scripted"]
    assert [label for label in labels if label.startswith("stop ")] == [f"stop {held_stop(bot):.6g}"]
    assert any(label.startswith(("support ", "resistance ")) for label in labels)


def held_stop(bot):
    (trade,) = Trade.get_trades_proxy(is_open=True)
    return bot.bot.strategy.session.plans.of(trade).initial_stop


def rows_of(bot):
    return Ledger(bot.bot.strategy.session.context.database).rows("dry_run")


def test_a_chart_that_fails_to_be_marked_is_still_shown(bot, monkeypatch):
    def explode(*args):
        raise RuntimeError("planted")

    monkeypatch.setattr(annotations, "marks", explode)
    shown, marks = candles_of(bot)
    assert (len(shown), marks) == (20, [])


def test_no_decision_reads_the_columns_of_the_charts(bot):
    seen = bot.bot.dataprovider.get_pair_dataframe(PAIR, "30m")
    analysed, _ = bot.bot.dataprovider.get_analyzed_dataframe(PAIR, "30m")
    assert set(COLUMNS) <= set(analysed.columns) and not set(COLUMNS) & set(seen.columns)
    planted = seen.assign(**dict.fromkeys(COLUMNS, 1e9))
    at = seen["date"].iloc[-1].to_pydatetime() + CANDLE
    assert Candles(planted, "30m").view(at) == Candles(seen, "30m").view(at)


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


def test_a_bot_that_freqtrade_has_stopped_with_a_trade_open_is_not_well_though_systemd_is_fed(bot, userdir, capsys):
    bot.systemd.setblocking(False)
    while _received(bot.systemd) is not None:
        pass
    bot.bot.state = State.STOPPED  # as after an error of the exchange that it does not know
    beat = heartbeat_of(userdir, None)
    while bot.now() <= beat.loop_at + timedelta(seconds=beat.is_loop_late_after):
        bot.step()
    bot.bot.state = State.RUNNING
    assert heartbeat_of(userdir, None) == beat and beat.trades and "WATCHDOG=1" in _received(bot.systemd)
    status, out = told(capsys, "health", "--userdir", str(userdir))
    assert status == 1 and "the bot stands still or is stopped" in out and "`candlegraph logs` says more" in out
