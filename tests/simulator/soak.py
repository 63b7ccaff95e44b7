"""Many seeds, on several processes, for hours: each is written down when it is done, and a next soak goes on there."""

import json
import multiprocessing
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from simulator.invariants import RULES
from simulator.run import simulate
from simulator.storm import KINDS
from simulator.world import World

SEEDS_PER_PROCESS = 20
"""What freqtrade leaves behind in a process stays small so."""
Done = dict[str, Any]
"""A report without its events, with the world it is of."""


def soak(seeds: int, candles: int, pairs: int, results: Path, jobs: int) -> int:
    """Play the seeds that are not done yet; print the table; return 1 where a rule was broken."""
    results.parent.mkdir(parents=True, exist_ok=True)
    worlds = [World(seed, candles, pairs) for seed in range(1, seeds + 1)]
    known = {line["command"] for line in _read(results)}
    left = [world for world in worlds if world.command not in known]
    with multiprocessing.get_context("spawn").Pool(jobs, maxtasksperchild=SEEDS_PER_PROCESS) as pool:
        for done in pool.imap_unordered(_play, left):
            with results.open("a") as file:
                file.write(json.dumps(done) + "\n")
    wanted = {world.command for world in worlds}
    found = [line for line in _read(results) if line["command"] in wanted]
    _print(found)
    return int(any(line["violations"] for line in found))


def _play(world: World) -> Done:
    report = vars(simulate(world))
    return {name: value for name, value in report.items() if name != "events"} | {"command": world.command}


def _read(results: Path) -> list[Done]:
    return [json.loads(line) for line in results.read_text().splitlines()] if results.is_file() else []


def _print(found: Iterable[Done]) -> None:
    lines = list(found)
    injected, checked, broken = Counter[str](), Counter[str](), Counter[str]()
    for line in lines:
        injected.update(line["injected"])
        checked.update(line["checked"])
        broken.update(rule for rule in RULES for text in line["violations"] if f"VIOLATION {rule}:" in text)
    console = Console()
    console.print(_table("injected", ("what", "times"), [(kind, injected[kind]) for kind in KINDS]))
    rows = [(rule, checked[rule], broken[rule]) for rule in RULES]
    console.print(_table("rules", ("rule", "checked", "broken"), rows))
    loops, examined = (sum(line[name] for line in lines) for name in ("loops", "examined"))
    console.print(f"{len(lines)} seeds, {loops} loops, {examined} of them undisturbed and examined")
    for line in lines:
        if line["violations"]:
            console.print(line["command"], *line["violations"], sep="\n  ", soft_wrap=True)


def _table(title: str, names: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> Table:
    table = Table(title=title)
    for number, name in enumerate(names):
        table.add_column(name, justify="right" if number else "left")
    for row in rows:
        table.add_row(*map(str, row))
    return table
