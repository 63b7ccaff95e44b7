"""`candlegraph compare RUN_A RUN_B`: which decisions differ and why, then money, trades and fates side by side."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.table import Table

from candlegraph.freqtrade_bridge.commands.arguments import database_of
from candlegraph.freqtrade_bridge.commands.books.ledger import rows_of
from candlegraph.freqtrade_bridge.commands.waiting import working
from candlegraph.freqtrade_bridge.parity.causes import Departure
from candlegraph.freqtrade_bridge.parity.compared import ComparedRun
from candlegraph.freqtrade_bridge.parity.comparison import CAUSE_TOLD, RunComparison, RunTotals, comparison_of
from candlegraph.freqtrade_bridge.parity.money import Pairing
from candlegraph.freqtrade_bridge.report.listing import LONGEST, Entry, console, one_line, print_entries, print_json
from candlegraph.memory.books.ledger import DecisionRow, Ledger

SHOWN = 10
TRADES = ("pair", "opened", "A", "B", "B - A")


def print_compare(arguments: argparse.Namespace) -> None:
    """Print the comparison; of what differs the first of each list."""
    first = run_of(arguments.userdir, arguments.first)
    second = run_of(arguments.other_userdir or arguments.userdir, arguments.second)
    with working("comparing"):
        found = comparison_of(first, second, arguments.pair)
    if arguments.json:
        print_json(as_json(found))
        return
    print_totals(found)
    _print_decisions(found, wide=arguments.wide)
    _print_trades(found, wide=arguments.wide)


def run_of(userdir: Path, named: str | None) -> ComparedRun:
    """Return the run of that name, or of which that is a part."""
    database = database_of(userdir)
    return ComparedRun(database, rows_of(Ledger(database), named))


def print_totals(found: RunComparison) -> None:
    """Print both runs side by side."""
    screen = console()
    for letter, side in (("A", found.first), ("B", found.second)):
        told = f"{', '.join(side.models)}, prompt {', '.join(side.prompts)}"
        screen.print(f"{letter}  {side.name}: {told}", soft_wrap=True)
    table = Table("", "A", "B", "B - A", box=None, pad_edge=False)
    for column in table.columns[1:]:
        column.justify = "right"
    for row in _rows(found.first, found.second):
        table.add_row(*row)
    screen.print(table)


def _rows(one: RunTotals, other: RunTotals) -> Iterator[tuple[str, str, str, str]]:
    money = (("net result", one.net_result, other.net_result), ("fees", one.fees, other.fees))
    for name, first, second in (*money, ("funding", one.funding, other.funding)):
        less = None if first is None or second is None else second - first
        yield name, _money(first), _money(second), _money(less)
    yield "closed trades", str(one.trades), str(other.trades), f"{other.trades - one.trades:+d}"
    yield "won", str(one.won), str(other.won), f"{other.won - one.won:+d}"
    yield "cost of the models", _price(one.cost), _price(other.cost), ""
    for fate in dict.fromkeys([*one.fates, *other.fates]):
        here, there = one.fates.get(fate, 0), other.fates.get(fate, 0)
        yield f"calls {fate}", str(here), str(there), f"{there - here:+d}"


def _print_decisions(found: RunComparison, *, wide: bool) -> None:
    screen = console()
    screen.print(f"\n{found.decisions} decisions, {len(found.departures)} differ")
    for cause, count in found.causes.items():
        word, meaning = CAUSE_TOLD[cause]
        screen.print(f"  {count:>5}  {word}: {meaning}", soft_wrap=True)
    if found.departures:
        entries = [_entry(one, None if wide else LONGEST) for one in found.partings[:SHOWN]]
        print_entries("Where they part", ("candle", "pair", "cause", "A", "B"), entries, wide=wide)
    _print_rest(len(found.partings))


def _entry(one: Departure, length: int | None) -> Entry:
    called = ("-" if row is None else row.signal.name for row in (one.first, one.second))
    ids = ", ".join(row.decision_id[:8] for row in (one.first, one.second) if row is not None)
    cells = (f"{one.row.candle:%Y-%m-%d %H:%M}", one.row.pair, CAUSE_TOLD[one.cause][0], *called)
    return Entry(cells, (one_line(one.why, length), f"decisions {ids}"))


def _print_trades(found: RunComparison, *, wide: bool) -> None:
    other = [one for one in found.trades if abs(one.difference) >= 0.005]
    console().print(f"\n{len(found.trades)} closed trades, {len(other)} with another result")
    if other:
        print_entries("The first of them", TRADES, [_trade(one) for one in other[:SHOWN]], wide=wide)
    _print_rest(len(other))


def _trade(one: Pairing) -> Entry:
    known = one.known
    results = (None if trade is None else trade.profit_abs for trade in (one.first, one.second))
    cells = (known.pair, f"{known.opened_at:%Y-%m-%d %H:%M}", *map(_money, results), _money(-one.difference))
    return Entry(cells, ())


def _print_rest(count: int) -> None:
    if count > SHOWN:
        console().print(f"and {count - SHOWN} more; --json has all")


def as_json(found: RunComparison) -> dict[str, Any]:
    """Return all that is known of the comparison, in plain types."""
    return {
        "a": found.first.model_dump(mode="json"),
        "b": found.second.model_dump(mode="json"),
        "decisions": found.decisions,
        "causes": {CAUSE_TOLD[cause][0]: count for cause, count in found.causes.items()},
        "differing": [
            {
                "candle": one.row.candle.isoformat(),
                "pair": one.row.pair,
                "cause": CAUSE_TOLD[one.cause][0],
                "why": one.why,
                "a": _side(one.first),
                "b": _side(one.second),
            }
            for one in found.departures
        ],
        "trades": [_trade_json(one) for one in found.trades],
    }


def _side(row: DecisionRow | None) -> dict[str, str | None]:
    if row is None:
        return {"decision_id": None, "action": None}
    return {"decision_id": row.decision_id, "action": row.signal.name}


def _trade_json(one: Pairing) -> dict[str, Any]:
    known = one.known
    results = {name: trade and trade.profit_abs for name, trade in (("a", one.first), ("b", one.second))}
    return {"pair": known.pair, "side": known.side, "opened_at": known.opened_at.isoformat(), **results}


def _money(value: float | None) -> str:
    return "-" if value is None else f"{value:+,.2f}"


def _price(value: float | None) -> str:
    return "unknown" if value is None else f"{value:,.4f}"
