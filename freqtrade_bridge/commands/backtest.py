"""`candlegraph demo` and `backtest`: freqtrade runs, then the table, and the page to open."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pandas as pd
from rich.console import Console

from candlegraph.agents.models.policy_server import MODEL, PolicyServer
from candlegraph.freqtrade_bridge.loopback.backtest import BacktestOrder, run_offline, run_online
from candlegraph.freqtrade_bridge.loopback.sample_market import write_sample_market
from candlegraph.freqtrade_bridge.report.page import write_page
from candlegraph.freqtrade_bridge.report.result import RunResult, last_result, read_result
from candlegraph.freqtrade_bridge.report.summary import print_summary, summary_of
from candlegraph.graph.context import BACKTEST, DATABASE
from candlegraph.graph.settings.experience import RagConfig
from candlegraph.graph.settings.settings import settings_of
from candlegraph.memory.books.ledger import Ledger
from candlegraph.memory.store import open_memory
from candlegraph.tools.market.candle_files import candle_file, read_frame

FREE = {MODEL: {"input": 0, "output": 0}}
PRUDENT = {
    "max_leverage": 10,
    "max_risk_per_trade_pct": 2,
    "max_position_pct": 30,
    "max_open_trades": 3,
    "checks": {"repeated_reason": "off"},  # a fixed rule always gives the same reason
}

OFFLINE_NOTE = "Offline: tick sizes follow the candles, leverage tiers are those that freqtrade ships; neither is live."


def run_demo(userdir: Path) -> None:
    """Backtest four weeks of three synthetic pairs; every decision goes through the graph and over HTTP."""
    market = write_sample_market((userdir / "data" / "sample").resolve())
    with PolicyServer() as server:
        Console().print(
            f"Sample market: {', '.join(market.pairs)}, synthetic prices, {market.timerange}.\n"
            f"Model: a fixed trend rule (not intelligence), served in the OpenAI protocol on loopback.\n"
        )
        order = BacktestOrder(
            datadir=market.datadir,
            userdir=userdir.resolve(),
            pairs=market.pairs,
            timerange=market.timerange,
            overrides={
                "llm_config": {"api_base": server.url, "model": MODEL, "prices": FREE},
                "risk_management": PRUDENT,
            },
        )
        backtest_and_report(order, offline=True, is_sample=True)


def backtest_and_report(order: BacktestOrder, *, offline: bool, is_sample: bool) -> Path:
    """Run the backtest, print its table, and return the page that was written."""
    if offline:
        run_offline(order)
    else:
        run_online(order)
    console = Console()
    page = report(order, console, is_sample=is_sample)
    if offline:
        console.print(OFFLINE_NOTE)
    console.print(f"Report: {page}", soft_wrap=True)
    return page


def report(order: BacktestOrder, console: Console, *, is_sample: bool) -> Path:
    """Print the table of the newest run under the order's userdir, and write its page."""
    archive = last_result(order.userdir)
    result = read_result(archive)
    database = order.userdir / DATABASE
    namespace = newest_backtest(Ledger(database).namespaces())
    decisions = Ledger(database).rows(namespace)
    memory = open_memory(database, memory_of(order)).stats(namespace)
    summary = summary_of(result, decisions, memory=memory, is_sample=is_sample)
    print_summary(summary, console)
    candles = {pair: candles_of(order.datadir, pair, result) for pair in result.pairs}
    return write_page(order.userdir / "reports" / f"{archive.stem}.html", result, decisions, candles, summary)


def memory_of(order: BacktestOrder) -> RagConfig:
    """Return where the run kept its memory; freqtrade was a process of its own, which read files and environment."""
    from freqtrade.configuration.environment_vars import environment_vars_to_dict
    from freqtrade.configuration.load_config import load_from_files
    from freqtrade.misc import deep_merge_dicts

    config = load_from_files([str(path) for path in order.configs])
    for stronger in (order.overrides, environment_vars_to_dict()):
        config = deep_merge_dicts(stronger, config)
    return RagConfig(database_url=settings_of(config).experience_config.rag_config.database_url)


def newest_backtest(namespaces: Iterable[str]) -> str:
    """Return the namespace of the newest backtest: its name begins with the time of its start."""
    return max(name for name in namespaces if name.startswith(BACKTEST))


def candles_of(datadir: Path, pair: str, result: RunResult) -> pd.DataFrame:
    """Return the main timeframe of `pair` within the run."""
    frame = read_frame(candle_file(datadir, pair, result.timeframe))
    begin, end = (pd.Timestamp(ms, unit="ms", tz="UTC") for ms in (result.begin_ms, result.end_ms))
    return frame[(frame["date"] >= begin) & (frame["date"] <= end)]
