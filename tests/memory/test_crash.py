"""kill -9 at random moments: whatever was said to be done is found afterwards, and nothing twice."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import defaultdict
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import select

from candlegraph.graph.schema.experience import Experience
from candlegraph.graph.settings.experience import RagConfig
from candlegraph.memory.index.index import SituationIndex
from candlegraph.memory.index.labels import Labels
from candlegraph.memory.index.saved import index_folder, index_path, load
from candlegraph.memory.storage.database import open_engine, reading
from candlegraph.memory.storage.rows import is_retired
from candlegraph.memory.storage.tables import experiences, outbox
from candlegraph.memory.storage.vectors import unit
from candlegraph.memory.store import close_memory, open_memory
from candlegraph.memory.transfer.files import BATCH, parse_export, read_lines, store
from candlegraph.memory.transfer.restore import rebuild

MOMENTS = 5
"""Of each kind of work: 20 in all, 200 among the slow tests."""


@pytest.fixture(scope="module")
def writer():
    script = Path(__file__).with_name("crash_writer.py")
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, str(script)], text=True, bufsize=1, **pipes) as process:
        yield process
        process.stdin.close()
        process.wait(30)


def start(writer, command, path, number) -> int:
    writer.stdin.write(f"{command} {path} {number}\n")
    for line in writer.stdout:
        if line.startswith("started"):
            return int(line.split()[1])
    raise AssertionError("the writer ended")


def said(writer) -> list[tuple[str, str]]:
    """Return what the writers said until all of them had ended."""
    lines = []
    for line in writer.stdout:
        if line == "over\n":
            return lines
        word, _, rest = line.strip().partition(" ")
        assert word != "failed", "a writer broke, its traceback is on stderr"
        if word != "ready":
            lines.append((word, rest))
    raise AssertionError("the writer ended")


@pytest.fixture(params=[pytest.param(1, id="few"), pytest.param(10, id="many", marks=pytest.mark.slow)])
def moments(request):
    """Return the seconds of work before each kill; below 0: of opening the database, the first in five."""
    seeded = random.Random(20250301 + request.param)
    return [
        seeded.uniform(0.03, 0.4) if number % MOMENTS else seeded.uniform(-0.1, 0.0)
        for number in range(MOMENTS * request.param)
    ]


def killed(writer, work, path, number, wait, rows=0) -> dict[str, list[str]]:
    """Let the work go on for so long, or until so many rows are there, kill it, and return what it said by then."""
    child = start(writer, work, path, number)
    if wait > 0:
        assert writer.stdout.readline() == "ready\n"  # however slow the machine is, it is killed at its work
    until = time.monotonic() + abs(wait)
    try:
        while committed(path) < rows if rows else time.monotonic() < until:
            time.sleep(0.002)
    finally:  # else it would write for ever
        os.kill(child, signal.SIGKILL)
    words = defaultdict(list)
    for word, rest in said(writer):
        words[word].append(rest)
    return words


SPARE = (1.0, 2.0, 4.0, 8.0)
"""Waits for a machine that is too busy to do much in the moments; a round of them is made only if that is needed."""


def test_writing(writer, path, moments, make_trade):
    path.parent.mkdir()
    stored, enqueued, number = set[str](), set[str](), 0
    for wait in (*moments, *SPARE):
        if wait in SPARE and len(stored) > 5 * len(moments):
            break
        words = killed(writer, "write", path, number, wait)
        stored |= {*words["stored"]}
        enqueued |= {*words["enqueued"]}
        found, waiting = searched(path, make_trade), in_outbox(path)
        assert stored <= found
        assert enqueued <= found | waiting
        assert not found & waiting
        number = max([int(key) for key in found | waiting], default=0) + 1
    assert len(stored) > 5 * len(moments)  # it did write


def test_cleaning_up(writer, path, moments, make_trade):
    path.parent.mkdir()
    stored, removed, number = set[str](), 0, 0
    for wait in (*moments, *SPARE):
        if wait in SPARE and removed > len(moments):
            break
        words = killed(writer, "clean", path, number, wait)
        stored |= {*words["stored"]}
        removed += sum(map(int, words["removed"]))
        found, archived = searched(path, make_trade), in_archives(path)
        assert stored <= found | archived
        assert removed <= len(archived)
        number = max([int(key) for key in found], default=0) + 1
    assert removed > len(moments)  # it did remove


def test_importing(writer, tmp_path, moments, make_experience, make_trade):
    total, sizes = BATCH + 100, []
    lines = "".join(f"{make_experience(number).model_dump_json()}\n" for number in range(total))
    for round_, wait in enumerate(moments):
        path = tmp_path / str(round_) / "memory.db"
        path.parent.mkdir()
        path.with_name("in.jsonl").write_text(lines)
        # Every other one between its two transactions, the rest before or within the first.
        words = killed(writer, "import", path, 0, wait, rows=BATCH if round_ % 2 and wait > 0 else 0)
        found = searched(path, make_trade)
        sizes.append(len(found))
        assert sizes[-1] in ((total,) if words["imported"] else (0, BATCH, total))
        again = store(open_engine(path), read_lines(path.with_name("in.jsonl"), parse_export).experiences)
        assert again == (total - len(found), len(found))
        close_memory(path)
    assert len([size for size in sizes if size >= BATCH]) >= len(moments) // 2  # it did import


def test_keeping_a_snapshot_of_the_index(writer, path, moments, make_trade):
    path.parent.mkdir()
    stored, number, sizes = set[str](), 0, []
    for wait in (*moments, *SPARE):
        if wait in SPARE and max(sizes) > 200:
            break
        words = killed(writer, "snapshot", path, number, wait)
        stored |= {*words["stored"]}
        assert stored <= searched(path, make_trade)
        sizes.append(restored(index_path(index_folder(path), "test-1", 16, "hnsw")))
        number = max([int(key) for key in stored], default=number) + 1
    assert max(sizes) > 200  # it did keep some


def searched(path: Path, make_trade) -> set[str]:
    """Return the keys that a search finds after a restart: all that is stored and not retired, and nothing twice."""
    close_memory(path)
    memory = open_memory(path)
    with reading(open_engine(path)) as connection:
        stored = sorted(connection.scalars(select(experiences.c.trade_key).where(~is_retired())))
    later = make_trade(10**6).known_at
    near = {"namespaces": ("backtest:a",), "threshold": 0}
    cases = memory.recall((1, 1, 0.5), "test-1", as_of=later, k=len(stored) + 1, **near)
    with reading(open_engine(path)) as connection:
        keys = dict(connection.execute(select(experiences.c.id, experiences.c.trade_key)).all())
    assert sorted(keys[case.id] for case in cases) == stored
    assert len(stored) == len(set(stored))
    return set(stored)


def committed(path: Path) -> int:
    """Return how many experiences another process has committed."""
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("select count(*) from experiences").fetchone()[0]


def in_outbox(path: Path) -> set[str]:
    with reading(open_engine(path)) as connection:
        return set(connection.scalars(select(outbox.c.trade_key)))


def in_archives(path: Path) -> set[str]:
    lines = [line for file in path.parent.glob("*.removed.*.jsonl") for line in file.read_text().splitlines()]
    return {Experience.model_validate_json(line).key for line in lines}


def restored(file: Path) -> int:
    """Return how many vectors the snapshot brings back, each found where it belongs; 0 where there is none."""
    snapshot = load(file)
    if snapshot is None:
        assert not file.exists(), "a snapshot is whole or absent, never damaged"
        return 0
    labels = {int(one): Labels(int(one), 0, False, "backtest:a", "long", "P", None, "trade") for one in snapshot.ids}
    index = SituationIndex(16, "hnsw")
    index.restore(snapshot, "hnsw", labels)
    for one in labels:
        query = unit(np.random.default_rng(one).normal(size=16))  # as crash_writer.py made it
        assert index.search(query, 1, known_before=1, where={})[0].id == one
    return len(index)


def test_a_snapshot_that_a_kill_left_half_written_is_nothing_and_a_rebuild_removes_it(path, memory, make_experience):
    memory.add(make_experience(0))
    file = index_path(index_folder(path), "test-1", 3, "hnsw")
    file.parent.mkdir()
    file.write_bytes(b"half a snap")
    file.with_name(f"{file.name}.4711.partial").write_bytes(b"half")
    assert load(file) is None
    forgotten, (stats,) = rebuild(path, RagConfig())
    assert (len(forgotten), stats["index"]["size"], stats["index"]["stale"]) == (2, 1, False)
    assert list(file.parent.iterdir()) == []


def test_processes_that_create_and_write_one_file_at_once_agree(writer, path, make_trade):
    path.parent.mkdir()
    start(writer, "race", path, 60)
    added = [int(rest) for word, rest in said(writer) if word == "added"]
    assert (len(added), sum(added)) == (4, 60)
    assert searched(path, make_trade) == {str(number) for number in range(60)}
    connection = sqlite3.connect(path)
    assert connection.execute("pragma integrity_check").fetchall() == [("ok",)]
    connection.close()


def test_a_running_memory_misses_no_commit_of_other_processes(writer, path, memory):
    start(writer, "race", path, 80)
    sizes, until = [0], time.monotonic() + 20
    while sizes[-1] < 80 and time.monotonic() < until:
        stats = memory.stats("backtest:a")
        assert stats["index"]["size"] == stats["total_experiences"]
        sizes.append(stats["index"]["size"])
    assert [word for word, _ in said(writer)] == ["added"] * 4
    assert (sizes[-1], sizes) == (80, sorted(sizes))
