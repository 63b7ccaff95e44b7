"""Arguments that several commands take."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from pathlib import Path

USERDIR = Path("user_data")


def utc(text: str) -> datetime:
    """Return an ISO time; UTC where it names no zone."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError as e:
        raise argparse.ArgumentTypeError(f"expected a time like 2025-03-01T12:00, was {text!r}") from e
    return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)


def add_userdir(command: argparse.ArgumentParser) -> None:
    """Let the command be told where a bot keeps what it knows."""
    command.add_argument("--userdir", type=Path, default=USERDIR, help="holds logs/, rag/, results and reports")


def at_least_one(text: str) -> int:
    """Return a whole number from 1 on."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a number from 1 on, was {text!r}")
    return int(text)
