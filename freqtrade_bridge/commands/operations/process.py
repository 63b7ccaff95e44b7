"""The bot in the background: who it is, by a file beside its log, and whether that process is still it."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

import psutil
from pydantic import AwareDatetime, ValidationError

from candlegraph.graph.schema.errors import BridgeError
from candlegraph.graph.schema.frozen import Frozen

MODULE = "candlegraph.freqtrade_bridge.commands.main"
PID_FILE = Path("logs") / "candlegraph.pid"
CONSOLE = Path("logs") / "console.log"
"""What a bot said before its log was open, and after it was closed; each start begins it anew."""


class BotProcess(Frozen):
    """A bot that was started in the background."""

    pid: int
    words: tuple[str, ...]
    """What it was started with, after `candlegraph`."""
    folder: Path
    """Where it was started: the paths of its configuration are relative to it."""
    started_at: AwareDatetime


def running(userdir: Path) -> BotProcess | None:
    """Return the bot of this folder that runs in the background, None without one: a stale file is none."""
    known = _recorded(userdir / PID_FILE)
    return known if known is not None and _is_it(known, userdir) else None


@contextmanager
def starting(userdir: Path) -> Iterator[TextIO]:
    """Yield the file for the bot's number, locked; raise BridgeError where one runs, or another is being started."""
    path = userdir / PID_FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as e:
            raise BridgeError(f"{userdir}: another start is under way; wait for it") from e
        if bot := running(userdir):
            began = f"{bot.started_at:%Y-%m-%d %H:%M} UTC"
            raise BridgeError(f"{userdir}: a bot runs already, process {bot.pid} since {began}; stop or restart it")
        if others := foreign(userdir):
            raise BridgeError(
                f"{userdir}: freqtrade trades on it already, process {others[0]}, not started by `candlegraph start`; "
                f"end that one first (kill -TERM {others[0]})"
            )
        yield file


def spawned(words: Sequence[str], userdir: Path, file: TextIO) -> subprocess.Popen[bytes]:
    """Start `candlegraph` with these words in a session of its own, and write down who it is."""
    with (userdir / CONSOLE).open("wb") as console:
        process = subprocess.Popen(
            [sys.executable, "-m", MODULE, *words],
            stdin=subprocess.DEVNULL,
            stdout=console,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # the terminal that started it may close
        )
    known = BotProcess(pid=process.pid, words=tuple(words), folder=Path.cwd(), started_at=datetime.now(UTC))
    file.truncate(0)
    file.write(known.model_dump_json())
    file.flush()
    return process


def forget(userdir: Path) -> None:
    """Remove the file of a bot that has ended."""
    (userdir / PID_FILE).unlink(missing_ok=True)


def alive(pid: int) -> bool:
    """Return whether the process runs; one that has ended and was not waited for does not."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def is_traded_on(userdir: Path) -> bool:
    """Return whether any bot runs on this folder, ours or one that freqtrade was told to start."""
    return running(userdir) is not None or bool(foreign(userdir))


def foreign(userdir: Path) -> list[int]:
    """Return processes of freqtrade that trade on this folder, whoever started them."""
    found = (one.info for one in psutil.process_iter(["pid", "cmdline"]))
    return sorted(one["pid"] for one in found if _trades_on(one["cmdline"] or [], userdir))


def _trades_on(words: Sequence[str], userdir: Path) -> bool:
    named = [words[n + 1] for n, word in enumerate(words[:-1]) if word in ("--userdir", "--user-data-dir")]
    return "trade" in words and str(userdir.resolve()) in named and MODULE not in words


def _recorded(path: Path) -> BotProcess | None:
    try:
        return BotProcess.model_validate_json(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValidationError):  # none, or one that a killed start left empty
        return None


def _is_it(known: BotProcess, userdir: Path) -> bool:
    """Return whether that number still is this bot: numbers are given again."""
    try:
        words: list[Any] = psutil.Process(known.pid).cmdline()
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return False
    return alive(known.pid) and MODULE in words and str(userdir.resolve()) in words and known.pid != os.getpid()
