"""`candlegraph report`: the page of any run, or of two side by side.

word -> run -> freqtrade's result, from its archive or its trades database -> candles that fit -> evidence -> page
"""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from candlegraph.freqtrade_bridge.commands.arguments import SAMPLE
from candlegraph.freqtrade_bridge.commands.reporting.gathering import (
    KeptInputs,
    decided_prices,
    gather,
    kept_of,
    luck_notes,
)
from candlegraph.freqtrade_bridge.commands.reporting.market import RunMarket, RunSpan, market_of
from candlegraph.freqtrade_bridge.commands.reporting.runs import FoundRun, find_run
from candlegraph.freqtrade_bridge.commands.waiting import working
from candlegraph.freqtrade_bridge.host.configuration_files import read_files
from candlegraph.freqtrade_bridge.host.run_name import refuse_same
from candlegraph.freqtrade_bridge.report.comparison import write_comparison
from candlegraph.freqtrade_bridge.report.document import RunEvidence
from candlegraph.freqtrade_bridge.report.entries import luck_of_run
from candlegraph.freqtrade_bridge.report.listing import console
from candlegraph.freqtrade_bridge.report.page import write_page
from candlegraph.freqtrade_bridge.report.result import RunResult, read_result
from candlegraph.freqtrade_bridge.report.words import ReportWords
from candlegraph.graph.schema.errors import ConfigError
from candlegraph.graph.settings.places import DATABASE, OFFLINE
from candlegraph.memory.books.ledger import Ledger
from candlegraph.memory.store import open_memory

TRADES = {"live": "tradesv3.sqlite", "dry_run": "tradesv3.dryrun.sqlite"}
"""Freqtrade's own names where no db_url is configured."""
SQLITE = "sqlite:///"


def print_report(arguments: Namespace) -> None:
    """Write the page, and say where it is."""
    page = written(arguments)
    console().print(f"Report: {page} ({page.stat().st_size / 1e6:.2f} MB)", soft_wrap=True)


def written(arguments: Namespace) -> Path:
    """Return the page of the run, or of both."""
    words = arguments.run_names or [None]
    if len(words) > 2:
        raise ConfigError(f"report: expected one run, or two to compare, were {len(words)}")
    database, pages = arguments.userdir / DATABASE, arguments.userdir / "reports"
    ledger = Ledger(database) if database.is_file() else None
    with working("looking for the run"):
        first, *more = [find_run(arguments.userdir, ledger, word) for word in words]
    if not more:
        return write_page(pages / f"{first.file_stem}.html", _evidence(arguments, first))
    (second,) = more
    refuse_same("report", (database, first.file_stem), (database, second.file_stem))
    page = pages / f"{first.file_stem}--{second.file_stem}.html"
    return write_comparison(page, _evidence(arguments, first), _evidence(arguments, second))


def _evidence(arguments: Namespace, found: FoundRun) -> RunEvidence:
    """Return what is known of a run."""
    database: Path = arguments.userdir / DATABASE
    with working(f"reading {found.name}"):
        kept = kept_of(database, found.decisions)
        words = ReportWords(kept.language)
        result, market, notes = (
            _archived(arguments, found, words) if found.archive else _running(arguments, found, kept, words)
        )
        known = open_memory(database).all_of(found.namespace) if found.namespace else {}
    is_sample = market.folder is not None and market.folder.name == SAMPLE
    return gather(
        result, found.decisions, market.candles, known, kept,
        name=found.name, notes=notes, is_sample=is_sample, is_full=arguments.full,
    )  # fmt: skip


def _archived(arguments: Namespace, found: FoundRun, words: ReportWords) -> tuple[RunResult, RunMarket, list[str]]:
    assert found.archive is not None
    result = read_result(found.archive)
    span = RunSpan(result.pairs, result.timeframe, result.begins_at, result.ends_at)
    market = market_of(datadirs(arguments), span, found.decisions)
    return result, market, luck_notes(luck_of_run(result, found.decisions, market.candles), words)


def _running(
    arguments: Namespace, found: FoundRun, kept: KeptInputs, words: ReportWords
) -> tuple[RunResult, RunMarket, list[str]]:
    """Return a running account's result; freqtrade is loaded here."""
    from candlegraph.freqtrade_bridge.commands.reporting.account import RunningAccount, account_result, read_trades

    database = trades_database(arguments, found.namespace or "")
    account = RunningAccount.of(read_trades(database), found.decisions, kept)
    market = market_of(datadirs(arguments), account.span, found.decisions)
    without = [pair for pair in account.span.pairs if pair not in market.candles]
    result = account_result(account, {**market.candles, **decided_prices(without, found.decisions)})
    notes = [words("note.database", time=f"{result.ends_at:%Y-%m-%d %H:%M}", database=database.name)]
    held = len(result.trades) - len(result.closed)
    return result, market, [*notes, words("note.open", n=held)] if held else notes


def trades_database(arguments: Namespace, namespace: str) -> Path:
    """Return where freqtrade keeps the account's trades; raise ConfigError where it cannot be read."""
    userdir: Path = arguments.userdir
    if namespace.startswith(OFFLINE):
        return userdir / "offline" / f"{namespace.removeprefix(OFFLINE)}.sqlite"
    url = read_files(arguments.config).merged.get("db_url")
    if url and not str(url).startswith(SQLITE):
        raise ConfigError(f"report: db_url = {str(url).partition(':')[0]}:...: expected {SQLITE}FILE; no other is read")
    name = str(url).removeprefix(SQLITE) if url else TRADES.get(namespace, "")
    places = [Path(name), userdir / name]
    if name and (there := [path for path in places if path.is_file()]):
        return there[0]
    looked = " and ".join(map(str, places))
    raise ConfigError(f"report: {namespace}: no trades of freqtrade at {looked}; name its configuration with -c")


def datadirs(arguments: Namespace) -> list[Path]:
    """Return where candles may be: in the named folder, else in those of the user data folder."""
    named: Path | None = arguments.datadir
    return [named] if named else sorted(path for path in (arguments.userdir / "data").glob("*") if path.is_dir())
