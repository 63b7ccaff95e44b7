"""Freqtrade's command line in a process of its own, which writes down why it failed.

Its status does not tell: it is 0 also where the configuration is wrong or an option unknown.
"""

from __future__ import annotations

import io
import logging
import sys
from collections.abc import Sequence
from contextlib import redirect_stderr
from pathlib import Path


def main(reason: Path, words: Sequence[str]) -> None:
    """Run freqtrade with `words`; on its way out the file `reason` gets its last error, if it had one."""
    from freqtrade.loggers import bufferHandler
    from freqtrade.main import main as freqtrade

    if told := _unreadable(words):
        reason.write_text(told, encoding="utf-8")
        sys.exit(2)
    try:
        freqtrade(list(words))
    finally:
        reason.write_text(last_error(bufferHandler.buffer), encoding="utf-8")


def last_error(records: Sequence[logging.LogRecord]) -> str:
    """Return what the last error says, an exception with its type; empty if there was none."""
    for record in reversed(records):
        if record.levelno >= logging.ERROR:
            error = record.exc_info[1] if record.exc_info else None
            return record.getMessage() if error is None else f"{type(error).__name__}: {error}"
    return ""


def _unreadable(words: Sequence[str]) -> str:
    """Return what freqtrade's parser has against the words."""
    from freqtrade.commands import Arguments

    with redirect_stderr(io.StringIO()) as told:
        try:
            Arguments(list(words)).get_parsed_arg()
        except SystemExit:
            return told.getvalue().rpartition("error: ")[2].strip()
    return ""


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
