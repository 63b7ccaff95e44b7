"""Arguments that several commands take; loads no freqtrade."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

from candlegraph.freqtrade_bridge.host.configuration_files import read_files
from candlegraph.graph.schema.errors import MemoryStoreError
from candlegraph.graph.settings.places import DATABASE

USERDIR = Path("user_data")
SAMPLE, MONTH = "sample", "month"
NEWEST = "default: the run that decided last"
NEWEST_BOT = "default: the bot that decided last; backtests are none"
"""Folders below USERDIR/data with the demo's candles, synthetic and real."""
MONTH_PRICES = "Binance futures, June 2025, real prices"
DATADIR = (
    "default: USERDIR/data/EXCHANGE of the configuration, without one the demo's: USERDIR/data/month, or data/sample"
)


def later(place: str) -> Callable[[argparse.Namespace], None]:
    """Return the function at `module:function`, loaded when it is called: the help text waits for nothing heavy."""

    def run(arguments: argparse.Namespace) -> None:
        module, _, function = place.partition(":")
        with loading():
            found = import_module(module)
        getattr(found, function)(arguments)

    return run


@contextmanager
def loading() -> Iterator[None]:
    """Show that a command loads what it needs, which may take seconds; where nobody looks, rich is not one of them."""
    if not sys.stderr.isatty():
        yield
        return
    from candlegraph.freqtrade_bridge.commands.waiting import working

    with working("loading"):
        yield


def utc(text: str) -> datetime:
    """Return an ISO time; UTC where it names no zone."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError as e:
        raise argparse.ArgumentTypeError(f"expected a time like 2025-03-01T12:00, was {text!r}") from e
    return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)


def add_userdir(command: argparse.ArgumentParser) -> None:
    """Let the command be told where a bot keeps what it knows."""
    command.add_argument(
        "--userdir", type=Path, help="holds logs/, rag/, results, reports; default: the configuration's, else user_data"
    )


def add_output(command: argparse.ArgumentParser) -> None:
    """Let a list be printed for another program, or with each entry whole in one line."""
    form = command.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="as JSON, with all that is known of each entry")
    form.add_argument("--wide", action="store_true", help="each entry in one line, nothing shortened")


def add_json(command: argparse.ArgumentParser, what: str) -> None:
    """Let a result be printed for another program; `what`: it holds."""
    command.add_argument("--json", action="store_true", help=f"as JSON: {what}")


def at_least_one(text: str) -> int:
    """Return a whole number from 1 on."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a number from 1 on, was {text!r}")
    return int(text)


def fee_ratio(text: str) -> float:
    """Return a fee as a ratio: 0.0005 is 0.05 %."""
    try:
        fee = float(text)
    except ValueError:
        fee = -1.0
    if not 0 <= fee <= 0.01:
        raise argparse.ArgumentTypeError(f"expected a ratio from 0 to 0.01, like 0.0005 for 0.05 %, was {text!r}")
    return fee


def add_config(command: argparse.ArgumentParser, why: str = "freqtrade configuration files") -> None:
    """Let the command be told the configuration."""
    command.add_argument("--config", "-c", type=Path, action="append", default=[], help=why)


def userdir_of(arguments: argparse.Namespace) -> Path:
    """Return the user data folder: the named one, else the configuration's, else freqtrade's usual one."""
    named: Path | None = arguments.userdir
    return named or Path(str(read_files(getattr(arguments, "config", [])).merged.get("user_data_dir") or USERDIR))


def datadir_of(arguments: argparse.Namespace, config: Mapping[str, Any]) -> Path:
    """Return the candle folder: the named one, else freqtrade's own for the exchange, else the demo's."""
    named: Path | None = arguments.datadir
    exchange = config.get("exchange")
    name = str(exchange.get("name", "")).lower() if isinstance(exchange, Mapping) else ""
    data = Path(arguments.userdir) / "data"
    return named or (data / name if arguments.config and name else demo_candles(data))


def demo_candles(data: Path) -> Path:
    """Return the folder of the demo's candles: the real month where it is there, else the synthetic sample."""
    return data / MONTH if (data / MONTH / "futures").is_dir() else data / SAMPLE


def database_of(userdir: Path) -> Path:
    """Return the database below `userdir`; raise MemoryStoreError where there is none, instead of making one."""
    path = userdir / DATABASE
    if not path.is_file():
        raise MemoryStoreError(f"no memory at {path}; --userdir: expected the folder of a bot that has run")
    return path
