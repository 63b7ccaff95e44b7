"""The log while a backtest runs in a notebook: nothing is printed, warnings are kept, and all is as before afterwards.

Freqtrade sets up logging for a program of its own: it would close the handlers of whoever calls, and print a line
per pair and step.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

LOG_CONFIG: dict[str, Any] = {
    "version": 1,
    "incremental": True,
    "formatters": {},
    "handlers": {},
    "root": {"level": "INFO"},
}
"""For freqtrade's `log_config`: incremental, so that no handler is closed."""
OF_THE_EXCHANGE = "freqtrade.exchange"
"""Its warnings speak of requests to an exchange, of which a backtest makes none."""


class KeptLog(logging.Handler):
    """Keeps warnings and errors, each once, oldest first."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.warnings: list[str] = []
        self.errors: list[str] = []
        self.addFilter(lambda record: not record.name.startswith(OF_THE_EXCHANGE) or record.levelno >= logging.ERROR)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one record's message; of an error with a trace the exception."""
        exception = record.exc_info[1] if record.exc_info else None
        told = record.getMessage() if exception is None else f"{type(exception).__name__}: {exception}"
        kept = self.errors if record.levelno >= logging.ERROR else self.warnings
        if told not in kept:
            kept.append(told)


@contextmanager
def hushed() -> Iterator[KeptLog]:
    """Keep the log while the block lasts, instead of printing it."""
    root, kept = logging.getLogger(), KeptLog()
    handlers, level, levels = [*root.handlers], root.level, _levels()
    root.handlers = [kept]
    try:
        yield kept
    finally:
        root.handlers = handlers
        root.setLevel(level)
        for name, found in _levels().items():
            if found != levels.get(name, logging.NOTSET):
                logging.getLogger(name).setLevel(levels.get(name, logging.NOTSET))


def _levels() -> dict[str, int]:
    loggers = logging.getLogger().manager.loggerDict
    return {name: one.level for name, one in loggers.items() if isinstance(one, logging.Logger)}
