"""`candlegraph demo`: a backtest of the sample market, decided by a served rule."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from rich.console import Console

from candlegraph.agents.models.policy_server import MODEL, PolicyServer
from candlegraph.freqtrade_bridge.commands.arguments import SAMPLE
from candlegraph.freqtrade_bridge.commands.backtest import backtest_and_report
from candlegraph.freqtrade_bridge.loopback.backtest import BacktestOrder
from candlegraph.freqtrade_bridge.loopback.sample_market import write_sample_market

FREE = {MODEL: {"input": 0, "output": 0}}
PRUDENT = {
    "max_leverage": 10,
    "max_risk_per_trade_pct": 2,
    "max_position_pct": 30,
    "max_open_trades": 3,
    "checks": {"repeated_reason": "off"},  # a fixed rule always gives the same reason
}


def print_demo(arguments: Namespace) -> None:
    """Backtest four weeks of three synthetic pairs; every decision goes through the graph and over HTTP.

    Of another timeframe than 30m it is as many candles, as far as the sample reaches.
    """
    userdir: Path = arguments.userdir
    timeframe: str = arguments.timeframe
    market = write_sample_market((userdir / "data" / SAMPLE).resolve(), timeframe)
    with PolicyServer() as server:
        Console().print(
            f"Sample market: {', '.join(market.pairs)}, synthetic prices, {timeframe} candles of {market.timerange}.\n"
            f"Model: a fixed trend rule (not intelligence), served in the OpenAI protocol on loopback.\n"
        )
        order = BacktestOrder(
            datadir=market.datadir,
            userdir=userdir.resolve(),
            pairs=market.pairs,
            timerange=market.timerange,
            overrides={
                "timeframe": timeframe,
                "llm_config": {"api_base": server.url, "model": MODEL, "prices": FREE},
                "risk_management": PRUDENT,
            },
        )
        backtest_and_report(order, offline=True, is_sample=True)
