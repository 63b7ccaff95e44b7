"""`candlegraph memory` as a user types it; `tests/e2e/test_cli.py` has it over a real backtest."""

import argparse
import json
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from candlegraph.freqtrade_bridge.commands.memory.arguments import ACTIONS, add_memory
from candlegraph.graph.schema.errors import ConfigError, MemoryStoreError
from candlegraph.graph.schema.experience import ClosedTrade, RecordedDecision
from candlegraph.graph.settings.places import DATABASE
from candlegraph.memory.index.saved import index_folder
from candlegraph.memory.learning.report import experience_of, experience_of_decision
from candlegraph.memory.storage.backup import backup_path
from candlegraph.memory.store import close_memory, open_memory

START = datetime(2025, 1, 1, tzinfo=UTC)


def trade(number=0, **changes):
    opened_at = START + timedelta(hours=number)
    facts = {
        "namespace": "live",
        "trade_key": str(number),
        "pair": "BTC/USDT:USDT",
        "side": "long",
        "leverage": 5,
        "stake": 100,
        "entry_price": 100,
        "exit_price": 101,
        "planned_stop": 95,
        "opened_at": opened_at,
        "closed_at": opened_at + timedelta(hours=1),
        "known_at": opened_at + timedelta(hours=1),
        "candle_minutes": 30,
        "profit_pct": 4,
        "profit_abs": 4,
        "mfe_pct": 5,
        "mae_pct": -2,
        "exit_reason": "exit_signal",
        "liquidated": False,
        "forced": False,
        "entry_reason": "pullback",
        "regime": "trend_up",
        "trend_strength": "strong",
        "entry_rsi": 45,
        "situation": (1.0, float(number), 0.5),
        "space": "test-1",
        "model_score": None,
        "model": "policy",
        "prompt_version": "1",
        "decision_id": "d",
        "events": (),
    }
    return ClosedTrade(**(facts | changes))


@pytest.fixture
def userdir(tmp_path, monkeypatch):
    """Six longs in an up-trend; 6 is a short, 7 in a range, 8 of another pair; one is in another namespace."""
    monkeypatch.setenv("COLUMNS", "200")
    memory = open_memory(tmp_path / DATABASE)
    memory.add(experience_of(trade(0, namespace="dry_run")))
    changes = {6: {"side": "short", "exit_price": 99}, 7: {"regime": "range"}, 8: {"pair": "[red]ETH/USDT:USDT[/nope]"}}
    for number in range(9):
        memory.add(experience_of(trade(number, **changes.get(number, {}))))
    yield tmp_path
    close_memory(tmp_path / DATABASE)


def recorded(profit_pct):
    """Return a hold recorded in trade 3, half an hour after its entry."""
    one = trade(3)
    facts = one.model_dump(
        include={"namespace", "pair", "side", "entry_price", "opened_at", "regime", "situation", "space"}
    )
    return experience_of_decision(
        RecordedDecision(
            **facts, key=f"at {profit_pct}", known_at=one.opened_at + timedelta(minutes=30), decision_id="d",
            decision_type="hold", reason="trend intact", confidence=0.8, current_profit_pct=profit_pct,
        )
    )  # fmt: skip


@pytest.fixture
def run(userdir, capsys):
    """Run an action and return what it printed, in one line."""

    def running(*words, at=userdir):
        parser = argparse.ArgumentParser()
        add_memory(parser)
        arguments = parser.parse_args([*map(str, words), "--userdir", str(at)])
        capsys.readouterr()
        arguments.run(arguments)
        said = capsys.readouterr()
        running.errors = said.err
        return " ".join(said.out.replace("│", " ").split())

    return running


def found(text: str) -> list[int]:
    """Return the ids in the rows of a search."""
    words = text.split()
    return [int(words[at - 1]) for at, word in enumerate(words) if word == "trade"]


def test_statistics_are_of_one_namespace(run):
    assert "memory of live" in run("stats")
    assert "total_experiences 1" in run("stats", "--namespace", "dry_run")
    with pytest.raises(ConfigError, match="no run 'paper'; known: live, dry_run"):
        run("stats", "--namespace", "paper")


def test_a_recorded_hold_is_listed_with_what_became_of_its_trade(run, userdir):
    memory = open_memory(userdir / DATABASE)
    hold = memory.add(recorded(7.5))
    asked = ("search", "--like", 5, "--kind", "decision")
    assert "its trade ended at +4.00 % (id 5)" in run(*asked)
    [found] = json.loads(run(*asked, "--json"))
    assert (found["id"], found["profit_pct"], found["trade_id"], found["trade_profit_pct"]) == (hold, 7.5, 5, 4)
    early = (START + timedelta(hours=3, minutes=45)).isoformat()
    assert "its trade was still open" in run(*asked, "--as-of", early)
    assert "its trade" not in run("search", "--like", 5, "--kind", "trade")


def test_a_search_finds_what_was_known_before_that_experience(run):
    assert found(run("search", "--like", 5, "-k", 9)) == [5, 4, 3, 2]
    assert found(run("search", "--like", 5, "-k", 2)) == [5, 4]


@pytest.mark.parametrize(
    ("filters", "ids"),
    [
        ([], {2, 3, 4, 5, 6, 7, 8, 9, 10}),
        (["--side", "short"], {8}),
        (["--regime", "range"], {9}),
        (["--pair", "BTC/USDT:USDT", "--side", "long", "--regime", "trend_up"], {2, 3, 4, 5, 6, 7}),
        (["--kind", "decision"], set()),
        (["--as-of", "2025-01-01T04:00"], {2, 3, 4}),
        (["--regime", "range", "-k", "1"], {9}),
    ],
)
def test_each_filter_of_a_search_counts(run, filters, ids):
    words = ["-k", "20", "--as-of", "2026-01-01", *filters]
    assert set(found(run("search", "--like", 2, *words))) == ids


def test_brackets_in_what_others_wrote_are_no_markup(run):
    assert "(red)ETH/USDT:USDT(/nope)" in run("search", "--like", 10)


@pytest.mark.parametrize(("number", "message"), [(99, "no experience of that id"), (11, "has no situation")])
def test_a_search_for_what_is_like_nothing_says_so(run, userdir, number, message):
    open_memory(userdir / DATABASE).add(experience_of(trade(30, situation=None)))
    with pytest.raises(MemoryStoreError, match=f"--like {number}: .*{message}"):
        run("search", "--like", number)


def test_an_export_is_imported_once_into_a_new_memory(run, tmp_path):
    file, other = tmp_path / "out.jsonl", tmp_path / "other"
    assert f"9 experiences of live written to {file}" in run("export", "--to", file)
    other.mkdir()
    assert "stored 9 there already 0 bad, skipped 0" in run("import", file, at=other)
    assert "stored 0 there already 9" in run("import", file, at=other)
    assert "stored 9" in run("import", file, "--namespace", "study", at=other)
    assert found(run("search", "--like", 4, "--namespace", "live", at=other))[0] == 4


def test_a_bad_line_stores_nothing_unless_it_may_be_skipped(run, tmp_path, userdir):
    file = tmp_path / "out.jsonl"
    run("export", "--to", file)
    file.write_text(file.read_text() + '{"lesson": "no more"}\n' * 12)
    with pytest.raises(MemoryStoreError) as refused:
        run("import", file, "--namespace", "study")
    message = str(refused.value)
    assert f"{file} line 10: source: Field required" in message
    assert "and 2 more bad lines\nnothing was stored; --skip-bad stores the 9 others" in message
    assert "study" not in open_memory(userdir / DATABASE).namespaces()
    assert "stored 9 there already 0 bad, skipped 12" in run("import", file, "--namespace", "study", "--skip-bad")


def test_the_ancestors_log_is_imported_and_its_bad_lines_are_named(run, tmp_path, capsys):
    line = {
        "trade_id": 1,
        "pair": "BTC/USDT:USDT",
        "side": "long",
        "entry": {"time": "2024-05-01T10:00:00", "price": "60,000", "reason": "x"},
        "exit": {"time": "2024-05-01T12:00:00", "price": "60,600.5", "reason": "y"},
        "profit_pct": "10%",
        "leverage": 10,
        "stake_amount": 100,
    }
    file = tmp_path / "trade_experience.jsonl"
    file.write_text(json.dumps(line) + "\n" + json.dumps(line | {"leverage": "none"}) + "\n")
    said = run("import", "--ancestor", file)
    assert "stored 1 there already 0 bad, skipped 1" in said
    assert "profits are net: 0.05 % of the notional was taken off for each side (--fee)" in said
    assert "total_experiences 1" in run("stats", "--namespace", "ancestor")
    with pytest.raises(MemoryStoreError, match="source: Field required"):
        run("import", file)
    with pytest.raises(ConfigError, match="--fee goes with --ancestor"):
        run("import", file, "--fee", "0.001")
    with pytest.raises(ConfigError, match="--datadir goes with --ancestor"):
        run("import", file, "--datadir", tmp_path)


def test_an_import_says_how_many_trades_have_a_market_and_why_the_others_have_none(run, tmp_path, frames, as_of):
    main = frames["30m"].set_index("date")
    price = float(main.loc[pd.Timestamp(as_of), "open"])
    (tmp_path / "data" / "futures").mkdir(parents=True)
    for timeframe, frame in frames.items():
        frame.to_feather(tmp_path / "data" / "futures" / f"BTC_USDT_USDT-{timeframe}-futures.feather")
    line = {
        "trade_id": 1, "pair": "BTC/USDT:USDT", "side": "long", "profit_pct": 1, "leverage": 10, "stake_amount": 100,
        "entry": {"time": as_of.isoformat(), "price": price, "reason": "x"},
        "exit": {"time": (as_of + timedelta(hours=2)).isoformat(), "price": price, "reason": "y"},
    }  # fmt: skip
    others = [{"pair": "SOL/USDT:USDT", "trade_id": 3}, {"pair": "SOL/USDT:USDT", "trade_id": 2}, {"side": "buy"}]
    file = tmp_path / "old.jsonl"
    file.write_text("\n".join(json.dumps(line | one) for one in ({}, *others)))
    said = run("import", "--ancestor", file, "--datadir", tmp_path / "data")
    assert (
        "imported with the market at their entry: 1 of 3 trades without, 2: SOL/USDT:USDT 30m: no candle file" in said
    )
    assert "imported with best and worst price: 1 of 3 trades without, 2: SOL/USDT:USDT" in said
    assert "without a market a trade is found by its words alone" in said
    assert "stored 3 there already 0 bad, skipped 1" in said
    again = run("import", "--ancestor", file, "--datadir", tmp_path / "data")
    assert "3 were there already and stay as they are" in again
    assert "`candlegraph memory purge --namespace ancestor --all --yes`" in again
    bare = run("import", "--ancestor", file, "--namespace", "bare")
    assert "0 of 3 trades without, 3: no --datadir with candles was named" in bare
    with pytest.raises(ConfigError, match="--datadir .*nowhere: there is no such folder"):
        run("import", "--ancestor", file, "--datadir", tmp_path / "nowhere")


def test_an_import_names_every_line_it_skips_and_every_trade_logged_twice(run, tmp_path):
    good = {"trade_id": 1, "pair": "A/B", "side": "long", "entry_time": "2024-05-01", "exit_time": "2024-05-02"}
    good |= {"entry_price": 1, "exit_price": 2, "profit_pct": 5, "leverage": 1, "stake_amount": 9}
    file = tmp_path / "old.jsonl"
    file.write_text("\n".join([json.dumps(good)] * 2 + ["{"] * 15))
    said = run("import", "--ancestor", file, "--fee", "0")
    assert "logged more than once: 1:20240501T000000 A/B: lines 1, 2: the last one counts" in said
    assert "profits are net: 0 %" in said
    assert [f"line {number}:" in run.errors for number in range(1, 18)] == [False, False] + [True] * 15


def test_a_memory_is_not_imported_into_a_folder_that_is_not_there(run, tmp_path):
    with pytest.raises(MemoryStoreError, match="--userdir .*nowhere: there is no such folder"):
        run("import", tmp_path / "out.jsonl", at=tmp_path / "nowhere")


def test_a_rebuild_forgets_snapshots_and_says_what_it_found(run, userdir):
    folder = index_folder(userdir / DATABASE)
    folder.mkdir()
    (folder / "0123456789abcdef.hnsw").write_bytes(b"damaged")
    said = run("rebuild")
    assert "1 index snapshots forgotten" in said
    assert "live 9 9 flat 3 yes" in said
    assert list(folder.iterdir()) == []


def test_a_backup_is_checked_counted_and_never_the_memorys_own_file(run, userdir):
    said = run("backup")
    (file,) = (userdir / "rag" / "backups").iterdir()
    assert "experiences 10 decisions 0" in said and "quick_check ok" in said
    with pytest.raises(MemoryStoreError, match="is there already; --force replaces it"):
        run("backup", "--to", file)
    assert "experiences 10" in run("backup", "--to", file, "--force")
    for own in (userdir / DATABASE, backup_path(userdir / DATABASE)):
        with pytest.raises(MemoryStoreError, match="expected another file than the memory's own"):
            run("backup", "--to", own, "--force")


def test_a_damaged_database_is_refused_and_the_last_start_restored(run, userdir):
    path = userdir / DATABASE
    for _ in range(2):  # closed, and opened again: the second start copies a sound database
        close_memory(path)
        open_memory(path)
    close_memory(path)
    data = bytearray(path.read_bytes())
    data[8192:40000] = b"\xff" * (40000 - 8192)
    path.write_bytes(data)
    with pytest.raises(MemoryStoreError, match=r"(?s)damaged .*restore"):
        run("stats")
    said = run("restore")
    assert "experiences 10" in said and f"from {backup_path(path)}" in said
    assert "total_experiences 9" in run("stats")
    assert list(path.parent.glob("candlegraph.sqlite.replaced-*"))[0].read_bytes() == bytes(data)


def test_a_named_backup_is_restored(run, userdir, tmp_path):
    run("backup", "--to", tmp_path / "kept.sqlite")
    open_memory(userdir / DATABASE).add(experience_of(trade(50)))
    assert "experiences 10" in run("restore", "--from", tmp_path / "kept.sqlite")
    assert "total_experiences 9" in run("stats")


def test_a_cleanup_counts_first_and_takes_out_on_demand(run, userdir):
    words = ["cleanup", "--strategy", "old_records", "--as-of", "2025-03-01"]
    told = (
        "live: old_records: 4 of 9 experiences leave the retrieval, 9 matched, limited to 4 by max_share; nothing was"
    )
    assert told in run(*words)
    assert "took 4 of 9 out of the retrieval" in run(*words, "--yes")
    stats = open_memory(userdir / DATABASE).stats("live")
    assert (stats["total_experiences"], stats["retired"]) == (9, 4)


def test_the_statistics_count_what_no_search_compares_and_say_what_brings_it_back(run, userdir):
    assert "never compared" not in run("stats")
    open_memory(userdir / DATABASE).add(experience_of(trade(20, space="older")))
    said = run("stats")
    assert "test-1 9, older 1" in said and "`candlegraph memory reembed`" in said


def test_only_a_purge_erases_and_counts_first(run, userdir):
    run("cleanup", "--strategy", "old_records", "--as-of", "2025-03-01", "--yes")
    assert "live: 4 retired experiences; statistics, rewards and patterns lose them too; nothing was" in run(
        "purge", "--retired"
    )
    assert open_memory(userdir / DATABASE).stats("live")["total_experiences"] == 9
    assert "live: erased 4 retired experiences; " in run("purge", "--retired", "--yes")
    assert "live: nothing to erase" in run("purge", "--retired", "--yes")
    assert open_memory(userdir / DATABASE).stats("live")["total_experiences"] == 5
    assert "erased 5 experiences" in run("purge", "--all", "--yes")


def test_every_action_says_what_it_does(capsys):
    for name, _, what, _ in ACTIONS:
        parser = argparse.ArgumentParser()
        add_memory(parser)
        with pytest.raises(SystemExit):
            parser.parse_args([name, "--help"])
        assert what in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize("words", [["search", "--like", "1", "-k", "0"], ["search"], ["import"], ["forget"]])
def test_wrong_words_are_refused_by_the_parser(words):
    parser = argparse.ArgumentParser()
    add_memory(parser)
    with pytest.raises(SystemExit):
        parser.parse_args(words)
