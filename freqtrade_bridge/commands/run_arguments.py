"""Arguments of the commands that start freqtrade, and the order that they make; loads no freqtrade."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from candlegraph.freqtrade_bridge.commands.arguments import (
    DATADIR,
    add_config,
    add_json,
    add_userdir,
    datadir_of,
    later,
    utc,
)
from candlegraph.freqtrade_bridge.host.configuration_files import ConfigFiles, passed_on, read_files
from candlegraph.freqtrade_bridge.host.keys import MAIN
from candlegraph.freqtrade_bridge.loopback.configuration import refuse_unplayed
from candlegraph.graph.schema.errors import ConfigError
from candlegraph.graph.settings.llm import Depth, Mode

if TYPE_CHECKING:
    from candlegraph.freqtrade_bridge.loopback.backtest import BacktestOrder


HERE = __package__
DEMO_TIMEFRAMES = ("5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d")


def add_demo(command: argparse.ArgumentParser) -> None:
    """Let the command be told on which candles, and who decides."""
    add_userdir(command)
    command.add_argument(
        "--synthetic", action="store_true", help="four weeks of three invented pairs, not a real month"
    )
    command.add_argument(
        "--timeframe", choices=DEMO_TIMEFRAMES, default=MAIN, help=f"main candles, of --synthetic; default: {MAIN}"
    )
    command.add_argument(
        "--model", choices=("policy", "local"), default="policy", help="the fixed rule, or a small model"
    )
    command.set_defaults(run=later(f"{HERE}.demo:print_demo"))


def add_backtest(command: argparse.ArgumentParser) -> None:
    """Let the command be told what to backtest, and when to call it a failure."""
    add_period(command)
    command.add_argument(
        "--strict", action="store_true", help="status 3 where more than 20 %% of the asked decisions fell back"
    )
    add_json(command, "the run's name, files and numbers; freqtrade's own tables go to stderr")
    command.set_defaults(run=later(f"{HERE}.backtest:print_backtest"))


def add_trade(command: argparse.ArgumentParser) -> None:
    """Let the command be told what to trade."""
    add_run(command)
    command.add_argument(
        "--from",
        dest="begin",
        type=utc,
        metavar="TIME",
        help="with --offline: where in the candles it begins, or up to a week later; default: 4 weeks from their end",
    )
    command.add_argument("--quiet", action="store_true", help="log to USERDIR/logs/freqtrade.log alone")
    command.set_defaults(run=later(f"{HERE}.trade:print_trade"))


def add_period(command: argparse.ArgumentParser) -> None:
    """Let the command be told what to backtest."""
    add_run(command)
    command.add_argument("--timerange", help="like 20250301-20250601; default: that of the configuration")


def add_run(command: argparse.ArgumentParser) -> None:
    """Let the command be told on what, and with which model, freqtrade is to run."""
    add_userdir(command)
    command.add_argument("--datadir", type=Path, help=f"freqtrade candle folder that holds futures/; {DATADIR}")
    command.add_argument("--pairs", nargs="+", metavar="PAIR", help="default: those of the configuration")
    add_config(command)
    command.add_argument("--offline", action="store_true", help="the exchange is played on loopback: no network at all")
    command.add_argument("--model", help="local (in process, no key), policy, or a name that your endpoint knows")
    command.add_argument("--depth", choices=get_args(Depth), help="instead of llm_config.depth")
    command.add_argument("--mode", choices=get_args(Mode), help="instead of llm_config.mode: record answers, or replay")
    command.add_argument("--cassette", type=Path, help="file of the answers, instead of llm_config.cassette")
    command.add_argument("freqtrade", nargs="*", metavar="-- FREQTRADE OPTION", help="passed on unchanged")


def order_of(arguments: argparse.Namespace) -> BacktestOrder:
    """Return the order; what is not named is the configuration's. Raise ConfigError for what nobody names."""
    from candlegraph.freqtrade_bridge.loopback.backtest import BacktestOrder

    config = given(arguments).merged
    timerange = arguments.timerange or config.get("timerange")
    if not timerange:
        raise ConfigError('no time range; expected --timerange 20250301-20250401, or "timerange" in a configuration')
    return BacktestOrder(
        datadir=datadir_of(arguments, config).resolve(),
        userdir=arguments.userdir.resolve(),
        pairs=tuple(arguments.pairs or ()),
        timerange=str(timerange),
        configs=tuple(path.resolve() for path in arguments.config),
        overrides=overrides_of(arguments),
        extra=tuple(arguments.freqtrade),
    )


def given(arguments: argparse.Namespace) -> ConfigFiles:
    """Return the configuration of a run; raise ConfigError where freqtrade could not run on it."""
    if not (arguments.offline or arguments.config):
        raise ConfigError("no configuration; expected -c CONFIG, or --offline, which needs none")
    read = read_files(arguments.config, overrides_of(arguments) | passed_on(arguments.freqtrade))
    if arguments.offline:
        refuse_unplayed(read)
    return read


def overrides_of(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the part of the configuration that the command line replaces."""
    cassette = arguments.cassette and str(arguments.cassette.resolve())
    named = {"depth": arguments.depth, "mode": arguments.mode, "cassette": cassette} | named_model(arguments.model)
    llm = {name: value for name, value in named.items() if value is not None or name == "api_base"}
    return {"llm_config": llm} if llm else {}


def named_model(name: str | None) -> dict[str, Any]:
    """Return the keys of `llm_config` that a model's name on the command line stands for."""
    if name == "local":
        from candlegraph.agents.models.local import local_overrides

        return local_overrides()
    if name == "policy":
        return {"model": "policy", "provider": "policy", "api_base": None}
    return {} if name is None else {"model": name}
