import json
import resource

import pytest

from candlegraph.memory.storage.text_files import Journal


@pytest.fixture
def file(tmp_path):
    return tmp_path / "logs" / "decisions.jsonl"


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_records_are_appended_in_order(file):
    Journal(file).append([{"n": 1}, {"n": 2, "reason": "强势"}])
    Journal(file).append([{"n": 3}])
    assert [line["n"] for line in lines(file)] == [1, 2, 3]
    assert "强势" in file.read_text()


def test_nothing_touches_the_disk_before_the_first_record(file):
    Journal(file).append([])
    assert not file.parent.exists()


@pytest.mark.parametrize("torn", ['{"n": 2', '{"n": 2}', "x" * 200_000])
def test_a_torn_tail_is_cut_off_at_the_next_open(file, torn):
    Journal(file).append([{"n": 1}])
    with file.open("a") as f:
        f.write(torn)
    Journal(file).append([{"n": 3}])
    assert [line["n"] for line in lines(file)] == [1, 3]


def test_a_file_of_one_torn_line_becomes_empty(file):
    file.parent.mkdir()
    file.write_text('{"n": 1')
    Journal(file).append([{"n": 2}])
    assert lines(file) == [{"n": 2}]


def test_files_rotate_by_size_and_the_oldest_go(file):
    journal = Journal(file, max_bytes=30, keep=2)
    for number in range(1, 9):
        journal.append([{"n": number, "x": "y"}])
    files = {path.name: [line["n"] for line in lines(path)] for path in file.parent.iterdir()}
    assert files == {"decisions.jsonl": [8], "decisions.jsonl.1": [7], "decisions.jsonl.2": [6]}


def test_a_batch_is_never_split_over_two_files(file):
    journal = Journal(file, max_bytes=20)
    journal.append([{"n": 1}])
    journal.append([{"n": 2}, {"n": 3}, {"n": 4}])
    assert [line["n"] for line in lines(file)] == [2, 3, 4]


def test_a_full_disk_raises_and_leaves_no_half_line(file):
    journal = Journal(file)
    journal.append([{"n": 1}])
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (file.stat().st_size + 5, hard))
    try:
        with pytest.raises(OSError, match="only 5 of"):
            journal.append([{"n": 2}])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    journal.append([{"n": 3}])
    assert lines(file) == [{"n": 1}, {"n": 3}]


def test_a_folder_that_cannot_be_made_raises_oserror(tmp_path):
    (tmp_path / "logs").write_text("a file")
    with pytest.raises(OSError, match="logs"):
        Journal(tmp_path / "logs" / "x.jsonl").append([{"n": 1}])


def test_a_record_that_is_no_json_writes_nothing(file):
    with pytest.raises(ValueError, match="JSON compliant"):
        Journal(file).append([{"n": 1}, {"n": float("nan")}])
    assert not file.exists()


def test_values_of_secret_keys_are_blanked(file):
    Journal(file).append([{"config": [{"api_key": "sk-1", "tokens_in": 7}], "exchange": {"secret": "s"}}])
    assert lines(file) == [{"config": [{"api_key": "***", "tokens_in": 7}], "exchange": {"secret": "***"}}]
