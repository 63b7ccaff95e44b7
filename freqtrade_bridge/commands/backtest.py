"""`candlegraph backtest`: freqtrade runs, then the table, and the page to open."""

from __future__ import annotations

import re
from argparse import Namespace
from pathlib import Path

from rich.console import Console

from candlegraph.freqtrade_bridge.commands.arguments import MONTH, MONTH_PRICES
from candlegraph.freqtrade_bridge.commands.failures import told
from candlegraph.freqtrade_bridge.commands.reporting.gathering import gather, kept_of, luck_notes
from candlegraph.freqtrade_bridge.commands.reporting.market import RunSpan, candles_in
from candlegraph.freqtrade_bridge.commands.run_arguments import order_of
from candlegraph.freqtrade_bridge.loopback.backtest import BacktestOrder, RunFiles, run_backtest
from candlegraph.freqtrade_bridge.loopback.markets import LINEAR
from candlegraph.freqtrade_bridge.report.entries import luck_of_run
from candlegraph.freqtrade_bridge.report.listing import print_json
from candlegraph.freqtrade_bridge.report.page import write_page
from candlegraph.freqtrade_bridge.report.result import read_result
from candlegraph.freqtrade_bridge.report.summary import Summary, doubt_of, print_summary, summary_of
from candlegraph.freqtrade_bridge.report.verdict import sentence_of
from candlegraph.freqtrade_bridge.report.words import ReportWords
from candlegraph.graph.schema.errors import BridgeError, CandlegraphError, DoubtfulRun
from candlegraph.graph.settings.experience import RagConfig
from candlegraph.graph.settings.places import DATABASE
from candlegraph.graph.settings.settings import settings_of
from candlegraph.memory.books.ledger import Ledger
from candlegraph.memory.store import open_memory

SYNTHETIC = "synthetic sample market"
OFFLINE_NOTE = "Offline: tick sizes follow the candles, leverage tiers are those that freqtrade ships; neither is live."


def print_backtest(arguments: Namespace) -> None:
    """Backtest what the arguments say, and print its table."""
    order = order_of(arguments)
    if arguments.json:
        _print_for_a_program(order, offline=arguments.offline, is_strict=arguments.strict)
    else:
        backtest_and_report(order, offline=arguments.offline, is_sample=False, is_strict=arguments.strict)


def _print_for_a_program(order: BacktestOrder, *, offline: bool, is_strict: bool) -> None:
    run = run_backtest(order, offline=offline, is_aside=True)
    page, summary = report(order, run, Console(stderr=True), is_sample=False)
    files = {"run": run.namespace, "archive": str(run.archive), "report": page and str(page)}
    doubt = doubt_of(summary)
    print_json({**files, "doubt": doubt, **summary.model_dump(mode="json")})
    if doubt is not None and is_strict:
        raise DoubtfulRun(doubt)


def backtest_and_report(order: BacktestOrder, *, offline: bool, is_sample: bool, is_strict: bool = False) -> None:
    """Run the backtest, print its table, and say where its page is; raise DoubtfulRun if strict."""
    run = run_backtest(order, offline=offline)
    console = Console()
    page, summary = report(order, run, console, is_sample=is_sample)
    if offline:
        console.print(OFFLINE_NOTE)
    if page is not None:
        console.print(f"Report: {page}", soft_wrap=True)
    if (doubt := doubt_of(summary)) is not None:
        if is_strict:
            raise DoubtfulRun(doubt)
        console.print(f"WARNING: {doubt}", soft_wrap=True, markup=False)


def report(order: BacktestOrder, run: RunFiles, console: Console, *, is_sample: bool) -> tuple[Path | None, Summary]:
    """Print the table of the run, and write its page, None where that failed; BridgeError if it decided nothing."""
    result = read_result(run.archive)
    database = order.userdir / DATABASE
    decisions = Ledger(database).rows(run.namespace)
    if not decisions:
        raise BridgeError(f"{database}: no decision of {run.namespace}; {run.archive} is not a run of the graph")
    memory = open_memory(database, memory_of(order))
    known = memory.all_of(run.namespace)
    span = RunSpan(result.pairs, result.timeframe, result.begins_at, result.ends_at)
    candles = candles_in(order.datadir, span, order.configuration.get("dataformat_ohlcv"))
    luck = luck_of_run(result, decisions, candles)
    prices = prices_of(order, is_sample=is_sample)
    summary = summary_of(result, decisions, memory=memory.stats(run.namespace), prices=prices, luck=luck)
    print_summary(summary, console)
    console.print(sentence_of(result, decisions, ReportWords("en")), soft_wrap=True, markup=False)
    if left_out := [pair for pair in wanted_pairs(order) if pair not in result.pairs]:
        console.print(f"Not decided: {', '.join(left_out)}; freqtrade left them out, its log above says why.")
    try:
        kept = kept_of(database, decisions)
        notes = luck_notes(luck, ReportWords(kept.language))
        evidence = gather(result, decisions, candles, known, kept, name=run.namespace, notes=notes, is_sample=is_sample)
        return write_page(order.userdir / "reports" / f"{run.archive.stem}.html", evidence), summary
    except (CandlegraphError, OSError) as e:  # the run is over and whole; only its picture is missing
        console.print(f"No report: {told(e)}. The result is whole: {run.archive}", soft_wrap=True, markup=False)
        return None, summary


def prices_of(order: BacktestOrder, *, is_sample: bool) -> str:
    """Return whether the prices are invented, those of the demo's month, or a folder's."""
    return SYNTHETIC if is_sample else MONTH_PRICES if order.datadir.name == MONTH else "candle folder"


def wanted_pairs(order: BacktestOrder) -> list[str]:
    """Return the pairs that the order names, else those that the configuration names one by one."""
    exchange = order.configuration.get("exchange") or {}
    without = [re.compile(one, re.IGNORECASE) for one in exchange.get("pair_blacklist", [])]
    listed = [pair for pair in exchange.get("pair_whitelist", []) if LINEAR.fullmatch(pair)]
    return [*order.pairs] or [pair for pair in listed if not any(one.fullmatch(pair) for one in without)]


def memory_of(order: BacktestOrder) -> RagConfig:
    """Return where the run kept its memory; freqtrade was a process of its own, which read files and environment."""
    return RagConfig(database_url=settings_of(order.configuration).experience_config.rag_config.database_url)
