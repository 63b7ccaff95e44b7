"""Arguments of the commands that an operator uses; loads nothing heavy."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path

from candlegraph.freqtrade_bridge.commands.arguments import later
from candlegraph.freqtrade_bridge.commands.operations.first_config import CURRENCIES, PROFILES

HERE = __package__


def add_init(command: ArgumentParser) -> None:
    """Let the command be told what the new bot trades, and how; what is not named is asked for in a terminal."""
    command.add_argument("folder", nargs="?", type=Path, default=Path(), help="where; default: here")
    command.add_argument("--exchange", choices=sorted(CURRENCIES), help="default: binance")
    command.add_argument("--pairs", nargs="+", metavar="PAIR", help="BTC or BTC/USDT:USDT; default: BTC ETH SOL")
    command.add_argument("--model", help="policy (a rule, no key), local, or a name that --api-base knows")
    command.add_argument("--api-base", metavar="URL", help="the OpenAI-compatible endpoint of the model")
    command.add_argument("--risk", choices=list(PROFILES), help="default: prudent")
    command.add_argument("--force", action="store_true", help="replace config.json and the passwords in .env")
    command.set_defaults(run=later(f"{HERE}.init:print_init"))
