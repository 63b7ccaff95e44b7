"""Backup and restore; `test_crash.py` has the damaged database, and the commands have tests of their own."""

import resource
import sqlite3
import subprocess
import sys
from contextlib import closing, contextmanager
from datetime import UTC, datetime

import pytest

from candlegraph.graph.schema.errors import MemoryStoreError
from candlegraph.memory.index.saved import index_folder
from candlegraph.memory.storage.backup import checked, make_copy
from candlegraph.memory.storage.database import SCHEMA
from candlegraph.memory.store import close_memory, open_memory
from candlegraph.memory.transfer.restore import restore

AT = datetime(2025, 3, 1, 12, tzinfo=UTC)
HOLD_OPEN = """
import sys, pathlib
from candlegraph.memory.store import open_memory
memory = open_memory(pathlib.Path(sys.argv[1]))
print("open", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def filled(memory, path, make_experience):
    for number in range(5):
        memory.add(make_experience(number))
    return path


@pytest.fixture
def copy(filled, tmp_path):
    return make_copy(filled, tmp_path / "kept" / "copy.sqlite").path


def keys(path) -> set[str]:
    with closing(sqlite3.connect(path)) as connection:
        return {key for (key,) in connection.execute("SELECT trade_key FROM experiences")}


@contextmanager
def small_disk(bytes_left):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_left, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_backup_holds_what_was_committed_and_is_complete_by_itself(filled, tmp_path):
    assert filled.with_name("memory.db-wal").stat().st_size > 0  # what was committed is not in the file itself yet
    copy = make_copy(filled, tmp_path / "kept" / "copy.sqlite")
    assert (copy.experiences, copy.decisions, copy.version) == (5, 0, SCHEMA)
    assert [file.name for file in copy.path.parent.iterdir()] == ["copy.sqlite"]
    assert keys(copy.path) == {"0", "1", "2", "3", "4"}


def test_a_backup_is_made_while_another_connection_is_writing(filled, tmp_path):
    with closing(sqlite3.connect(filled)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("DELETE FROM vectors")
        writer.execute("DELETE FROM experiences")
        assert make_copy(filled, tmp_path / "copy.sqlite").experiences == 5
        writer.rollback()


def test_a_full_disk_keeps_the_backup_that_is_there(filled, copy):
    good = copy.read_bytes()
    with small_disk(4096), pytest.raises(MemoryStoreError, match="could not be copied"):
        make_copy(filled, copy)
    assert copy.read_bytes() == good
    assert [file.name for file in copy.parent.iterdir()] == ["copy.sqlite"]


def test_a_restore_brings_the_backup_back_and_keeps_what_it_replaced(filled, copy, make_experience):
    memory = open_memory(filled)
    for number in range(5, 8):
        memory.add(make_experience(number))
    close_memory(filled)
    done = restore(filled, copy, at=AT)
    assert (done.held.experiences, done.replaced.name) == (5, "memory.db.replaced-20250301T120000Z.1")
    assert open_memory(filled).stats("backtest:a")["index"]["size"] == 5
    assert keys(done.replaced) == {str(number) for number in range(8)}
    close_memory(filled)
    assert restore(filled, copy, at=AT).replaced.name == "memory.db.replaced-20250301T120000Z.2"
    assert keys(done.replaced) == {str(number) for number in range(8)}, "what was replaced before is still there"


def test_rows_that_only_the_log_of_the_replaced_database_held_stay_with_it(filled, copy, make_experience, tmp_path):
    open_memory(filled).add(make_experience(5))
    killed = tmp_path / "killed" / "memory.db"
    killed.parent.mkdir()
    for end in ("", "-wal"):  # as a killed process leaves them
        killed.with_name(killed.name + end).write_bytes(filled.with_name(filled.name + end).read_bytes())
    done = restore(killed, copy, at=AT)
    assert keys(killed) == {"0", "1", "2", "3", "4"}
    assert "5" in keys(done.replaced)


def test_a_restore_is_refused_while_another_process_has_the_database_open(filled, copy):
    close_memory(filled)
    command = [sys.executable, "-c", HOLD_OPEN, str(filled)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "open\n"
        before = filled.read_bytes()
        with pytest.raises(MemoryStoreError, match="another process has .* open; stop every bot"):
            restore(filled, copy, at=AT)
        assert filled.read_bytes() == before
        other.stdin.close()
        other.wait(20)
    assert restore(filled, copy, at=AT).held.experiences == 5


def test_a_restore_forgets_index_snapshots_since_ids_may_come_to_mean_other_rows(filled, copy):
    snapshot = index_folder(filled) / "0123.hnsw"
    snapshot.parent.mkdir()
    snapshot.write_bytes(b"of other rows")
    restore(filled, copy, at=AT)
    assert not snapshot.exists()


def test_a_restored_database_is_another_one_to_the_snapshots_of_any_folder(filled, copy):
    def identity(path):
        with closing(sqlite3.connect(path)) as connection:
            return connection.execute("select value from meta where key = 'identity'").fetchone()

    before = identity(filled)
    restore(filled, copy, at=AT)
    assert identity(copy) == before != identity(filled)


def test_a_missing_database_is_restored(filled, copy, tmp_path):
    elsewhere = tmp_path / "new" / "rag" / "memory.db"
    assert restore(elsewhere, copy, at=AT).replaced is None
    assert len(keys(elsewhere)) == 5


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"no database, but long enough for a header" * 9, "could not be copied to .*: file is not a database"),
        (b"", "cannot be read as a memory"),
    ],
)
def test_what_is_no_sound_copy_is_refused_and_nothing_is_changed(filled, tmp_path, content, message):
    other = tmp_path / "other.sqlite"
    other.write_bytes(content)
    with pytest.raises(MemoryStoreError, match=f"{other}.* {message}"):
        restore(filled, other, at=AT)
    assert len(keys(filled)) == 5
    assert not list(filled.parent.glob("*rest*")) + list(filled.parent.glob("*.replaced*"))


def test_a_damaged_copy_is_found_out(copy):
    data = bytearray(copy.read_bytes())
    data[8192:40000] = b"\xff" * (40000 - 8192)
    copy.write_bytes(data)
    with pytest.raises(MemoryStoreError, match="is damaged"):
        checked(copy)


def test_no_backup_is_made_of_a_damaged_database(filled, copy, tmp_path):
    close_memory(filled)
    data = bytearray(filled.read_bytes())
    data[8192:40000] = b"\xff" * (40000 - 8192)
    filled.write_bytes(data)
    good = copy.read_bytes()
    with pytest.raises(MemoryStoreError, match=f"{filled} is damaged"):
        make_copy(filled, copy)
    assert copy.read_bytes() == good


def test_a_copy_of_a_newer_candlegraph_is_refused(filled, copy):
    with closing(sqlite3.connect(copy)) as connection, connection:
        connection.execute("UPDATE meta SET value = 99 WHERE key = 'schema'")
    with pytest.raises(MemoryStoreError, match="was 99; use the candlegraph that wrote it"):
        restore(filled, copy, at=AT)
    assert not list(filled.parent.glob("*.restoring"))


def test_a_backup_that_is_not_there_and_the_database_itself_are_refused(filled, tmp_path):
    with pytest.raises(MemoryStoreError, match="no backup at .*nowhere"):
        restore(filled, tmp_path / "nowhere", at=AT)
    with pytest.raises(MemoryStoreError, match="is the database itself"):
        restore(filled, filled, at=AT)
