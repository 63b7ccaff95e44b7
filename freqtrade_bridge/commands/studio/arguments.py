"""Arguments of `candlegraph studio` and `open`; what they do is loaded when one runs."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from importlib.util import find_spec

from candlegraph.freqtrade_bridge.commands.arguments import add_config, add_userdir, at_least_one, later
from candlegraph.graph.schema.errors import ConfigError

HERE = __package__
PORT = 2024
"""LangGraph's own."""


def add_studio(command: ArgumentParser) -> None:
    """Let the command be told where the server listens, and whose memory and candles its assistants read."""
    _add_server(command)
    command.add_argument(
        "--allow",
        metavar="NAMESPACE",
        nargs="+",
        default=[],
        help="let runs that ask for it write a bot's memory",
    )
    command.set_defaults(run=_with_server(f"{HERE}.server:print_studio"))


def add_open(command: ArgumentParser) -> None:
    """Let the command be told which decision."""
    command.add_argument("decision", metavar="ID", help="the decision; the first digits of its id will do")
    command.add_argument("--namespace", help="only decisions of this run")
    command.add_argument("--server", metavar="URL", help="open it in this running server, and start none")
    _add_server(command)
    command.set_defaults(run=_with_server(f"{HERE}.opened:print_open"))


def _add_server(command: ArgumentParser) -> None:
    add_userdir(command)
    add_config(command, "freqtrade configuration files: whose models answer what is asked anew; default: the rule")
    command.add_argument("--port", type=at_least_one, default=PORT, help=f"on 127.0.0.1; default: {PORT}")


def _with_server(place: str) -> Callable[[Namespace], None]:
    """Return the function at `place`; it raises ConfigError where LangGraph's server is not installed."""

    def run(arguments: Namespace) -> None:
        if find_spec("langgraph_api") is None:
            raise ConfigError("LangGraph's server is not installed: pip install 'candlegraph[studio]'")
        later(place)(arguments)

    return run
