"""A bot of a fleet, with a file of its own and the shared memory; started by test_fleet.py.

`add FILE URL NAMESPACE N`: store N trades, one after another.
`settle FILE URL`: enqueue a trade, say so, wait for a line, learn from it.
"""

import runpy
import sys
from pathlib import Path

from candlegraph.graph.settings.experience import RagConfig
from candlegraph.memory.learning.report import experience_of
from candlegraph.memory.store import ExperienceMemory

trade = runpy.run_path(str(Path(__file__).with_name("conftest.py")))["trade"]
learn = runpy.run_path(str(Path(__file__).parents[1] / "learnt.py"))["learn"]


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    work, file, url, *rest = sys.argv[1:]
    say("ready")
    sys.stdin.readline()
    memory = ExperienceMemory(Path(file), RagConfig(database_url=url))
    if work == "add":
        namespace, count = rest
        for number in range(int(count)):
            memory.add(experience_of(trade(number, namespace=namespace)))
    else:
        memory.enqueue(trade(0))
        say("enqueued")
        sys.stdin.readline()
        learn(memory, "backtest:a", before=trade(0).known_at)
    say("done")
