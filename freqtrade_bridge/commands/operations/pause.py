"""`candlegraph pause` and `resume`: a person keeps the bot from opening anything, and lets it again."""

from __future__ import annotations

import sys
from argparse import Namespace
from datetime import UTC, datetime
from pathlib import Path

from candlegraph.freqtrade_bridge.commands.operations.arguments import place_of
from candlegraph.freqtrade_bridge.host.pause_file import PauseFile
from candlegraph.graph.schema.errors import ConfigError


def print_pause(arguments: Namespace) -> None:
    """Pause the entries of the bot in the folder, whether it runs or not."""
    userdir = _there(place_of(arguments))
    pause = PauseFile(userdir).begin(arguments.reason)
    why = f": {pause.why}" if pause.why else ""
    sys.stdout.write(
        f"{userdir}: entries are paused since {pause.since:%Y-%m-%d %H:%M} UTC{why}.\n"
        "A bot on it opens and adds nothing from its next look on, nor does /forceenter,\nalso after a restart. "
        f"Exits and stops go on. `candlegraph resume{_named(arguments)}` ends it.\n"
    )


def print_resume(arguments: Namespace) -> None:
    """Let entries go on; raise ConfigError where nothing was paused."""
    userdir = _there(place_of(arguments))
    before = PauseFile(userdir).end()
    if before is None:
        raise ConfigError(f"resume: {userdir}: entries were not paused")
    lasted = "" if before.since is None else f", after {_short((datetime.now(UTC) - before.since).total_seconds())}"
    sys.stdout.write(f"{userdir}: entries go on{lasted}; a bot on it sees it at its next look.\n")


def _there(userdir: Path) -> Path:
    if not userdir.is_dir():
        raise ConfigError(
            f"{userdir}: no such folder; --userdir: expected the folder of a bot, or -c its configuration"
        )
    return userdir


def _named(arguments: Namespace) -> str:
    """Return the words by which the same bot is named again."""
    words = [f"-c {one}" for one in arguments.files] + ([f"--userdir {arguments.where}"] if arguments.where else [])
    return "".join(f" {word}" for word in words)


def _short(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"
