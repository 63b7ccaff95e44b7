"""`candlegraph start`, `stop`, `restart`: the bot in the background, begun and ended gently.

start: `candlegraph trade` in a session of its own -> its log says that it trades, or its console why it does not
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from candlegraph.freqtrade_bridge.commands.arguments import USERDIR
from candlegraph.freqtrade_bridge.commands.operations.arguments import place_of
from candlegraph.freqtrade_bridge.commands.operations.process import (
    CONSOLE,
    BotProcess,
    alive,
    forget,
    running,
    spawned,
    starting,
)
from candlegraph.freqtrade_bridge.commands.waiting import working
from candlegraph.graph.schema.errors import BridgeError
from candlegraph.graph.settings.places import LOG

TRADES = "Changing state"
"""Freqtrade logs it when it begins to trade, or where it was told to wait for /start."""
PATIENCE, LOOK = 90.0, 0.2
STOPPING = 60.0


def print_start(arguments: Namespace) -> None:
    """Start the bot, and say whether it trades; raise BridgeError with the reason where it ended at once."""
    userdir: Path = arguments.userdir.resolve()
    words = ["trade", "--quiet", "--userdir", str(userdir), *(["--offline"] if arguments.is_offline else [])]
    for config in arguments.config:
        words += ["-c", str(config.resolve())]
    _start(words, userdir)


def print_stop(arguments: Namespace) -> None:
    """End the bot as Ctrl-C would, and say so; raise BridgeError where none runs."""
    userdir = place_of(arguments)
    _stop(_one(userdir, "stop"), userdir)


def print_restart(arguments: Namespace) -> None:
    """End the bot and start it again with the words, and in the folder, of its start."""
    userdir = place_of(arguments).resolve()
    bot = _one(userdir, "restart")
    _stop(bot, userdir)
    os.chdir(bot.folder)
    _start(bot.words, userdir)


def _start(given: Sequence[str], userdir: Path) -> None:
    log = userdir / LOG
    before = log.stat().st_size if log.exists() else 0
    with starting(userdir) as file:
        process = spawned(given, userdir, file)
        with working(f"waiting until it trades, at most {PATIENCE:.0f} s"):
            state = _seen(process, log, before)
    if process.poll() is not None:
        forget(userdir)
        raise BridgeError(
            f"start: the bot ended at once: {_last_line(userdir / CONSOLE)}\n"
            f"All that it said: {userdir / CONSOLE}. What a bot needs: candlegraph doctor{_configs(given)}"
        )
    place = "" if userdir == USERDIR.resolve() else f" --userdir {userdir}"
    words = {"look": "status", "log": "logs -f", "no new entries": "pause", "end": "stop"}
    sys.stdout.write(f"{state}: process {process.pid}, log {log}\n")
    sys.stdout.writelines(f"  {what:16}candlegraph {word}{place}\n" for what, word in words.items())


def _configs(given: Sequence[str]) -> str:
    """Return the configuration files among the words, as `doctor` takes them."""
    return "".join(f" -c {given[place + 1]}" for place, word in enumerate(given) if word == "-c")


def _seen(process: subprocess.Popen[bytes], log: Path, before: int) -> str:
    """Wait until the bot trades or has ended; return what is known of it."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and process.poll() is None:
        if log.exists() and TRADES in _since(log, before):
            return "started"
        time.sleep(LOOK)
    return f"begun, but after {PATIENCE:.0f} s not trading yet"


def _since(log: Path, before: int) -> str:
    with log.open("rb") as file:
        file.seek(before if log.stat().st_size >= before else 0)  # it was rotated meanwhile
        return file.read().decode("utf-8", "replace")


def _last_line(console: Path) -> str:
    lines = console.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    said = [line for line in lines if line.startswith("candlegraph: ")] or lines
    return said[-1].removeprefix("candlegraph: ") if said else f"it said nothing, {console} is empty"


def _one(userdir: Path, command: str) -> BotProcess:
    if (bot := running(userdir)) is None:
        raise BridgeError(f"{command}: {userdir}: no bot runs in the background; `candlegraph start -c CONFIG` does")
    return bot


def _stop(bot: BotProcess, userdir: Path) -> None:
    begun = time.monotonic()
    with working(f"waiting for its end, at most {STOPPING:.0f} s"):
        _end(bot, begun)
    forget(userdir)
    sys.stdout.write(
        f"stopped: process {bot.pid}, after {time.monotonic() - begun:.0f} s.\n"
        "Open positions stay open: stops that rest on the exchange go on,\nnothing else watches them now.\n"
    )


def _end(bot: BotProcess, begun: float) -> None:
    os.kill(bot.pid, signal.SIGTERM)
    while alive(bot.pid):
        if time.monotonic() - begun > STOPPING:
            raise BridgeError(
                f"stop: process {bot.pid} is still ending after {STOPPING:.0f} s; a model is waited for at most "
                "llm_config.decision.deadline_seconds. Look with `candlegraph logs`; a second stop ends it hard"
            )
        time.sleep(LOOK)
