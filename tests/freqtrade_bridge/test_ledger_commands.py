"""`candlegraph ledger`: what is shown, how two runs are compared, what is written out."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta

import pytest
from lived import lived

from candlegraph.freqtrade_bridge.commands.books.ledger import diff_of, totals
from candlegraph.freqtrade_bridge.commands.main import main
from candlegraph.graph.schema.calls import CallRecord, Try
from candlegraph.graph.schema.signal import TradeSignal
from candlegraph.graph.settings.places import DATABASE
from candlegraph.memory.books.ledger import DecisionRow, Ledger
from candlegraph.memory.store import close_memory, open_memory

START = datetime(2025, 3, 1, tzinfo=UTC)


def call(**changes):
    known = {"role": "decision", "model": "m", "tokens_in": 1000, "tokens_out": 50, "cost": 0.5, "seconds": 1.0}
    return CallRecord(**known | changes)


def row(number=0, namespace="backtest:a", **changes):
    candle = START + number * timedelta(minutes=30)
    known = {
        "decision_id": f"{namespace}-{number}", "namespace": namespace, "pair": "BTC/USDT:USDT", "candle": candle,
        "as_of": candle + timedelta(minutes=30), "recorded_at": START, "state": "flat", "price": 100.0,
        "regime": "range",
        "model": "m", "prompt_version": "1", "prompt_hash": "h", "calls": 1, "repairs": 0, "tokens_in": 1000,
        "tokens_out": 50, "latency_ms": 1000.0, "case_ids": (), "similarities": (), "error": None,
        "signal": TradeSignal(action="wait", confidence=60, reason="no edge", source="model"), "model_calls": (call(),),
    }  # fmt: skip
    return DecisionRow(**known | changes)


@pytest.fixture
def userdir(tmp_path):
    ledger = Ledger(tmp_path / DATABASE)
    ledger.append([row(n) for n in range(3)])
    ledger.append([row(n, "backtest:b", decision_id=f"b{n}") for n in range(3)])
    yield tmp_path
    close_memory(tmp_path / DATABASE)


def ledger(userdir, *words):
    return main(["ledger", *map(str, words), "--userdir", str(userdir)])


def test_show_prints_decisions_and_totals(userdir, capsys):
    assert ledger(userdir, "show", "--namespace", "backtest:a") == 0
    told = capsys.readouterr().out
    assert "Decisions of backtest:a" in told
    assert "decisions: 3 (model 3)" in told
    assert "tokens: 3,000 in, 150 out" in told
    assert "cost: 1.5000" in told


@pytest.mark.parametrize(
    "words, count",
    [
        (["--pair", "ETH/USDT:USDT"], 0),
        (["--from", "2025-03-01T00:30"], 2),
        (["--to", "2025-03-01T00:30"], 1),
        (["--faulty"], 0),
    ],
)
def test_show_filters(words, count, userdir, capsys):
    ledger(userdir, "show", *words)
    said = capsys.readouterr().out
    assert f"decisions: {count} (" in said
    assert ("No decision of backtest:b is what you asked for; it has 3." in said) is (count == 0)


def test_one_decision_can_be_seen_whole(userdir, capsys):
    assert ledger(userdir, "show", "--namespace", "backtest:a", "--decision", "backtest:a-1") == 0
    assert json.loads(capsys.readouterr().out)["decision_id"] == "backtest:a-1"
    assert ledger(userdir, "show", "--namespace", "backtest:a", "--decision", "backtest:a") == 1
    assert "3 decisions begin with it" in capsys.readouterr().err
    assert ledger(userdir, "show", "--decision", "backtest:a-1") == 0  # whosever it is, as `brief --decision` finds it
    assert ledger(userdir, "show", "--namespace", "backtest:b", "--decision", "backtest:a-1") == 1
    assert "no decision begins with it" in capsys.readouterr().err


def test_without_a_name_every_command_means_the_run_that_decided_last_or_the_bot(tmp_path, capsys, make_snapshot):
    book = Ledger(tmp_path / DATABASE)
    for name in ("dry_run", "backtest:a", "backtest:b"):
        book.append([row(0, name)])
    memory = open_memory(tmp_path / DATABASE)
    for number, name in enumerate(("backtest:a", "dry_run")):  # the bot has learnt last, and a backtest decided last
        memory.add(lived(make_snapshot(), number, namespace=name))

    def told(*words):
        assert main([*words, "--userdir", str(tmp_path)]) == 0
        return capsys.readouterr().out

    assert "Decisions of backtest:b" in told("ledger", "show")
    assert "(backtest:b)" in told("why", "BTC/USDT:USDT", "--at", "2025-03-01T00:30")
    assert "memory of backtest:a" in told("memory", "stats")
    assert json.loads(told("status", "--json"))["namespace"] == "dry_run"
    assert json.loads(told("drift", "--json"))["namespace"] == "dry_run"
    close_memory(tmp_path / DATABASE)


def test_a_folder_of_backtests_alone_has_no_bot(userdir, capsys):
    assert main(["drift", "--userdir", str(userdir)]) == 1
    assert "no bot decided here, only backtests; --namespace names one: backtest:b" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words, said",
    [
        (["account", "show"], "No account is marked yet: a bot marks its own in its first loop.\n"),
        (["approvals"], "No entry waits for you.\n"),
        (["audit"], "No position waits for you.\nThe auditor has found nothing.\n"),
    ],
    ids=str,
)
def test_where_there_is_nothing_a_sentence_says_so(words, said, userdir, capsys):
    assert main([*words, "--userdir", str(userdir)]) == 0
    assert capsys.readouterr().out == said


def test_an_unknown_namespace_names_the_known_ones(userdir, capsys):
    assert ledger(userdir, "show", "--namespace", "live") == 1
    assert "no run 'live'; known: backtest:" in capsys.readouterr().err


NAMING = {
    "show": "ledger show --namespace {}",
    "export": "ledger export --to none.csv --namespace {}",
    "diff": "ledger diff {} backtest:a",
    "compare": "compare backtest:a {}",
    "why": "why BTC/USDT:USDT --namespace {}",
    "report": "report {}",
    "evaluate": "evaluate {}",
    "drift": "drift --namespace {}",
    "status": "status --namespace {}",
    "stats": "memory stats --namespace {}",
    "decide": "decide --pair BTC/USDT:USDT --at 2025-03-01 --datadir none --namespace {}",
}


@pytest.mark.parametrize("command", NAMING)
def test_every_command_names_a_run_by_one_rule(command, userdir, capsys, make_snapshot):
    memory = open_memory(userdir / DATABASE)
    for number, name in enumerate(("backtest:a", "backtest:b")):
        memory.add(lived(make_snapshot(), number, namespace=name))
    assert main([*NAMING[command].format("test:").split(), "--userdir", str(userdir)]) == 1
    told = "'test:' is in the names of 2 runs; give more of one: backtest:b, backtest:a"
    assert told in capsys.readouterr().err
    assert main([*NAMING[command].format("test:c").split(), "--userdir", str(userdir)]) == 1
    assert "no run 'test:c'; known: backtest:b, backtest:a" in capsys.readouterr().err


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("ledger show", "reading the decisions"),
        ("compare a b", "comparing"),
        ("memory stats", "counting"),
        ("memory rebuild", "building indexes"),
        ("memory search --like 1", "searching"),
        ("memory cleanup --strategy low_quality", "looking for what may leave"),
        ("memory backup", "copying, and checking the copy"),
    ],
)
def test_what_may_take_seconds_says_in_a_terminal_what_it_does_and_prints_the_same(
    words, said, userdir, capsys, make_snapshot, monkeypatch
):
    open_memory(userdir / DATABASE).add(lived(make_snapshot(), 1, namespace="backtest:a"))
    line = [*words.replace(" a b", " test:a test:b").split(), "--userdir", str(userdir)]
    line += ["--to", str(userdir / "copy.sqlite"), "--force"] if "backup" in words else []
    shown = []
    for stream in (io.StringIO(), Terminal()):
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.setattr("sys.stderr", stream)
        assert main(line) == 0
        shown.append((capsys.readouterr().out, stream.getvalue()))
    (plain, quiet), (same, told) = shown
    assert plain == same and not quiet and said in told


@pytest.mark.parametrize("words", [("compare",), ("ledger", "diff")], ids=" ".join)
def test_a_run_is_not_compared_with_itself(words, userdir, capsys):
    assert main([*words, "test:a", "backtest:a", "--userdir", str(userdir)]) == 1
    assert f"{' '.join(words)}: both names mean the run backtest:a; expected two runs" in capsys.readouterr().err


def test_totals_say_what_is_unknown_and_what_went_wrong():
    faulty = row(
        model_calls=(call(model="x", cost=None, is_replayed=True, tries=(Try(model="y", error="e", seconds=1),)),),
        faults={"text_only": 2, "empty": 1},
    )
    told = totals([row(), faulty])
    assert "calls: 2, 1 of them replayed; 1 attempts failed" in told
    assert "cost: 0.5000, and unknown for x (no price in llm_config.prices, or no tokens counted)" in told
    assert "faulty answers: text_only 2, empty 1" in told


# -- diff ---------------------------------------------------------------------------------------------------------

OF_A_RUN = [
    {"decision_id": "x"},
    {"namespace": "n"},
    {"recorded_at": START + timedelta(days=3)},
    {"latency_ms": 9.0},
    {"mode": "replay"},
    {"case_ids": (7,)},
    {"model_calls": (call(is_replayed=True, seconds=0.0),)},
    {"signal": TradeSignal(action="wait", confidence=60, reason="no edge", source="model", decision_id="z")},
]


@pytest.mark.parametrize("change", OF_A_RUN, ids=lambda change: next(iter(change)))
def test_what_belongs_to_a_run_is_no_difference(change):
    assert diff_of([row()], [row(**change)]).is_empty


SURER = TradeSignal(action="wait", confidence=61, reason="no edge", source="model")
DIFFERENT = {
    "price": ({"price": 101.0}, "price"),
    "signal": (
        {"signal": TradeSignal(action="wait", confidence=61, reason="no edge", source="model")},
        "signal.confidence",
    ),
    "tokens": ({"model_calls": (call(tokens_in=1001),)}, "model_calls.0.tokens_in"),
    "inputs": ({"inputs_hash": "other"}, "inputs_hash"),
    "functions": ({"faults": {"empty": 1}}, "faults.empty"),
    "similarities": ({"similarities": (0.5,)}, "similarities.0"),
}


@pytest.mark.parametrize("case", DIFFERENT)
def test_everything_else_is_and_is_named(case):
    change, field = DIFFERENT[case]
    found = diff_of([row(0), row(1)], [row(0), row(1, **change)])
    assert (found.equal, field in [one.field for one in found.differences]) == (1, True)
    assert {one.candle for one in found.differences} == {row(1).candle}


def test_decisions_of_one_side_only_are_counted():
    found = diff_of([row(0), row(1)], [row(1), row(2), row(3)])
    assert (found.equal, len(found.only_first), len(found.only_second)) == (1, 1, 2)


def test_diff_ends_with_status_1_where_runs_differ(userdir, capsys):
    assert ledger(userdir, "diff", "backtest:a", "backtest:b") == 0
    assert "3 decisions are equal, 0 differ" in capsys.readouterr().out
    Ledger(userdir / DATABASE).append([row(3)])
    with pytest.raises(SystemExit) as caught:
        ledger(userdir, "diff", "backtest:a", "backtest:b")
    assert caught.value.code == 1
    assert "only in the first: 1, from 2025-03-01 01:30" in capsys.readouterr().out


# -- export -------------------------------------------------------------------------------------------------------


def test_export_writes_whole_rows_as_json_lines(userdir, tmp_path):
    target = tmp_path / "out.jsonl"
    assert ledger(userdir, "export", "--namespace", "backtest:a", "--to", target) == 0
    found = [DecisionRow.model_validate_json(line) for line in target.read_text().splitlines()]
    assert tuple(found) == Ledger(userdir / DATABASE).rows("backtest:a")
    assert list(tmp_path.glob("*.partial")) == []


def test_export_writes_the_main_columns_as_csv(userdir, tmp_path):
    target = tmp_path / "out.csv"
    ledger(userdir, "export", "--namespace", "backtest:a", "--to", target)
    lines = list(csv.DictReader(target.open()))
    assert [(line["action"], line["cost"], line["pair"]) for line in lines] == [("wait", "0.5", "BTC/USDT:USDT")] * 3


def test_export_never_replaces_a_file_unasked(userdir, tmp_path, capsys):
    target = tmp_path / "out.csv"
    target.write_text("mine")
    assert ledger(userdir, "export", "--to", target) == 1
    assert "is there already; --force replaces it" in capsys.readouterr().err
    assert target.read_text() == "mine"
    assert ledger(userdir, "export", "--to", target, "--force") == 0
    assert target.read_text() != "mine"


def test_export_names_the_valid_kinds_of_file(userdir, tmp_path, capsys):
    assert ledger(userdir, "export", "--to", tmp_path / "out.txt") == 1
    assert "expected a name that ends in .jsonl, .csv, .parquet" in capsys.readouterr().err


def test_rows_of_an_older_version_can_still_be_read():
    old = row().model_dump(mode="json")
    new = ("mode", "depth", "inputs_hash", "model_calls", "tries", "functions", "faults", "reasoning", "opinions")
    kept = {name: value for name, value in old.items() if name not in new}
    kept["signal"].pop("stake_ratio")
    assert DecisionRow.model_validate(kept).depth == "fast"
