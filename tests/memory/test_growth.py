"""What grows, and how far: three months of a bot in virtual time, and old runs that leave by a stated rule."""

import gzip
import json
import re
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import time_machine
from lived import lived
from sqlalchemy import select

import candlegraph.graph.schema.errors
from candlegraph.agents.models.cassette import Cassette, KeptAnswer, Take
from candlegraph.freqtrade_bridge.commands.main import main
from candlegraph.freqtrade_bridge.commands.operations import process
from candlegraph.freqtrade_bridge.decisions.inputs import DecisionInputs
from candlegraph.freqtrade_bridge.decisions.records import Records, decision_row
from candlegraph.freqtrade_bridge.decisions.runner import Runner
from candlegraph.freqtrade_bridge.feeds.sentiment_record import NEVER, Recorded, read_record
from candlegraph.graph.schema.fate import Fate, Refusal
from candlegraph.graph.schema.signal import Move
from candlegraph.graph.settings.experience import SnapshotKeeping
from candlegraph.graph.settings.places import CASSETTE, DATABASE, SENTIMENT
from candlegraph.memory.books.ledger import DecisionRow, Ledger, fate_counts
from candlegraph.memory.books.snapshots import SnapshotBook, kept_doc
from candlegraph.memory.storage.database import open_engine, reading
from candlegraph.memory.storage.tables import experiences
from candlegraph.memory.storage.text_files import Journal
from candlegraph.memory.store import close_memory, open_memory

ROOT = Path(candlegraph.graph.schema.errors.__file__).parents[2]
MB = 1_000_000
DAYS = 100
ONE_OF = 3
"""The documents count three pairs; one takes a third."""
CANDLE = timedelta(minutes=30)
FIRST = datetime(2025, 1, 1, tzinfo=UTC)
WAIT = ("signal_wait", {"pair": "BTC/USDT:USDT", "confidence_score": 60, "reason": "no clear trend, and " * 8})


@pytest.fixture
def decided(make_context, make_snapshot, scripted, calling):
    """Return one real decision of a namespace: its row, and what it was made from."""

    def go(namespace="live"):
        context = make_context(scripted(calling(WAIT)), namespace=namespace)
        snapshot = make_snapshot()
        outcome = Runner(context).decide({snapshot.pair: snapshot}, None)[snapshot.pair]
        row = decision_row(context, snapshot, outcome, outcome.state.signal, snapshot.as_of)
        return context, row, DecisionInputs.of(outcome.state, context.settings).model_dump_json(exclude_defaults=True)

    return go


def promised(row=r"^\| `(.+?)` \|.*\| (\d+) MB \|$"):
    """Return megabytes by name, as a table of docs/operations.md has them; without another form, for three months."""
    text = (ROOT / "docs" / "operations.md").read_text()
    return {name: float(size) for name, size in re.findall(row, text, re.MULTILINE)}


def test_three_months_stay_within_what_the_documents_say_and_lose_nothing_that_is_counted(decided, tmp_path):
    context, row, doc = decided()
    database, most = tmp_path / DATABASE, promised()
    ledger, kept = Ledger(database), SnapshotBook(database, SnapshotKeeping())
    journal = Journal(tmp_path / "logs" / "llm_decisions.jsonl")
    line = row.model_dump(mode="json")
    for day in range(DAYS):
        rows = [again(row, day, number) for number in range(48)]
        ledger.append(rows)
        kept.keep({one.decision_id: doc for one in rows}, FIRST + timedelta(days=day))
        journal.append([line | {"decision_id": one.decision_id} for one in rows])
    memory = open_memory(database)
    for number in range(DAYS):
        memory.add(lived(row_snapshot(doc), number, -3.0, namespace="live"))
    close_memory(database)
    assert ONE_OF * size(database) <= most["rag/candlegraph.sqlite"] * MB
    written = sum(map(size, (tmp_path / "logs").glob("llm_decisions*")))
    assert ONE_OF * written <= most["logs/llm_decisions.jsonl"] * MB
    assert len(Ledger(database).rows("live")) == 48 * DAYS  # every decision is there to be counted
    newest, oldest = again(row, DAYS - 1, 0).decision_id, again(row, 0, 0).decision_id
    assert kept_doc(database, newest) == doc and kept_doc(database, oldest) is None
    close_memory(database)


def test_a_month_of_what_grows_for_ever_is_no_larger_than_the_documents_say(decided):
    _, row, _ = decided()
    a_month, most = 3 * 48 * 30, promised(r"^\| `(.+?)`[^|]* \| (\d+) MB \| \w")
    value = Recorded(value=0.00012345, at=FIRST, source="binance funding rate", label="l" * 20, known_at=FIRST)
    answer = take("k").model_copy(update={"answer": KEPT, "components": dict.fromkeys("abcde", "0" * 32)})
    assert a_month * len(row.model_dump_json()) <= most["decisions"] * MB
    assert a_month * (4 + 1 / 3) * len(value.model_dump_json()) <= most["sentiment"] * MB
    assert a_month * len(answer.model_dump_json()) <= most["rag/cassette.sqlite"] * MB


def again(row, day, number):
    candle = FIRST + timedelta(days=day) + number * CANDLE
    known = {"decision_id": f"{day}-{number}", "candle": candle, "as_of": candle + CANDLE}
    return row.model_copy(update=known)


def row_snapshot(doc):
    return DecisionInputs.model_validate_json(doc).snapshot


def size(path):
    return path.stat().st_size


def test_a_journal_that_never_ends_keeps_six_files_of_fifty_megabytes_at_most(tmp_path):
    journal = Journal(tmp_path / "x.jsonl", max_bytes=50_000)
    for _ in range(60):
        journal.append([{"text": "x" * 9_900}])
    files = list(tmp_path.iterdir())
    assert len(files) == 6 and sum(map(size, files)) <= 6 * 50_000
    assert Journal(tmp_path / "y")._max_bytes == 50 * MB and promised()["logs/llm_decisions.jsonl"] <= 6 * 50


NAMES = ("backtest:a", "live", "backtest:b", "offline:c", "dry_run", "backtest:d", "studio")
"""Oldest first."""


@pytest.fixture
def several(decided, tmp_path, make_snapshot):
    """Return the folder of a bot after several runs, each with a decision, its inputs and an experience."""
    memory = open_memory(tmp_path / DATABASE)
    for number, name in enumerate(NAMES):
        context, row, doc = decided(name)
        Records(context).decisions([row], {})
        SnapshotBook(tmp_path / DATABASE, SnapshotKeeping()).keep({row.decision_id: doc}, FIRST)
        memory.add(lived(make_snapshot(), number, namespace=name))
    yield tmp_path
    close_memory(tmp_path / DATABASE)


def prune(several, capsys, *words):
    assert main(["prune", "--userdir", str(several), *words]) == 0
    return capsys.readouterr().out


def counted(several):
    """Return decisions, experiences and kept inputs by namespace."""
    database = several / DATABASE
    rows = {name: Ledger(database).rows(name) for name in NAMES}
    learnt = Counter(namespace for namespace, *_ in experiences_of(database))
    return {
        name: (len(found), learnt[name], sum(kept_doc(database, one.decision_id) is not None for one in found))
        for name, found in rows.items()
    }


def experiences_of(database):
    with reading(open_engine(database)) as connection:
        return connection.execute(select(experiences.c.namespace)).all()


def test_a_prune_lists_first_and_erases_only_with_yes(several, capsys):
    before = counted(several)
    said = prune(several, capsys, "--keep", "2")
    assert re.findall(r"^  (leaves|stays) +(\S+)", said, re.MULTILINE) == [
        ("stays", "backtest:d"), ("stays", "offline:c"), ("leaves", "backtest:b"), ("leaves", "backtest:a"),
    ]  # fmt: skip
    assert "Nothing was removed; --yes removes these" in said and counted(several) == before
    listed = json.loads(prune(several, capsys, "--keep", "2", "--json"))["runs"]
    assert [one["namespace"] for one in listed if one["leaves"]] == ["backtest:b", "backtest:a"]
    said = prune(several, capsys, "--keep", "2", "--yes")
    assert "removed: 2 runs, 2 decisions; the file is " in said
    gone = {"backtest:a", "backtest:b"}
    assert counted(several) == {name: (0, 0, 0) if name in gone else before[name] for name in NAMES}
    archives = sorted((several / "rag").glob("*.removed.*.jsonl"))
    assert len(archives) == 2 and all("backtest_" in one.name for one in archives)
    assert "Nothing leaves." in prune(several, capsys, "--keep", "2", "--yes")


def test_a_run_that_a_bot_reads_stays_whatever_its_age(several, capsys):
    config = several / "c.json"
    config.write_text('{"experience_config": {"rag_config": {"read_namespaces": ["backtest:a"]}}}')
    said = prune(several, capsys, "--keep", "1", "-c", str(config), "--yes")
    assert re.findall(r"leaves +(\S+)", said) == ["offline:c", "backtest:b"]
    assert counted(several)["backtest:a"] == (1, 1, 1)


TODAY = FIRST + timedelta(days=DAYS)
ENTRY = Move(action="enter_long")
HELD = Fate(kind="refused", at=FIRST, refusal=Refusal(door="late", key="", why="its candle closed"))


@pytest.fixture
def old_bot(decided, tmp_path):
    """Return the folder of a bot that decided a candle a day for a hundred days, and noted and recorded each day."""
    context, row, doc = decided()
    rows = [again(row, day, 0) for day in range(DAYS)]
    rows[3] = rows[3].model_copy(update={"fate": HELD, "signal": row.signal.in_place_of(ENTRY, HELD.refusal)})
    Ledger(tmp_path / DATABASE).append([*rows, again(row, 0, 1).model_copy(update={"namespace": "backtest:a"})])
    SnapshotBook(tmp_path / DATABASE, SnapshotKeeping(max_days=1000)).keep(
        {one.decision_id: doc for one in rows}, FIRST
    )
    memory = open_memory(tmp_path / DATABASE)
    memory.add(lived(row_snapshot(doc), 0, namespace="live"))
    notes = Journal(tmp_path / SENTIMENT / "fear_greed.jsonl")
    cassette = Cassette(tmp_path / CASSETTE)
    for day in range(DAYS):
        at = FIRST + timedelta(days=day)
        notes.append([Recorded(value=day, at=at, source="s", known_at=at).model_dump(mode="json")])
        with time_machine.travel(at, tick=False):
            cassette.keep(take(f"{day}"))
    cassette.close()
    with time_machine.travel(TODAY, tick=False):
        yield tmp_path
    close_memory(tmp_path / DATABASE)


KEPT = KeptAnswer(
    content="",
    reasoning="thoughts" * 50,
    tool_calls=({"name": "signal_entry_long", "args": {"reason": "r" * 200, "more": "n" * 250}, "id": "call_" * 5},),
    usage={"input_tokens": 6100, "output_tokens": 310, "input_token_details": {"cache_read": 4000}},
    about={"model_name": "m" * 20, "finish_reason": "tool_calls", "id": "chat" * 5},
    model="m" * 20,
    seconds=3.2,
)
"""About as long as they are in use."""


def take(key):
    answer = KeptAnswer(content="a", model="m", seconds=1)
    return Take(key=key, pair="P", candle="c", role="decision", turn=0, components={}, answer=answer)


def test_what_is_older_than_so_many_days_leaves_and_nothing_that_statistics_need(old_bot, capsys):
    rows = Ledger(old_bot / DATABASE).rows("live")
    said = prune(old_bot, capsys, "--days", "62")
    assert re.findall(r"^  (.+), \d", said, re.MULTILINE) == [
        "waits and holds: live 37", "fear_greed.jsonl: 38 values", "cassette.sqlite: 38 answers",
    ]  # fmt: skip
    listed = json.loads(prune(old_bot, capsys, "--days", "62", "--json"))["aged"]
    assert [one["what"] for one in listed][0] == "waits and holds: live 37" and listed[0]["bytes"] > 0
    assert main(["prune", "--userdir", str(old_bot), "--days", "62", "--json", "--yes"]) == 1
    assert "leave it out where --yes removes it" in capsys.readouterr().err
    assert "Nothing was removed" in said and Ledger(old_bot / DATABASE).rows("live") == rows
    said = prune(old_bot, capsys, "--days", "62", "--yes")
    left = Ledger(old_bot / DATABASE).rows("live")
    assert left == (rows[3], *rows[38:])  # what acted, and five weeks for the drift, a month for the costs
    assert fate_counts(left) == fate_counts(rows)
    assert len(Ledger(old_bot / DATABASE).rows("backtest:a")) == 1 and len(experiences_of(old_bot / DATABASE)) == 1
    assert kept_doc(old_bot / DATABASE, rows[0].decision_id) is None
    (archive,) = (old_bot / "rag").glob("*.jsonl.gz")
    archived = [DecisionRow.model_validate_json(line) for line in gzip.decompress(archive.read_bytes()).splitlines()]
    assert sorted([*archived, *left], key=lambda one: one.candle) == list(rows)
    noted = read_record(old_bot / SENTIMENT / "fear_greed.jsonl")
    assert noted.as_of(FIRST + timedelta(days=37), timedelta(days=1)) == NEVER
    assert noted.as_of(TODAY, timedelta(days=2)).value == DAYS - 1
    with closing(Cassette(old_bot / CASSETTE)) as cassette:
        assert (cassette.get("37"), cassette.get("38").content) == (None, "a")
    assert "  nothing" in prune(old_bot, capsys, "--days", "62", "--yes")


def test_what_a_month_is_reckoned_from_is_never_pruned_nor_what_a_bot_is_writing(old_bot, capsys, monkeypatch):
    assert main(["prune", "--userdir", str(old_bot), "--days", "61"]) == 1
    assert "expected 62 or more" in capsys.readouterr().err
    monkeypatch.setattr(process, "foreign", lambda userdir: [1])
    assert main(["prune", "--userdir", str(old_bot), "--days", "62", "--yes"]) == 1
    assert "the bot runs, and writes these" in capsys.readouterr().err
    assert len(Ledger(old_bot / DATABASE).rows("live")) == DAYS
    assert main(["prune", "--userdir", str(old_bot)]) == 1
    assert "expected --keep N" in capsys.readouterr().err
