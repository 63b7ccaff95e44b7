"""Arguments of a backtest on the command line, and the order that they make."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from candlegraph.freqtrade_bridge.arguments import add_userdir
from candlegraph.graph.llm_settings import Depth, Mode

if TYPE_CHECKING:
    from candlegraph.freqtrade_bridge.offline import (
        BacktestOrder,  # loads freqtrade, which the help text can do without
    )


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
    command.add_argument("freqtrade", nargs="*", metavar="-- FREQTRADE OPTION", help="passed on unchanged")


def order_of(arguments: argparse.Namespace) -> BacktestOrder:
    """Return the order."""
    from candlegraph.freqtrade_bridge.offline import BacktestOrder

    return BacktestOrder(
        datadir=arguments.datadir.resolve(),
        userdir=arguments.userdir.resolve(),
        pairs=tuple(arguments.pairs),
        timerange=arguments.timerange,
        configs=tuple(path.resolve() for path in arguments.config),
        overrides=_overrides(arguments),
        extra=tuple(arguments.freqtrade),
    )


def _overrides(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the part of the configuration that the command line replaces."""
    cassette = arguments.cassette and str(arguments.cassette.resolve())
    given = {"depth": arguments.depth, "mode": arguments.mode, "cassette": cassette} | _model(arguments.model)
    llm = {name: value for name, value in given.items() if value is not None or name == "api_base"}
    return {"llm_config": llm} if llm else {}


def _model(name: str | None) -> dict[str, Any]:
    if name == "local":
        from candlegraph.agents.models.local import local_overrides

        return local_overrides()
    if name == "policy":
        return {"model": "policy", "provider": "policy", "api_base": None}
    return {} if name is None else {"model": name}
