"""A process that writes until it is killed; started by test_crash.py.

`kill DB START`: fork a writer that adds trade START, START+1, … and says so after each commit.
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

from candlegraph.memory.review import experience_of
from candlegraph.memory.store import ExperienceMemory

trade = runpy.run_path(str(Path(__file__).with_name("conftest.py")))["trade"]


def say(text: str) -> None:
    os.write(1, f"{text}\n".encode())


def write_for_ever(database: Path, start: int) -> None:
    memory = ExperienceMemory(database)
    for number in count(start):
        if number % 2:
            memory.add(experience_of(trade(number)))
            say(f"stored {number}")
        else:
            memory.enqueue(trade(number))
            say(f"enqueued {number}")
        if number % 5 == 0:
            for experience in memory.drain("backtest:a", before=trade(number).known_at):
                say(f"stored {experience.key}")


def write_all(database: Path, total: int) -> None:
    memory = ExperienceMemory(database)
    added = [memory.add(experience_of(trade(number))) for number in range(total)]
    say(f"added {sum(row_id is not None for row_id in added)}")


FORK = multiprocessing.get_context("fork")

for line in sys.stdin:
    command, database, number = line.split()
    work, copies = (write_for_ever, 1) if command == "kill" else (write_all, 4)
    children = [FORK.Process(target=work, args=(Path(database), int(number))) for _ in range(copies)]
    for child in children:
        child.start()
    say(f"started {children[0].pid}")
    for child in children:
        child.join()
        if child.exitcode not in (0, -signal.SIGKILL):
            say("failed")
    say("over")
