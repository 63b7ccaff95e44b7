"""`candlegraph account show|reset`: the marks that the emergency stop goes by; loads no freqtrade."""

from __future__ import annotations

import argparse

from rich.console import Console
from rich.table import Table

from candlegraph.freqtrade_bridge.commands.arguments import database_of
from candlegraph.graph.schema.errors import ConfigError
from candlegraph.memory.books.account import AccountBook


def print_show(arguments: argparse.Namespace) -> None:
    """Print peak, day and halt of every namespace."""
    book = AccountBook(database_of(arguments.userdir))
    table = Table("namespace", "highest equity", "day", "equity at its start", "halt", title="Accounts")
    for namespace in book.namespaces():
        if (mark := book.mark(namespace)) is not None:
            table.add_row(namespace, f"{mark.peak:.2f}", mark.day, f"{mark.day_equity:.2f}", mark.reason or "none")
    Console().print(table)


def print_reset(arguments: argparse.Namespace) -> None:
    """Forget peak, day and halt of one namespace; a running bot sees it in its next loop."""
    before = AccountBook(database_of(arguments.userdir)).reset(arguments.namespace)
    if before is None:
        raise ConfigError(f"account: nothing is marked for {arguments.namespace!r}; see `candlegraph account show`")
    halt = f"it was halted: {before.reason}" if before.reason else "it was not halted"
    Console().print(f"{arguments.namespace}: peak {before.peak:.2f} forgotten; {halt}", markup=False)
