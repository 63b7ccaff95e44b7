"""A process that writes until it is killed; started by test_crash.py.

`write|clean|snapshot|import DB START`: fork one that does so for ever, from trade START on, and says when it
begins and, after each commit, what it did.
`race DB N`: fork four writers that all store the same N trades at once, into a file that does not exist yet.
Forking saves the seconds that importing costs; each writer opens the database itself, after the fork.
"""

import multiprocessing
import os
import runpy
import signal
import sys
from itertools import count
from pathlib import Path

import numpy as np

from candlegraph.graph.settings.experience import Cleanup
from candlegraph.memory.index.index import SituationIndex
from candlegraph.memory.index.labels import Labels
from candlegraph.memory.index.saved import index_folder, index_path, save
from candlegraph.memory.learning.report import experience_of
from candlegraph.memory.storage.database import open_engine
from candlegraph.memory.storage.vectors import unit
from candlegraph.memory.store import ExperienceMemory
from candlegraph.memory.transfer.files import parse_export, read_lines, store

trade = runpy.run_path(str(Path(__file__).with_name("conftest.py")))["trade"]
learn = runpy.run_path(str(Path(__file__).parents[1] / "learnt.py"))["learn"]


def say(text: str) -> None:
    os.write(1, f"{text}\n".encode())


def write(database: Path, start: int) -> None:
    memory = ExperienceMemory(database)
    say("ready")
    for number in count(start):
        if number % 2:
            memory.add(experience_of(trade(number)))
            say(f"stored {number}")
        else:
            memory.enqueue(trade(number))
            say(f"enqueued {number}")
        if number % 5 == 0:
            for experience in learn(memory, "backtest:a", before=trade(number).known_at):
                say(f"stored {experience.key}")


def clean(database: Path, start: int) -> None:
    memory = ExperienceMemory(database)
    say("ready")
    for number in count(start):
        memory.add(experience_of(trade(number)))
        say(f"stored {number}")
        if number % 4 == 0:
            few = Cleanup(keep_newest=20, max_share=1)
            report = memory.cleanup("backtest:a", "compress", as_of=trade(number + 1).known_at, settings=few)
            say(f"removed {report.removed}")


def snapshot(database: Path, start: int) -> None:
    """Keep the index of the first trades as a snapshot, again and again, one trade more each time."""
    memory = ExperienceMemory(database)
    index = SituationIndex(16, "hnsw")
    index.add(*labelled(range(200)))
    say("ready")
    for number in count(start):
        row = memory.add(experience_of(trade(number)))
        index.add(*labelled([200 + (row or 0)]))
        save(index_path(index_folder(database), "test-1", 16, "hnsw"), index.snapshot())
        say(f"stored {number}")


def labelled(ids) -> tuple[list[Labels], np.ndarray]:
    labels = [Labels(number, 0, False, "backtest:a", "long", "BTC/USDT:USDT", None, "trade") for number in ids]
    return labels, np.stack([unit(np.random.default_rng(number).normal(size=16)) for number in ids])


def import_(database: Path, _: int) -> None:
    experiences = read_lines(database.with_name("in.jsonl"), parse_export).experiences
    engine = open_engine(database)
    say("ready")
    while True:
        added, present = store(engine, experiences)
        say(f"imported {added + present}")


def write_all(database: Path, total: int) -> None:
    memory = ExperienceMemory(database)
    added = [memory.add(experience_of(trade(number))) for number in range(total)]
    say(f"added {sum(row_id is not None for row_id in added)}")


FORK = multiprocessing.get_context("fork")
WORKS = {"write": write, "clean": clean, "snapshot": snapshot, "import": import_, "race": write_all}

if __name__ == "__main__":
    for line in sys.stdin:
        command, database, number = line.split()
        copies = 4 if command == "race" else 1
        children = [FORK.Process(target=WORKS[command], args=(Path(database), int(number))) for _ in range(copies)]
        for child in children:
            child.start()
        say(f"started {children[0].pid}")
        for child in children:
            child.join()
            if child.exitcode not in (0, -signal.SIGKILL):
                say("failed")
        say("over")
