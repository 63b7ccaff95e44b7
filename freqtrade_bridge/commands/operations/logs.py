"""`candlegraph logs`: the end of Freqtrade's log, and what is written from then on."""

from __future__ import annotations

import os
import sys
import time
from argparse import Namespace
from collections import deque
from pathlib import Path
from typing import BinaryIO

from candlegraph.freqtrade_bridge.commands.operations.arguments import place_of
from candlegraph.graph.schema.errors import ConfigError
from candlegraph.graph.settings.places import LOG

LOOK = 0.3


def print_logs(arguments: Namespace) -> None:
    """Print the last lines; with -f stay, also when Freqtrade begins a new file."""
    path = place_of(arguments) / LOG
    if not path.is_file():
        raise ConfigError(f"logs: no {path}; --userdir: expected the folder of a bot that has been started")
    file: BinaryIO = path.open("rb")
    try:
        _write(b"".join(deque(file, arguments.n)))
        while arguments.follow:
            _write(file.read())
            time.sleep(LOOK)
            file = _renewed(file, path)
    finally:
        file.close()


def _renewed(file: BinaryIO, path: Path) -> BinaryIO:
    """Return the file that is written to now, the rest of the former one printed."""
    if path.exists() and path.stat().st_ino == _number(file):
        return file
    _write(file.read())
    file.close()
    while not path.exists():  # between the two steps of a rotation
        time.sleep(LOOK)
    return path.open("rb")


def _number(file: BinaryIO) -> int:
    """Return the file system's number of an open file, whatever it is called by now."""
    return os.fstat(file.fileno()).st_ino


def _write(raw: bytes) -> None:
    sys.stdout.write(raw.decode("utf-8", "replace"))
    sys.stdout.flush()
