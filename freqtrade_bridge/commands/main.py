"""The `candlegraph` command. Each subcommand imports what it needs: `memory stats` loads no freqtrade and no pandas."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from candlegraph.freqtrade_bridge.commands.failures import guarded
from candlegraph.freqtrade_bridge.commands.parser import parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one subcommand; what goes wrong becomes one message and a status that is not 0."""
    words = sys.argv[1:] if argv is None else argv
    return guarded(parser(words).parse_args(words), before=check_first)


def check_first(arguments: argparse.Namespace) -> None:
    """Refuse a bad configuration before anything heavy is loaded, and find out where the bot's folder is."""
    from candlegraph.freqtrade_bridge.commands.arguments import userdir_of
    from candlegraph.freqtrade_bridge.host.environment_file import load_beside

    load_beside(getattr(arguments, "config", None) or [], os.environ)
    if hasattr(arguments, "userdir"):
        arguments.userdir = userdir_of(arguments)
    if getattr(arguments, "config", None) is not None:
        _check(arguments, is_run=hasattr(arguments, "offline"))


def _check(arguments: argparse.Namespace, *, is_run: bool) -> None:
    from candlegraph.freqtrade_bridge.commands.check import check_files
    from candlegraph.freqtrade_bridge.commands.run_arguments import overrides_of
    from candlegraph.freqtrade_bridge.host.configuration_files import passed_on

    given = overrides_of(arguments) | passed_on(arguments.freqtrade) if is_run else {}
    check_files(arguments.config, given, is_run=is_run and bool(arguments.config))


if __name__ == "__main__":
    sys.exit(main())
