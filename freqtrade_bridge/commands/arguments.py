"""Arguments that several commands take, and the order for a backtest that they make; loads no freqtrade."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from candlegraph.graph.schema.errors import MemoryStoreError
from candlegraph.graph.settings.llm import Depth, Mode
from candlegraph.graph.settings.places import DATABASE

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


def add_output(command: argparse.ArgumentParser) -> None:
    """Let a list be printed for another program, or with each entry whole in one line."""
    form = command.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="as JSON, with all that is known of each entry")
    form.add_argument("--wide", action="store_true", help="each entry in one line, nothing shortened")


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


if TYPE_CHECKING:
    from candlegraph.freqtrade_bridge.loopback.backtest import BacktestOrder


def add_backtest(command: argparse.ArgumentParser) -> None:
    """Let the command be told what to backtest."""
    add_userdir(command)
    command.add_argument("--datadir", type=Path, required=True, help="freqtrade candle folder that holds futures/")
    command.add_argument("--pairs", nargs="+", required=True, metavar="PAIR")
    command.add_argument("--timerange", required=True, help="as freqtrade takes it: 20250301-20250601")
    command.add_argument("--config", "-c", type=Path, action="append", default=[], help="freqtrade configuration files")
    command.add_argument("--offline", action="store_true", help="market metadata from loopback, no network at all")
    command.add_argument("--model", help="local (in process, no key), policy, or a name that your endpoint knows")
    command.add_argument("--depth", choices=get_args(Depth), help="instead of llm_config.depth")
    command.add_argument("--mode", choices=get_args(Mode), help="instead of llm_config.mode: record answers, or replay")
    command.add_argument("--cassette", type=Path, help="file of the answers, instead of llm_config.cassette")
    command.add_argument(
        "--strict", action="store_true", help="status 3 where more than 20 %% of the asked decisions fell back"
    )
    command.add_argument("freqtrade", nargs="*", metavar="-- FREQTRADE OPTION", help="passed on unchanged")


def order_of(arguments: argparse.Namespace) -> BacktestOrder:
    """Return the order."""
    from candlegraph.freqtrade_bridge.loopback.backtest import BacktestOrder

    return BacktestOrder(
        datadir=arguments.datadir.resolve(),
        userdir=arguments.userdir.resolve(),
        pairs=tuple(arguments.pairs),
        timerange=arguments.timerange,
        configs=tuple(path.resolve() for path in arguments.config),
        overrides=overrides_of(arguments),
        extra=tuple(arguments.freqtrade),
    )


def overrides_of(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the part of the configuration that the command line replaces."""
    cassette = arguments.cassette and str(arguments.cassette.resolve())
    given = {"depth": arguments.depth, "mode": arguments.mode, "cassette": cassette} | _model(arguments.model)
    llm = {name: value for name, value in given.items() if value is not None or name == "api_base"}
    return {"llm_config": llm} if llm else {}


def passed_on(options: Sequence[str]) -> dict[str, Any]:
    """Return what options for freqtrade itself say that a check must know: the timeframe."""
    words = [word for option in options for word in option.split("=", 1)]
    named = [value for name, value in pairwise(words) if name in ("--timeframe", "-i")]
    return {"timeframe": named[-1]} if named else {}


def _model(name: str | None) -> dict[str, Any]:
    if name == "local":
        from candlegraph.agents.models.local import local_overrides

        return local_overrides()
    if name == "policy":
        return {"model": "policy", "provider": "policy", "api_base": None}
    return {} if name is None else {"model": name}


def database_of(userdir: Path) -> Path:
    """Return the database below `userdir`; raise MemoryStoreError where there is none, instead of making one."""
    path = userdir / DATABASE
    if not path.is_file():
        raise MemoryStoreError(f"no memory at {path}; --userdir: expected the folder of a bot that has run")
    return path
