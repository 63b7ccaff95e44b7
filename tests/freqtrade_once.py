"""What freqtrade makes anew at each start, made once a process.

Its command line, its table of leverage tiers, the certificate authorities of its client, and the frames of candle
files that nobody has written to since: 0.2 s of each bot and each backtest. Its log is written, not painted.
"""

import ssl
from functools import cache
from importlib import import_module
from logging import Formatter, LogRecord
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import freqtrade.exchange.binance
import pandas as pd
from freqtrade.commands.arguments import Arguments
from freqtrade.data.history.datahandlers.idatahandler import IDataHandler
from freqtrade.loggers import LOGFORMAT
from freqtrade.loggers.ft_rich_handler import FtRichHandler
from freqtrade.misc import json_load

PLAIN = Formatter(LOGFORMAT)
MOST = 300
"""Frames that are kept; most have some hundred rows."""
_read = IDataHandler.ohlcv_load
_frames: dict[tuple[Any, ...], pd.DataFrame] = {}


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


def _load(self: IDataHandler, pair: str, timeframe: str, candle_type: Any, *, timerange: Any = None, **how: Any) -> Any:
    """Return a copy of what was read of the file before, if it is the same file as then."""
    path = self._pair_data_filename(self._datadir, pair, timeframe, candle_type)
    if not path.exists():
        return _read(self, pair, timeframe, candle_type, timerange=timerange, **how)
    file, times = path.stat(), timerange and tuple(vars(timerange).values())
    key = (path, file.st_ino, file.st_mtime_ns, file.st_size, timeframe, times, *sorted(how.items()))
    if key not in _frames:
        if len(_frames) == MOST:
            _frames.clear()
        _frames[key] = _read(self, pair, timeframe, candle_type, timerange=timerange, **how)
    return _frames[key].copy()


def _write(self: FtRichHandler, record: LogRecord) -> None:
    self._console.file.write(f"{PLAIN.format(record)}\n")


IDataHandler.ohlcv_load = _load
FtRichHandler.emit = _write
freqtrade.exchange.binance.json_load = lambda file: _table(file.name)
import_module("ccxt.async_support.base.exchange").ssl = SimpleNamespace(
    **vars(ssl) | {"create_default_context": cache(ssl.create_default_context)}
)
