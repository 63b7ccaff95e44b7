"""`candlegraph demo`: a backtest of a real month, or of a synthetic market, decided by a served rule."""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

from rich.console import Console

from candlegraph.agents.models.policy_server import MODEL, PolicyServer
from candlegraph.freqtrade_bridge.commands.arguments import MONTH, MONTH_PRICES, SAMPLE
from candlegraph.freqtrade_bridge.commands.backtest import backtest_and_report
from candlegraph.freqtrade_bridge.host.keys import MAIN
from candlegraph.freqtrade_bridge.loopback.backtest import BacktestOrder
from candlegraph.freqtrade_bridge.loopback.month import write_month
from candlegraph.freqtrade_bridge.loopback.sample_market import SampleMarket, write_sample_market
from candlegraph.graph.schema.errors import ConfigError

FREE = {MODEL: {"input": 0, "output": 0}}
PRUDENT = {
    "max_leverage": 10,
    "max_risk_per_trade_pct": 2,
    "max_position_pct": 30,
    "max_open_trades": 3,
    "checks": {"repeated_reason": "off"},  # a fixed rule always gives the same reason
}
STRETCH = (("BTC/USDT:USDT",), "20250612-20250613")
"""What the small local model decides: a day of one pair, since each answer takes it seconds."""
NEXT = (
    ("why BTC/USDT:USDT", "what it decided last, from what, and what became of it"),
    ("memory stats", "what it remembers of its trades, and what they taught"),
    ("decide --pair BTC/USDT:USDT --at {at}", "one candle through the graph, node by node"),
)


def print_demo(arguments: Namespace) -> None:
    """Backtest a month of two pairs, or with `--synthetic` four weeks of three; every decision goes through the graph.

    Of another timeframe than 30m it is as many synthetic candles, as far as the sample reaches.
    """
    market = _market(arguments)
    prices = f"synthetic prices, {arguments.timeframe} candles" if arguments.synthetic else MONTH_PRICES
    console = Console()
    console.print(f"Market: {', '.join(market.pairs)}, {prices}, {market.timerange}.")
    if arguments.model == "local":
        _decide_locally(arguments, market, console)
    else:
        console.print("Model: a fixed trend rule (not intelligence), served in the OpenAI protocol on loopback.\n")
        with PolicyServer() as server:
            llm = {"api_base": server.url, "model": MODEL, "prices": FREE}
            backtest_and_report(_order(arguments, market, llm), offline=True, is_sample=arguments.synthetic)
    _print_next(arguments, console)


def _market(arguments: Namespace) -> SampleMarket:
    """Write the candles; raise ConfigError for a timeframe that the real ones do not have."""
    data: Path = (arguments.userdir / "data").resolve()
    if arguments.synthetic:
        return write_sample_market(data / SAMPLE, arguments.timeframe)
    if arguments.timeframe != MAIN:
        raise ConfigError(
            f"demo: --timeframe {arguments.timeframe}: real candles are there for {MAIN}; add --synthetic"
        )
    return write_month(data / MONTH)


def _decide_locally(arguments: Namespace, market: SampleMarket, console: Console) -> None:
    """Let the small model of the extra `local` decide one day of one pair."""
    from candlegraph.agents.models.local import NAME, local_overrides, weights

    stretch = (market.pairs[:1], "20251012-20251013") if arguments.synthetic else STRETCH
    weights()  # without them it ends here, before anything is run
    console.print(f"Model: {NAME} in this process, on one day of BTC; its judgement is at chance.\n")
    order = _order(arguments, SampleMarket(market.datadir, *stretch), local_overrides())
    backtest_and_report(order, offline=True, is_sample=arguments.synthetic)


def _order(arguments: Namespace, market: SampleMarket, llm: dict[str, Any]) -> BacktestOrder:
    """Return what is backtested, with prudent limits."""
    return BacktestOrder(
        datadir=market.datadir,
        userdir=arguments.userdir.resolve(),
        pairs=market.pairs,
        timerange=market.timerange,
        overrides={"timeframe": arguments.timeframe, "llm_config": llm, "risk_management": PRUDENT},
    )


def _print_next(arguments: Namespace, console: Console) -> None:
    """Print three commands that work as they stand."""
    at = "2025-10-12T09:30" if arguments.synthetic else "2025-06-12T09:30"
    console.print("\nTry next:")
    for words, what in NEXT:
        console.print(
            f"  {sys.argv[0]} {words.format(at=at)} --userdir {arguments.userdir}", soft_wrap=True, markup=False
        )
        console.print(f"      {what}", markup=False)
