import csv
import json
import resource

import pytest

from candlegraph.graph.schema.errors import MemoryStoreError
from candlegraph.graph.schema.experience import Experience
from candlegraph.memory.learning.report import experience_of_decision
from candlegraph.memory.storage.database import open_engine
from candlegraph.memory.store import close_memory, open_memory
from candlegraph.memory.transfer.files import BATCH, BadLine, export, parse_export, read_lines, store

BOTH_DATABASES = True


@pytest.fixture
def filled(memory, make_experience, make_recorded):
    for number in (2, 0, 1):
        memory.add(make_experience(number))
    memory.add(experience_of_decision(make_recorded(3, reason="=cmd('calc')")))
    memory.add(make_experience(4, namespace="live", model_score=80))
    return memory.engine


@pytest.fixture
def elsewhere(tmp_path):
    file = tmp_path / "other" / "memory.db"
    yield file
    close_memory(file)


def lines_of(path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


def test_an_export_and_its_import_give_the_same_memory(filled, memory, elsewhere, tmp_path, make_trade):
    target = tmp_path / "out.jsonl"
    assert export(filled, "backtest:a", target) == 4
    assert store(open_engine(elsewhere), read_lines(target, parse_export).experiences) == (4, 0)
    again = tmp_path / "again.jsonl"
    export(open_engine(elsewhere), "backtest:a", again)
    assert again.read_bytes() == target.read_bytes()
    keys = []
    for one in (memory, open_memory(elsewhere)):
        found = one.recall(
            (1, 1.4, 0.5), "test-1", as_of=make_trade(9).known_at, namespaces=("backtest:a",), k=9, threshold=0
        )
        keys.append([(one.get(case.id).key, case.similarity) for case in found])
    assert keys[0] == keys[1]
    assert len(keys[0]) == 4


def test_lines_are_in_the_order_in_which_they_became_known(filled, tmp_path):
    export(filled, "backtest:a", tmp_path / "out.jsonl")
    found = [Experience.model_validate_json(line) for line in lines_of(tmp_path / "out.jsonl")]
    assert [one.key for one in found] == ["0", "1", "2", "recorded-3"]


def test_what_is_there_already_is_counted_and_left_as_it_is(filled, memory, tmp_path):
    export(filled, "backtest:a", tmp_path / "out.jsonl")
    experiences = read_lines(tmp_path / "out.jsonl", parse_export).experiences
    changed = [one.model_copy(update={"lesson": "another"}) for one in experiences]
    assert store(filled, [*changed, *changed]) == (0, 8)
    assert memory.stats("backtest:a")["total_experiences"] == 4
    assert memory.get(1).lesson != "another"


def test_an_import_into_another_namespace_is_of_that_one(filled, memory, tmp_path):
    export(filled, "backtest:a", tmp_path / "out.jsonl")
    experiences = read_lines(tmp_path / "out.jsonl", parse_export).experiences
    assert store(filled, experiences, "study") == (4, 0)
    assert memory.stats("study")["index"]["size"] == 4
    assert memory.stats("backtest:a")["total_experiences"] == 4


def test_more_rows_than_one_transaction_holds_are_all_stored(path, make_experience):
    many = [make_experience(number) for number in range(BATCH + 1)]
    assert store(open_engine(path), many) == (BATCH + 1, 0)
    assert open_memory(path).stats("backtest:a")["total_experiences"] == BATCH + 1


BAD = [
    ({"source": {"profit_pct": "a lot"}}, "source.trade.profit_pct", "was 'a lot'"),
    ({"source": {"side": "up"}}, "source.trade.side", "was 'up'"),
    ({"source": {"situation": [1, float("nan")]}}, "source.trade.situation.1", "finite number"),
    ({"surprise": 1}, "surprise", "Extra inputs are not permitted"),
    ({"source": {"known_at": "2024-01-01T00:00:00Z"}}, "source.trade", "expected opened_at <= closed_at <= known_at"),
]


@pytest.mark.parametrize(("changes", "field", "problem"), BAD)
def test_a_bad_line_is_named_with_its_field(tmp_path, make_experience, changes, field, problem):
    good = json.loads(make_experience(0).model_dump_json())
    source = good["source"] | changes.get("source", {})
    file = tmp_path / "in.jsonl"
    file.write_text(f"{json.dumps(good)}\n\n{json.dumps(good | changes | {'source': source})}\n")
    experiences, (bad,) = read_lines(file, parse_export)
    assert (len(experiences), bad.number, bad.field) == (1, 3, field)
    assert problem in bad.problem


def test_a_line_that_is_no_json_is_named_and_cut_short(tmp_path):
    file = tmp_path / "in.jsonl"
    file.write_text("x" * 5000 + "\n")
    ((), (bad,)) = read_lines(file, parse_export)
    assert str(bad).startswith(f"{file} line 1: line: Invalid JSON")
    assert len(str(bad)) < 400
    assert isinstance(bad, BadLine)


def test_a_file_that_cannot_be_read_is_an_error(tmp_path):
    (tmp_path / "binary.jsonl").write_bytes(b"\xff\xfe\x00")
    for name in ("nowhere.jsonl", "binary.jsonl"):
        with pytest.raises(MemoryStoreError, match=f"{name} cannot be read: .*nothing was stored"):
            read_lines(tmp_path / name, parse_export)


def test_an_existing_file_is_only_replaced_on_demand(filled, tmp_path):
    target = tmp_path / "out.jsonl"
    target.write_text("precious")
    with pytest.raises(MemoryStoreError, match="is there already; --force replaces it"):
        export(filled, "live", target)
    assert target.read_text() == "precious"
    assert export(filled, "live", target, replace=True) == 1
    assert len(lines_of(target)) == 1


def test_a_full_disk_leaves_the_old_file_whole(filled, tmp_path):
    target = tmp_path / "out.jsonl"
    target.write_text("precious")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(MemoryStoreError, match="could not be written"):
            export(filled, "backtest:a", target, replace=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert target.read_text() == "precious"
    assert [file.name for file in tmp_path.glob("out*")] == ["out.jsonl"]


def test_a_table_has_the_main_columns_and_no_formula(filled, tmp_path):
    target = tmp_path / "out.csv"
    export(filled, "backtest:a", target)
    rows = list(csv.DictReader(lines_of(target)))
    assert [row["key"] for row in rows] == ["0", "1", "2", "recorded-3"]
    assert (rows[0]["profit_pct"], rows[0]["exit_reason"], rows[0]["kind"]) == ("4.0", "exit_signal", "trade")
    assert float(rows[0]["score"]) > 0
    assert (rows[3]["score"], rows[3]["profit_pct"], rows[3]["entry_reason"]) == ("", "7.0", "'=cmd('calc')")


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_no_text_of_a_table_is_read_as_a_formula(path, tmp_path, make_experience, text):
    target = tmp_path / "out.csv"
    store(open_engine(path), [make_experience(0, entry_reason=text)])
    export(open_engine(path), "backtest:a", target)
    with target.open(encoding="utf-8", newline="") as file:
        assert [row["entry_reason"] for row in csv.DictReader(file)] == [f"'{text}"]


@pytest.mark.parametrize("text", ["a\r=1+1", "a\n=1+1", "a\r\n=1+1", 'a"\n=1,2'])
def test_no_text_of_a_table_begins_a_row_of_its_own(path, tmp_path, make_experience, text):
    target = tmp_path / "out.csv"
    store(open_engine(path), [make_experience(0, entry_reason=text)])
    export(open_engine(path), "backtest:a", target)
    with target.open(encoding="utf-8", newline="") as file:
        assert [row["entry_reason"] for row in csv.DictReader(file)] == [text]


def test_a_mark_of_the_encoding_at_the_start_is_no_part_of_the_first_line(tmp_path, make_experience):
    file = tmp_path / "windows.jsonl"
    file.write_text(make_experience(0).model_dump_json(), encoding="utf-8-sig")
    assert read_lines(file, parse_export) == ((make_experience(0),), ())


def test_another_ending_is_refused(filled, tmp_path):
    with pytest.raises(MemoryStoreError, match=r"out.xml: expected a name that ends in .jsonl or .csv"):
        export(filled, "live", tmp_path / "out.xml")
