import re
import resource
import sqlite3

import pytest
from learnt import learn, waiting

from candlegraph.freqtrade_bridge.commands.main import main
from candlegraph.graph.schema.errors import MemoryStoreError
from candlegraph.graph.settings.places import DATABASE
from candlegraph.memory.storage.backup import backup_path
from candlegraph.memory.storage.database import open_engine
from candlegraph.memory.store import close_memory, open_memory


def sql(path, statement):
    connection = sqlite3.connect(path)
    with connection:
        rows = connection.execute(statement).fetchall()
    connection.close()
    return rows


@pytest.fixture
def filled(path, make_experience):
    memory = open_memory(path)
    for number in range(50):
        memory.add(make_experience(number))
    close_memory(path)
    return path


def damage(path):
    data = bytearray(path.read_bytes())
    data[8192:40000] = b"\xff" * (40000 - 8192)
    path.write_bytes(data)


def test_directories_are_made_and_writes_are_durable(path):
    engine = open_engine(path)
    with engine.connect() as connection:
        pragmas = [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("journal_mode", "synchronous")]
    assert pragmas == ["wal", 2]
    assert open_engine(path) is engine


@pytest.mark.parametrize("content", [b"not a database at all, but long enough to have a header" * 50])
def test_a_file_that_is_no_database_is_refused(path, content):
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(MemoryStoreError, match="damaged .*there is no backup; stop every bot, move memory.db"):
        open_memory(path)
    assert path.read_bytes() == content


@pytest.fixture
def bot(filled, tmp_path):
    """Return the database of a bot, below its user folder, filled."""
    database = tmp_path / "user_data" / DATABASE
    database.parent.mkdir(parents=True)
    filled.rename(database)
    yield database
    close_memory(database)


def test_a_damaged_database_is_refused_and_can_be_restored_as_the_message_says(bot):
    open_memory(bot)  # the second open has something good to back up
    close_memory(bot)
    damage(bot)
    with pytest.raises(MemoryStoreError, match="to restore: stop every bot, then `(.*)`") as refused:
        open_memory(bot)
    command = re.search("`candlegraph (.*)`", str(refused.value)).group(1).split()
    assert main(command) == 0
    assert open_memory(bot).stats("backtest:a")["index"]["size"] == 50


def test_a_damaged_database_never_replaces_the_good_backup(filled):
    open_memory(filled)
    close_memory(filled)
    good = backup_path(filled).read_bytes()
    damage(filled)
    with pytest.raises(MemoryStoreError):
        open_memory(filled)
    assert backup_path(filled).read_bytes() == good


def test_a_foreign_database_is_refused_and_left_alone(path):
    path.parent.mkdir()
    sql(path, "create table trades(id integer primary key)")
    with pytest.raises(MemoryStoreError, match="belongs to another program: .*choose another file"):
        open_memory(path)
    assert sql(path, "select name from sqlite_master") == [("trades",)]
    assert sql(path, "pragma journal_mode") == [("delete",)]


def test_another_schema_version_is_refused(filled):
    sql(filled, "update meta set value = 99 where key = 'schema'")
    with pytest.raises(MemoryStoreError, match="expected schema 4, was 99"):
        open_memory(filled)


SINCE_3 = ("retired", "counterfactuals")
SINCE_2 = ("positions", "courses", "text_vectors", "embedding_refusals", "embedding_cache", *SINCE_3)
ADDED = {1: ("account", "proposals", *SINCE_2), 2: SINCE_2, 3: SINCE_3}
"""Tables that a file of that schema has not."""


@pytest.mark.parametrize("version", ADDED)
def test_a_file_of_an_older_schema_is_brought_up_to_date_and_loses_nothing(filled, version, make_experience):
    counters = {1: "'account', 'proposals', 'embeddings', 'purges'", 2: "'embeddings', 'purges'", 3: "'purges'"}[
        version
    ]
    for table in ADDED[version]:
        sql(filled, f"drop table {table}")
    sql(filled, f"delete from meta where key in ({counters})")
    sql(filled, f"update meta set value = {version} where key = 'schema'")
    memory = open_memory(filled)
    assert sql(filled, "select value from meta where key = 'schema'") == [(4,)]
    assert {name for (name,) in sql(filled, "select name from sqlite_master")} >= set(ADDED[version])
    assert memory.stats("backtest:a")["index"]["size"] == 50
    assert memory.get(50) == make_experience(49)
    assert memory.add(make_experience(99)) == 51


def test_a_table_that_is_missing_is_made_whatever_the_version_says(filled):
    sql(filled, "drop table embedding_cache")
    open_memory(filled)
    assert sql(filled, "select count(*) from embedding_cache") == [(0,)]


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path):
    (tmp_path / "rag").write_text("a file")
    with pytest.raises(MemoryStoreError, match="could not be made"):
        open_memory(tmp_path / "rag" / "memory.db")


def test_a_folder_in_the_place_of_the_file_is_refused(path):
    path.mkdir(parents=True)
    with pytest.raises(MemoryStoreError, match="could not be used: unable to open"):
        open_memory(path)


def test_a_full_disk_is_an_error_and_leaves_nothing_half_written(memory, path, make_experience):
    memory.add(make_experience(0))
    largest = max(file.stat().st_size for file in path.parent.iterdir())
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest, hard))
    try:
        with pytest.raises(MemoryStoreError, match="could not be used"):
            for number in range(1, 400):
                memory.add(make_experience(number, entry_reason="x" * 4000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    stored = memory.stats("backtest:a")["total_experiences"]
    assert memory.add(make_experience(999)) is not None
    stats = memory.stats("backtest:a")
    assert (stats["total_experiences"], stats["index"]["size"], stats["index"]["stale"]) == (
        stored + 1,
        stored + 1,
        False,
    )
    assert sql(path, "pragma integrity_check") == [("ok",)]


def test_a_failure_half_way_leaves_every_trade_either_learnt_or_waiting(memory, path, make_trade):
    for number in range(3):
        memory.enqueue(make_trade(number))
    when = "before insert on experiences when new.trade_key = '1'"
    sql(path, f"create trigger full {when} begin select raise(abort, 'disk full'); end")
    with pytest.raises(MemoryStoreError, match="disk full"):
        learn(memory, "backtest:a", before=make_trade(9).known_at)
    assert (len(waiting(memory, "backtest:a")), memory.stats("backtest:a")["total_experiences"]) == (2, 1)
    sql(path, "drop trigger full")
    assert [one.key for one in learn(memory, "backtest:a", before=make_trade(9).known_at)] == ["1", "2"]
