"""`candlegraph account show|reset`: the marks that the emergency stop goes by; loads no freqtrade."""

from __future__ import annotations

import argparse

from candlegraph.freqtrade_bridge.commands.arguments import database_of
from candlegraph.freqtrade_bridge.report.listing import Entry, console, print_entries, print_json
from candlegraph.graph.schema.errors import ConfigError
from candlegraph.memory.books.account import AccountBook, AccountMark

NONE = "No account is marked yet: a bot marks its own in its first loop."
SHOWN = ("namespace", "highest equity", "day", "day began with")


def print_show(arguments: argparse.Namespace) -> None:
    """Print peak, day and halt of every namespace."""
    book = AccountBook(database_of(arguments.userdir))
    marks = {name: mark for name in book.namespaces() if (mark := book.mark(name)) is not None}
    if arguments.json:
        print_json([{"namespace": name} | mark.model_dump(mode="json") for name, mark in marks.items()])
    else:
        entries = [_entry(name, mark) for name, mark in marks.items()]
        print_entries("Accounts", SHOWN, entries, wide=arguments.wide, empty=NONE)


def print_reset(arguments: argparse.Namespace) -> None:
    """Forget peak, day and halt of one namespace; a running bot sees it in its next loop."""
    before = AccountBook(database_of(arguments.userdir)).reset(arguments.namespace)
    if before is None:
        raise ConfigError(f"account: nothing is marked for {arguments.namespace!r}; see `candlegraph account show`")
    halt = f"it was halted: {before.reason}" if before.reason else "it was not halted"
    console().print(f"{arguments.namespace}: peak {before.peak:.2f} forgotten; {halt}")


def _entry(namespace: str, mark: AccountMark) -> Entry:
    cells = (namespace, f"{mark.peak:.2f}", mark.day, f"{mark.day_equity:.2f}")
    return Entry(cells, (f"halt: {mark.reason or 'none'}",))
