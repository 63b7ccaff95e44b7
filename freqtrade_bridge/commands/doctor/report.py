"""The looks in their order, the slow ones at once and each for a limited time; their verdicts printed.

configuration sound? -> machine, stored (here) + exchange and account, model, embedding (each in a thread) -> verdicts
"""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
import time
from argparse import Namespace
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from rich.table import Table
from rich.text import Text

from candlegraph.freqtrade_bridge.commands.arguments import USERDIR
from candlegraph.freqtrade_bridge.commands.check import check_files
from candlegraph.freqtrade_bridge.commands.doctor.account import account
from candlegraph.freqtrade_bridge.commands.doctor.asked import embedding, model
from candlegraph.freqtrade_bridge.commands.doctor.diagnosis import Diagnosis, Examine, Patient, fail, ok
from candlegraph.freqtrade_bridge.commands.doctor.machine import machine
from candlegraph.freqtrade_bridge.commands.doctor.market import market
from candlegraph.freqtrade_bridge.commands.doctor.stored import stored
from candlegraph.freqtrade_bridge.commands.failures import told
from candlegraph.freqtrade_bridge.commands.waiting import working
from candlegraph.freqtrade_bridge.host.configuration_files import read_files
from candlegraph.freqtrade_bridge.host.environment_file import load_beside
from candlegraph.freqtrade_bridge.report.listing import console
from candlegraph.graph.schema.errors import BridgeError, CandlegraphError, ConfigError

SECONDS = 12.0
"""So long a look may wait for others; loading takes the rest of twenty seconds."""
HERE: dict[str, Examine] = {"folder": machine, "memory": stored}
OUTSIDE: dict[str, Examine] = {"exchange": market, "keys": account, "model": model, "embedding": embedding}


def print_doctor(arguments: Namespace) -> None:
    """Print the verdicts; raise BridgeError where one of them is FAIL."""
    logging.disable(logging.CRITICAL)  # freqtrade and ccxt tell each try with a trace; the verdicts say what came of it
    try:
        with working("asking the exchange and the models, at most 20 s"):
            verdicts = list(examined(arguments.files, arguments.where))
    finally:
        logging.disable(logging.NOTSET)
    if arguments.json:
        sys.stdout.write(json.dumps([one.model_dump() for one in verdicts], ensure_ascii=False, indent=1) + "\n")
    else:
        _print(verdicts)
    if failed := [one.name for one in verdicts if one.grade == "FAIL"]:
        raise BridgeError(f"doctor: {len(failed)} of {len(verdicts)} looks failed: {', '.join(failed)}")


def _print(verdicts: Sequence[Diagnosis]) -> None:
    """Print a verdict a line, what to do beneath it, both within the width of the terminal."""
    grid = Table.grid(padding=(0, 2))
    for column in ({"no_wrap": True}, {"no_wrap": True}, {"overflow": "fold"}):
        grid.add_column(**column)
    for one in verdicts:
        advice = f"\n-> {one.to_do}" if one.to_do else ""
        grid.add_row(one.grade, one.name, Text(f"{one.what}{advice}"))
    console().print(grid)


def examined(files: Sequence[Path], userdir: Path | None) -> Iterator[Diagnosis]:
    """Yield every verdict; behind an unsound configuration nothing else can be looked at."""
    try:
        load_beside(files, os.environ)
        settings = check_files(files, {}, is_run=True)
        config = read_files(files).merged
    except (ConfigError, OSError) as e:
        for line in told(e).splitlines():
            yield fail("config", line)
        return
    yield ok("config", f"{', '.join(map(str, files))}: sound")
    folder = userdir or Path(str(config.get("user_data_dir") or USERDIR))
    patient = Patient(tuple(files), config, settings, folder, datetime.now(UTC))
    slow = [Waited(name, one, patient) for name, one in OUTSIDE.items()]
    for name, one in HERE.items():
        yield from seen(name, one, patient)
    end = time.monotonic() + SECONDS
    for look in slow:
        yield from look.found(max(0.0, end - time.monotonic()))


def seen(name: str, look: Examine, patient: Patient) -> list[Diagnosis]:
    """Return the verdicts of one look; an error of ours is one, too."""
    found = []
    try:
        for one in look(patient):
            found.append(one)
    except (CandlegraphError, OSError) as e:
        found.append(fail(name, told(e).replace("\n", " ")))
    return found


class Waited:
    """One look in a thread of its own, which dies with the process; `name` is that of its first verdict."""

    def __init__(self, name: str, look: Examine, patient: Patient) -> None:
        self._name, self._found = name, list[Diagnosis]()
        self._thread = threading.Thread(target=self._run, args=(look, patient), daemon=True)
        self._thread.start()

    def _run(self, look: Examine, patient: Patient) -> None:
        self._found = seen(self._name, look, patient)

    def found(self, seconds: float) -> list[Diagnosis]:
        """Return its verdicts, or that there was no answer in time."""
        self._thread.join(seconds)
        if self._thread.is_alive():
            return [fail(self._name, f"no answer within {SECONDS:.0f} s", "look at the network, and at its address")]
        return self._found
