"""`candlegraph parity --live DIR --backtest DIR`: where live did not do what the backtest does, and why."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from candlegraph.freqtrade_bridge.commands.arguments import database_of
from candlegraph.freqtrade_bridge.commands.books.compare import run_of
from candlegraph.freqtrade_bridge.commands.waiting import working
from candlegraph.freqtrade_bridge.host.run_name import refuse_same
from candlegraph.freqtrade_bridge.parity.causes import MEANING, Departure, departures, overlap
from candlegraph.freqtrade_bridge.parity.money import Pairing, paired, total
from candlegraph.freqtrade_bridge.report.listing import LONGEST, Entry, console, one_line, print_entries, print_json
from candlegraph.graph.schema.errors import ConfigError
from candlegraph.memory.books.ledger import DecisionRow, Ledger

SHOWN_DEPARTURES = 20
COSTS = ("pair", "opened", "live", "backtest", "difference")
NO_COSTS = "fees and funding were not recorded"


def print_parity(arguments: argparse.Namespace) -> None:
    """Print causes, differing decisions and the money; exit with status 1 where a decision differs."""
    live = run_of(arguments.live, arguments.live_namespace)
    backtest = run_of(arguments.backtest, arguments.backtest_namespace or newest_backtest(arguments.backtest))
    refuse_same("parity", live.place, backtest.place)
    one, other = overlap(live.rows_of(arguments.pair), backtest.rows_of(arguments.pair))
    if not one or not other:
        raise ConfigError(
            f"parity: {live.told} and {backtest.told} have no candle of a pair in common: backtest what was live"
        )
    with working("comparing"):
        found = departures(one, other, lambda row: (live if row.namespace == live.name else backtest).evidence(row))
        trades = paired(live.trades(one), backtest.trades(other))
    if arguments.json:
        print_json(_as_json(one, other, found, trades))
    else:
        _print_decisions(one, other, found, wide=arguments.wide)
        _print_money(trades, wide=arguments.wide)
    if found:
        sys.exit(1)


def newest_backtest(userdir: Path) -> str:
    """Return the namespace of the newest backtest; raise ConfigError where there is none."""
    names = Ledger(database_of(userdir)).namespaces()
    found = next((name for name in names if name.startswith("backtest:")), None)
    if found is None:
        raise ConfigError(f"parity: --backtest {userdir}: no backtest there; namespaces: {', '.join(names) or 'none'}")
    return found


def _print_decisions(
    live: Sequence[DecisionRow], backtest: Sequence[DecisionRow], found: Sequence[Departure], *, wide: bool
) -> None:
    screen = console()
    begin, end = live[0].candle, max(row.candle for row in live)
    screen.print(
        f"{live[0].namespace} against {backtest[0].namespace}, {begin:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC",
        soft_wrap=True,
    )
    places = {(row.candle, row.pair) for row in (*live, *backtest)}
    screen.print(f"decisions: {len(places)}, {len(found)} differ")
    for cause, count in Counter(one.cause for one in found).most_common():
        screen.print(f"  {count:>5}  {cause}: {MEANING[cause]}", soft_wrap=True)
    if found:
        entries = [_entry(one, None if wide else LONGEST) for one in found[:SHOWN_DEPARTURES]]
        print_entries("The first of them", ("candle", "pair", "cause", "live", "backtest"), entries, wide=wide)
    if len(found) > SHOWN_DEPARTURES:
        screen.print(f"and {len(found) - SHOWN_DEPARTURES} more; --json has all")


def _entry(one: Departure, length: int | None) -> Entry:
    called = ("-" if row is None else row.signal.name for row in (one.first, one.second))
    return Entry((f"{one.row.candle:%Y-%m-%d %H:%M}", one.row.pair, one.cause, *called), (one_line(one.why, length),))


def _print_money(trades: Sequence[Pairing], *, wide: bool) -> None:
    screen = console()
    both = sum(one.first is not None and one.second is not None for one in trades)
    print_entries(
        f"Closed trades: {len(trades)}, {both} on both sides", COSTS, [_cost(one) for one in trades], wide=wide
    )
    if trades:
        screen.print(f"live minus backtest: {sum(one.difference for one in trades):+.4f}")
        parts = ", ".join(f"{name} {value:+.4f}" for name, value in total(trades).items())
        screen.print(f"of trades on both sides, by: {parts}", soft_wrap=True)


def _cost(one: Pairing) -> Entry:
    known = one.known
    profits = ("-" if trade is None else f"{trade.profit_abs:+.4f}" for trade in (one.first, one.second))
    cells = (known.pair, f"{known.opened_at:%Y-%m-%d %H:%M}", *profits, f"{one.difference:+.4f}")
    return Entry(cells, tuple(_parted(one)))


def _parted(one: Pairing) -> Iterator[str]:
    if one.first is None or one.second is None:
        return
    parts = one.parts
    yield NO_COSTS if parts is None else ", ".join(f"{name} {value:+.4f}" for name, value in parts.items())


def _as_json(
    live: Sequence[DecisionRow],
    backtest: Sequence[DecisionRow],
    found: Sequence[Departure],
    trades: Sequence[Pairing],
) -> dict[str, object]:
    return {
        "live": live[0].namespace,
        "backtest": backtest[0].namespace,
        "decisions": len({(row.candle, row.pair) for row in (*live, *backtest)}),
        "differing": [
            {
                "candle": one.row.candle.isoformat(),
                "pair": one.row.pair,
                "cause": one.cause,
                "why": one.why,
                "live": None if one.first is None else one.first.decision_id,
                "backtest": None if one.second is None else one.second.decision_id,
            }
            for one in found
        ],
        "trades": [_trade(one) for one in trades],
        "parts": total(trades),
    }


def _trade(one: Pairing) -> dict[str, object]:
    sides = {
        name: trade and trade.model_dump(mode="json") for name, trade in (("live", one.first), ("backtest", one.second))
    }
    return sides | {"difference": one.difference, "parts": one.parts}
