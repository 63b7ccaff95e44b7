"""What freqtrade makes anew at each start, made once a process: its command line and its table of leverage tiers.

Neither depends on anything that a test varies, and both together cost 0.1 s of each bot and of each backtest. So do the
colours in which its log is painted: here it is written.
"""

from functools import cache
from logging import Formatter, LogRecord
from pathlib import Path
from typing import Any

import freqtrade.exchange.binance
from freqtrade.commands.arguments import Arguments
from freqtrade.loggers import LOGFORMAT
from freqtrade.loggers.ft_rich_handler import FtRichHandler
from freqtrade.misc import json_load

PLAIN = Formatter(LOGFORMAT)


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


def _write(self: FtRichHandler, record: LogRecord) -> None:
    self._console.file.write(f"{PLAIN.format(record)}\n")


FtRichHandler.emit = _write
freqtrade.exchange.binance.json_load = lambda file: _table(file.name)
