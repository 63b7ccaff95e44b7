import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sqlalchemy import select

from candlegraph.memory.database import experiences, open_engine, outbox, reading
from candlegraph.memory.store import ExperienceMemory, close_memory

ROUNDS = 20


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
        lines.append((word, rest))
    raise AssertionError("the writer ended")


def test_kill_9_at_any_moment_loses_nothing_and_doubles_nothing(writer, path):
    path.parent.mkdir()
    moments = random.Random(20250301)
    acknowledged: dict[str, set[str]] = {"stored": set(), "enqueued": set()}
    number = 0
    for _ in range(ROUNDS):
        child = start(writer, "kill", path, number)
        time.sleep(moments.uniform(0.02, 0.35))
        os.kill(child, signal.SIGKILL)
        for word, key in said(writer):
            acknowledged[word].add(key)
        stored = check(path, acknowledged)
        number = max([int(key) for key in stored], default=0) + 1
    assert len(acknowledged["stored"]) > 5 * ROUNDS  # the rounds did write


def check(path: Path, acknowledged: dict[str, set[str]]) -> set[str]:
    memory = ExperienceMemory(path)
    with reading(open_engine(path)) as connection:
        stored = list(connection.scalars(select(experiences.c.trade_key)))
        waiting = list(connection.scalars(select(outbox.c.trade_key)))
    assert acknowledged["stored"] <= set(stored)
    assert acknowledged["enqueued"] <= {*stored, *waiting}
    assert len(stored) == len(set(stored))
    assert not set(stored) & set(waiting)
    index = memory.stats("backtest:a")["index"]
    assert not stored or (index["size"], index["stale"]) == (len(stored), False)
    close_memory(path)
    return {*stored, *waiting}


def test_processes_that_create_and_write_one_file_at_once_agree(writer, path):
    path.parent.mkdir()
    start(writer, "race", path, 60)
    added = [int(rest) for word, rest in said(writer) if word == "added"]
    assert (len(added), sum(added)) == (4, 60)
    assert check(path, {"stored": {str(n) for n in range(60)}, "enqueued": set()})
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
