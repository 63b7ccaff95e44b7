"""`candlegraph audit`, `adopt` and `flatten`: what the auditor found, and a person's decisions; loads no freqtrade."""

from __future__ import annotations

from argparse import Namespace

from candlegraph.freqtrade_bridge.commands.arguments import database_of
from candlegraph.freqtrade_bridge.report.listing import Entry, console, print_entries, print_json
from candlegraph.graph.schema.errors import ConfigError
from candlegraph.memory.books.audit import AuditBook, AuditRow, Hold, Wish

HELD = ("pair", "side", "amount", "entry", "since", "decided")
FOUND = ("time", "pair", "what", "trade")
THEN: dict[Wish, str] = {
    "adopt": "the bot enters it in its books at its next loop, and looks after it as after its own",
    "flatten": "the bot closes it at the market at its next loop",
}


def print_audit(arguments: Namespace) -> None:
    """Print the positions that wait for a person, and the newest findings."""
    book = AuditBook(database_of(arguments.userdir))
    holds = book.holds(arguments.namespace)
    rows = book.rows(arguments.namespace)[-arguments.limit :]
    if arguments.json:
        waiting = [one.model_dump(mode="json") for one in holds]
        print_json([{"holds": waiting, "findings": [row.model_dump(mode="json") for row in rows]}])
        return
    held, found, wide = [_held(one) for one in holds], [_found(row) for row in rows], arguments.wide
    print_entries("Positions that wait for you", HELD, held, wide=wide, empty="No position waits for you.")
    print_entries("What the auditor found", FOUND, found, wide=wide, empty="The auditor has found nothing.")


def print_adopt(arguments: Namespace) -> None:
    """Let the bot take an unknown position over."""
    _wish(arguments, "adopt")


def print_flatten(arguments: Namespace) -> None:
    """Let the bot close an unknown position."""
    _wish(arguments, "flatten")


def _wish(arguments: Namespace, wish: Wish) -> None:
    book = AuditBook(database_of(arguments.userdir))
    held = {one.pair: one for one in book.holds(arguments.namespace)}
    if arguments.pair not in held:
        known = f"there are: {', '.join(held)}" if held else "none waits for a decision"
        raise ConfigError(f"{wish}: {arguments.pair}: no position of it waits in {arguments.namespace!r}; {known}")
    hold = held[arguments.pair]
    book.keep(hold.model_copy(update={"wanted": wish}))
    console().print(f"{hold.pair}: {hold.side} of {hold.amount:g} at {hold.entry:g}: {wish}: {THEN[wish]}")


def _held(hold: Hold) -> Entry:
    since = f"{hold.since:%Y-%m-%d %H:%M}"
    cells = (hold.pair, hold.side, f"{hold.amount:g}", f"{hold.entry:g}", since, hold.wanted or "not yet")
    choice = f"`candlegraph adopt {hold.pair}` or `candlegraph flatten {hold.pair}`"
    return Entry(cells, (f"{hold.cause.replace('_', ' ')}; {choice}",))


def _found(row: AuditRow) -> Entry:
    trade = "" if row.trade_id is None else str(row.trade_id)
    cells = (f"{row.at:%Y-%m-%d %H:%M}", row.pair, row.kind.replace("_", " "), trade)
    return Entry(cells, (f"{row.found}; {row.done}", f"to do: {row.todo}"))
