"""What freqtrade makes anew at each start, made once a process: its command line and its table of leverage tiers.

Neither depends on anything that a test varies, and both together cost 0.1 s of each bot and of each backtest.
"""

from functools import cache
from pathlib import Path
from typing import Any

import freqtrade.exchange.binance
from freqtrade.commands.arguments import Arguments
from freqtrade.misc import json_load


def parsed(words: list[str]) -> dict[str, Any]:
    """Return what freqtrade's own parser makes of the words."""
    return _Words(words).get_parsed_arg()


class _Words(Arguments):
    def _build_subcommands(self) -> None:
        self.parser = _parser()


@cache
def _parser():
    built = Arguments([])
    built._build_subcommands()
    return built.parser


@cache
def _table(path: str) -> Any:
    with Path(path).open() as file:
        return json_load(file)


freqtrade.exchange.binance.json_load = lambda file: _table(file.name)
