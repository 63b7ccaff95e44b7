"""Arguments of `candlegraph decide` and `brief`, which look at one candle."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from candlegraph.freqtrade_bridge.commands.arguments import (
    DATADIR,
    NEWEST,
    add_config,
    add_json,
    add_userdir,
    datadir_of,
    loading,
    utc,
)
from candlegraph.freqtrade_bridge.host.configuration_files import read_files
from candlegraph.graph.schema.errors import ConfigError

if TYPE_CHECKING:
    from candlegraph.freqtrade_bridge.commands.decide import Candle


def add_decide(command: ArgumentParser) -> None:
    """Let the command be told which candle."""
    _add_candle(command)
    command.add_argument("--decision", metavar="ID", help="this decision again, by its answers; first digits will do")
    add_json(command, "what each node wrote; with --decision what is the same")
    command.set_defaults(run=_decide)


def add_brief(command: ArgumentParser) -> None:
    """Let the command be told which candle or decision, and in how many tokens."""
    _add_candle(command)
    command.add_argument("--decision", metavar="ID", help="the very prompt of this decision; its first digits will do")
    command.add_argument("--tokens", type=int, help="instead of context_config.max_context_tokens")
    command.add_argument("--language", choices=["en", "zh"], help="instead of context_config.language")
    add_json(command, "messages, functions and tokens")
    command.set_defaults(run=_brief)


def _add_candle(command: ArgumentParser) -> None:
    add_userdir(command)
    command.add_argument("--pair")
    command.add_argument("--at", type=utc, help="close time, UTC: the moment of decision")
    command.add_argument("--namespace", help=f"whose experiences are read; {NEWEST}, of those with any")
    command.add_argument("--datadir", type=Path, help=f"candle folder that holds futures/; {DATADIR}")
    add_config(command)


def _decide(arguments: Namespace) -> None:
    if arguments.decision:
        _refuse_beside_decision(arguments, "decide")
        with loading():
            from candlegraph.freqtrade_bridge.commands.books.decide_again import print_decided

        print_decided(arguments)
        return
    _expect_candle(arguments, "decide")
    with loading():
        from candlegraph.freqtrade_bridge.commands.decide import decide_and_print

    config = read_files(arguments.config).merged
    decide_and_print(_candle(arguments, config), config, as_json=arguments.json)


def _brief(arguments: Namespace) -> None:
    if arguments.decision:
        _refuse_beside_decision(arguments, "brief")
        with loading():
            from candlegraph.freqtrade_bridge.commands.books.brief_again import print_again

        print_again(arguments)
        return
    _expect_candle(arguments, "brief")
    with loading():
        from candlegraph.freqtrade_bridge.commands.decide import brief_and_print

    given = {"max_context_tokens": arguments.tokens, "language": arguments.language}
    changed = {key: value for key, value in given.items() if value is not None}
    config = read_files(arguments.config, {"context_config": changed}).merged
    brief_and_print(_candle(arguments, config), config, as_json=arguments.json)


def _candle(arguments: Namespace, config: dict[str, Any]) -> Candle:
    from candlegraph.freqtrade_bridge.commands.decide import Candle

    datadir = datadir_of(arguments, config)
    return Candle(arguments.pair, arguments.at, datadir, arguments.userdir, arguments.namespace)


def _expect_candle(arguments: Namespace, command: str) -> None:
    if arguments.pair is None or arguments.at is None:
        raise ConfigError(f"{command}: expected --pair and --at, or --decision")


def _refuse_beside_decision(arguments: Namespace, command: str) -> None:
    """Raise ConfigError for an option that would have no effect: what a decision was made from is kept with it."""
    beside = ("pair", "at", "datadir", "tokens", "language", "config")
    if named := [f"--{name}" for name in beside if getattr(arguments, name, None)]:
        raise ConfigError(f"{command}: {', '.join(named)}: not with --decision, which reads what was kept of it")
