"""`candlegraph evaluate`: whether a backtest shows an edge, by stated rules, beside what so many trades can show."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from candlegraph.freqtrade_bridge.commands.reporting.cutoff import lines_of, parted_run
from candlegraph.freqtrade_bridge.commands.reporting.market import RunSpan, market_of
from candlegraph.freqtrade_bridge.commands.reporting.report import datadirs
from candlegraph.freqtrade_bridge.commands.reporting.runs import FoundRun, find_run, results_in
from candlegraph.freqtrade_bridge.commands.waiting import working
from candlegraph.freqtrade_bridge.host.trials import TrialBook, count_of
from candlegraph.freqtrade_bridge.report.entries import FEWEST, MatchedRun, matched_run
from candlegraph.freqtrade_bridge.report.listing import console, print_json
from candlegraph.freqtrade_bridge.report.result import read_result
from candlegraph.freqtrade_bridge.truth.edge import Edge, between, edge_of
from candlegraph.freqtrade_bridge.truth.parted import Parted
from candlegraph.graph.schema.errors import ConfigError
from candlegraph.graph.settings.places import BACKTEST, DATABASE
from candlegraph.memory.books.ledger import Ledger

PAGE = "docs/truth.md"


def print_evaluation(arguments: Namespace) -> None:
    """Print the judgement of a run, and what it is made of."""
    userdir: Path = arguments.userdir
    database = userdir / DATABASE
    ledger = Ledger(database) if database.is_file() else None
    with working("judging the run beside random agents"):
        found = find_run(userdir, ledger, arguments.run_name)
        matched = _matched(arguments, found)
        edge, parts = edge_of(matched.r, matched.agents().mean_r), parted_run(found.archive, matched)
    tried = trials(userdir, ledger)
    if arguments.json:
        known = None if parts is None else parts.model_dump(mode="json")
        print_json({"run": found.name, "backtests_here": tried, **edge.model_dump(), "cutoff": known})
        return
    console().print("\n".join(told(found.name, edge, tried, parts)), soft_wrap=True)


def _matched(arguments: Namespace, found: FoundRun) -> MatchedRun:
    """Return the run beside its agents; raise ConfigError where nothing can be said of it."""
    if found.archive is None:
        raise ConfigError(f"evaluate: {found.name}: expected a backtest; a running account has no candles to draw from")
    result = read_result(found.archive)
    span = RunSpan(result.pairs, result.timeframe, result.begins_at, result.ends_at)
    candles = market_of(datadirs(arguments), span, found.decisions).candles
    if without := [pair for pair in result.pairs if pair not in candles]:
        raise ConfigError(f"evaluate: no candles of {', '.join(without)} for {found.name}; expected --datadir FOLDER")
    matched = matched_run(result, found.decisions, candles)
    if matched is None:
        raise ConfigError(
            f"evaluate: {found.name}: {len(result.trades)} trades; expected {FEWEST} or more whose decision had a stop"
        )
    return matched


def trials(userdir: Path, ledger: Ledger | None) -> int:
    """Return how many different backtests were run in this folder: the best of many flatters.

    Of a folder from before the registry those that are still known.
    """
    kept = () if ledger is None else ledger.namespaces()
    known = max(sum(name.startswith(BACKTEST) for name in kept), len(results_in(userdir)))
    return max(count_of(TrialBook(userdir).trials()), known)


def told(name: str, edge: Edge, tried: int, parts: Parted | None = None) -> list[str]:
    """Return the judgement first, then what it is made of; R is a trade's net result over its loss at the stop."""
    lines = [
        f"{edge.judgement.capitalize()}: {edge.trades} trades of {name}",
        f"  mean of a trade    {edge.mean_r:+.2f} R, standard deviation {edge.sd_r:.2f} (1 R: loss at the stop)",
        f"  90% interval       {between(edge.interval, 'R', 'none, too few trades')}",
        f"  random agents      {edge.agents_r:+.2f} R in the middle; {edge.as_good:.0%} did as well or better",
        f"  can be shown       {edge.smallest_r:+.2f} R and more, with so many trades (80% power)",
    ]
    if edge.needed is not None and edge.needed > edge.trades:
        lines.append(f"  would need         about {edge.needed:,} trades to show {edge.mean_r:+.2f} R")
    lines += [] if parts is None else lines_of(parts)
    if tried > 1:
        lines.append(f"  tried here         {tried} backtests; the best of {tried} looks better than it is")
    return [*lines, f"  what this says     {PAGE}"]
