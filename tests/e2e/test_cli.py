"""The command line as a user runs it: backtest offline, look at the memory, decide one candle, serve the rule."""

import io
import json
import re
import subprocess
import sys
import zipfile
from collections import Counter
from datetime import datetime

import httpx
import pytest
from pages import Page
from rich.console import Console

from candlegraph.freqtrade_bridge.commands.backtest import report
from candlegraph.freqtrade_bridge.commands.main import main
from candlegraph.freqtrade_bridge.loopback.backtest import BacktestOrder, RunFiles
from candlegraph.freqtrade_bridge.report.result import read_result
from candlegraph.graph.settings.places import DATABASE
from candlegraph.memory.books.account import AccountBook, AccountMark
from candlegraph.memory.store import close_memory, open_memory

DAYS, TIMERANGE = 2, "20251012-20251014"
PLANTED = "sk-planted-key-0123456789"


def candlegraph(*words, env=None):
    command = [sys.executable, "-m", "candlegraph.freqtrade_bridge.commands.main", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=env)


def archive_of(userdir):
    (found,) = (userdir / "backtest_results").glob("*.zip")
    return found


def lines_of(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture(scope="module")
def run(sample, tmp_path_factory):
    """Backtest some days of two pairs through the CLI, with a literal key in a configuration file."""
    userdir = tmp_path_factory.mktemp("user")
    config = userdir / "extra.json"
    from candlegraph.freqtrade_bridge.loopback.configuration import base_config

    config.write_text(json.dumps(base_config() | {"llm_config": {"api_key": PLANTED}}))
    words = ["backtest", "--offline", "--datadir", sample.datadir, "--pairs", *sample.pairs[:2]]
    words += ["--timerange", TIMERANGE, "--userdir", userdir, "--config", config]
    done = candlegraph(*words)
    assert done.returncode == 0, done.stderr[-3000:] + done.stdout[-2000:]
    return userdir, done, sample


def test_it_ends_with_a_table_and_a_page(run):
    userdir, done, _ = run
    assert "What the graph did" in done.stdout
    (page,) = (userdir / "reports").glob("*.html")
    assert str(page) in done.stdout
    assert 200_000 < page.stat().st_size < 1_500_000


def test_the_report_can_be_written_again_and_shows_freqtrades_numbers(run, capsys):
    userdir, _, sample = run
    (written,) = (userdir / "reports").glob("*.html")
    before = Page(written)
    assert main(["report", "--userdir", str(userdir), "--datadir", str(sample.datadir)]) == 0
    after, result = Page(written), read_result(archive_of(userdir))
    assert before.tiles == after.tiles
    assert {name: data for name, data in before.data.items() if name not in ("equity", "candles")} == {
        name: data for name, data in after.data.items() if name not in ("equity", "candles")
    }
    assert after.tiles["return"] == result.profit_ratio and after.tiles["sharpe"] == result.sharpe
    assert after.data["equity"]["value"][-1] == pytest.approx(result.final_balance, abs=0.01)
    assert all(row["entry_decision"] is not None and row["stops"] for row in after.data["trades"]["rows"])


def test_a_full_report_has_the_briefing_of_every_decision(run, capsys):
    userdir, _, sample = run
    (written,) = (userdir / "reports").glob("*.html")
    thin = Page(written).data["decisions"]["briefing"]
    main(["report", "--userdir", str(userdir), "--datadir", str(sample.datadir), "--full"])
    page = Page(written)
    assert None in thin and None not in page.data["decisions"]["briefing"]
    assert "<facts>" in page.data["briefings-0"][0][1][1]


def test_the_log_names_no_missing_build_and_has_no_tail_of_digits(run):
    log = (run[1].stderr + run[1].stdout).splitlines()
    assert not [line for line in log if "ModuleNotFoundError" in line or "faiss.loader" in line]
    assert not [line for line in log if " candlegraph." in line and re.search(r"\d\.\d{9}", line)]


def finished(userdir):
    (namespace,) = {row["namespace"] for row in lines_of(userdir / "logs" / "llm_decisions.jsonl")}
    return RunFiles(archive_of(userdir), namespace)


def test_a_page_that_cannot_be_written_does_not_fail_a_finished_run(run):
    userdir, _, sample = run
    order = BacktestOrder(sample.datadir, userdir, tuple(sample.pairs[:2]), TIMERANGE)
    console, pages = Console(file=io.StringIO(), width=400), userdir / "reports"
    aside = pages.rename(userdir / "aside")
    pages.write_text("a file where the folder belongs")
    try:
        page, _ = report(order, finished(userdir), console, is_sample=False)
        assert page is None
    finally:
        pages.unlink()
        aside.rename(pages)
    said = console.file.getvalue()
    assert "What the graph did" in said
    assert f"No report: {pages}" in said and "The result is whole: " in said


def test_each_pair_and_candle_has_exactly_one_line(run):
    userdir, _, sample = run
    lines = lines_of(userdir / "logs" / "llm_decisions.jsonl")
    counts = Counter((line["pair"], line["candle"]) for line in lines)
    assert set(counts.values()) == {1}
    assert len(counts) == 2 * DAYS * 48
    assert {line["pair"] for line in lines} == set(sample.pairs[:2])


def test_trades_of_both_sides_an_addition_and_a_partial_exit_occur(run):
    result = read_result(archive_of(run[0]))
    tags = {order.tag for trade in result.trades for order in trade.adjustments}
    assert {trade.side for trade in result.trades} == {"long", "short"}
    assert {"graph_add", "graph_reduce"} <= tags


def test_every_trade_had_its_planned_stop_and_lost_no_more_than_the_limit(run):
    for trade in read_result(archive_of(run[0])).trades:
        assert trade.stop is not None
        assert abs(trade.stop / trade.entry_price - 1) < 0.15
        assert trade.profit_abs > -0.05 * 10_000 * 1.2


def test_later_decisions_cite_earlier_trades_and_none_cites_the_future(run):
    userdir, _, _ = run
    lines = lines_of(userdir / "logs" / "llm_decisions.jsonl")
    assert any(line["case_ids"] for line in lines)
    memory = open_memory(userdir / DATABASE)
    for line in lines:
        for case_id in line["case_ids"]:
            known_at = memory.get(case_id).source.known_at
            assert known_at < datetime.fromisoformat(line["as_of"]), (line["pair"], line["candle"], case_id)
    close_memory(userdir / DATABASE)


def test_closed_trades_are_scored_and_rewarded(run):
    userdir, _, _ = run
    trades = [one for one in lines_of(userdir / "logs" / "trade_experience.jsonl") if one["source"]["kind"] == "trade"]
    result = read_result(archive_of(userdir))
    assert len(trades) == len(result.trades)
    by_profit = sorted(one["source"]["profit_abs"] for one in trades)
    assert by_profit == pytest.approx(sorted(trade.profit_abs for trade in result.trades), abs=0.01)
    assert all(0 <= one["scores"]["total"] <= 100 and one["reward"] is not None for one in trades)
    for one in trades:
        source = one["source"]
        assert source["mae_pct"] - 0.3 <= source["profit_pct"] <= source["mfe_pct"] + 0.3 or source["events"]
    assert len(lines_of(userdir / "rag" / "rewards.jsonl")) == len(trades)


def test_no_secret_is_left_anywhere(run):
    userdir, done, _ = run
    (userdir / "extra.json").unlink(missing_ok=True)
    with zipfile.ZipFile(archive_of(userdir)) as archive:
        for name in archive.namelist():
            assert PLANTED.encode() not in archive.read(name), name
    for path in userdir.rglob("*"):
        assert not path.is_file() or PLANTED.encode() not in path.read_bytes(), path
    assert PLANTED not in done.stdout + done.stderr


@pytest.fixture
def command(capsys):
    """Return a runner of a command in this process: its status, what it showed and what it complained of."""

    def go(*words):
        try:
            status = main([*map(str, words)])
        except SystemExit as ended:  # the parser's way
            status = ended.code
        shown = capsys.readouterr()
        return status, shown.out.replace("\n", " "), shown.err.replace("\n", " ")

    return go


def test_the_memory_commands_read_and_clean(run, command):
    userdir, _, _ = run
    status, shown, _ = command("memory", "stats", "--userdir", userdir)
    assert status == 0 and "reward_stats" in shown
    status, shown, _ = command("memory", "search", "--userdir", userdir, "--like", 3, "-k", 2)
    assert status == 0 and "similarity" in shown
    words = ["memory", "cleanup", "--userdir", userdir, "--strategy", "old_records", "--as-of", "2027-01-01"]
    assert "nothing was done, --yes does it" in command(*words)[1]
    status, shown, _ = command(*words, "--yes")
    assert status == 0 and "archived" in shown
    assert list((userdir / "rag").glob("*.removed.*"))


def test_one_candle_is_printed_node_by_node(sample, tmp_path, command):
    words = ["--pair", sample.pairs[0], "--at", "2025-10-12T12:00", "--datadir", sample.datadir, "--userdir", tmp_path]
    status, shown, told = command("decide", *words)
    assert status == 0, told
    for node in ("analyst · facts", "retriever · lessons", "decision · messages", "reviewer · signal"):
        assert node in shown


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["decide", "--pair", "NO/USDT:USDT", "--at", "2025-10-12T12:00"], "no candle file"),
        (["decide", "--pair", "X", "--at", "noon"], "expected a time like"),
    ],
)
def test_bad_input_gets_one_message(words, message, tmp_path, command):
    status, _, told = command(*words, "--userdir", tmp_path)
    assert status != 0
    assert message in told
    assert "Traceback" not in told


def test_a_failed_command_ends_its_process_with_a_status_and_one_message(tmp_path):
    done = candlegraph("memory", "stats", "--userdir", tmp_path)
    assert done.returncode != 0
    assert "no memory at" in done.stderr.replace("\n", " ") and "Traceback" not in done.stderr


def test_serve_policy_answers_in_the_openai_protocol():
    command = [sys.executable, "-u", "-m", "candlegraph.freqtrade_bridge.commands.main", "serve-policy", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        url = next(word for word in process.stdout.readline().split() if word.startswith("http://127.0.0.1"))
        assert httpx.get(f"{url}/models").json()["data"][0]["id"] == "candlegraph-policy"
        process.terminate()


def test_a_prompt_is_printed_section_by_section_with_its_tokens(sample, tmp_path, capsys):
    words = ["brief", "--pair", sample.pairs[0], "--at", "2025-10-12T09:30", "--datadir", sample.datadir]
    assert main([*map(str, words), "--userdir", str(tmp_path), "--tokens", "3500", "--language", "zh"]) == 0
    shown = capsys.readouterr().out
    assert "<facts>" in shown
    assert "3500" in shown
    assert all(section in shown for section in ("functions", "multi_timeframe", "指标历史"))


def test_an_accounts_halt_is_shown_and_reset(tmp_path, capsys):
    reset = ["account", "reset", "--namespace", "dry_run", "--userdir", str(tmp_path)]
    assert main(reset) == 1
    assert "expected the folder of a bot that has run" in capsys.readouterr().err
    halted = AccountMark(peak=10, day="2025-03-01", day_equity=9, reason="emergency stop")
    AccountBook(tmp_path / DATABASE).keep("dry_run", halted)
    assert main(["account", "show", "--userdir", str(tmp_path)]) == 0
    assert "emergency stop" in capsys.readouterr().out
    assert main(reset) == 0
    assert "it was halted: emergency stop" in capsys.readouterr().out
    assert main(reset) == 1
    assert "nothing is marked for 'dry_run'" in capsys.readouterr().err
