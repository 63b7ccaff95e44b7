"""Freqtrade's command line in a process of its own, which writes down why it failed.

Its status does not tell: it is 0 also where the configuration is wrong or an option unknown.
"""

from __future__ import annotations

import gc
import io
import logging
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import redirect_stderr
from pathlib import Path

STDERR = 2
PATIENCE = 10
"""Seconds that threads have after freqtrade has put its things in order."""


def launched(
    words: Sequence[str], variables: Mapping[str, str], seconds: float | None = None, *, is_aside: bool = False
) -> tuple[int, str]:
    """Run freqtrade with these variables to its end; return its status and its last error.

    `is_aside`: what it prints goes to stderr, since stdout is for another program. After `seconds` it is ended, with
    status 0. Ctrl-C is passed on, and waited for: freqtrade puts its things in order.
    """
    # A terminal in ASCII shows ? for what it has not; without this freqtrade's log handler prints a trace for it.
    shown = {"PYTHONIOENCODING": f"{sys.stdout.encoding or 'utf-8'}:replace"}
    with tempfile.TemporaryDirectory() as folder:
        reason = Path(folder) / "reason"
        command = [sys.executable, "-m", __name__, str(reason), *words]
        out = STDERR if is_aside else None
        # a group of its own: else the terminal would tell it twice
        process = subprocess.Popen(command, env={**variables, **shown}, process_group=0, stdout=out)
        try:
            status = _status(process, seconds)
        finally:
            process.kill()
            process.wait()
        return status, reason.read_text(encoding="utf-8") if reason.is_file() else ""


def _status(process: subprocess.Popen[bytes], seconds: float | None) -> int:
    try:
        return process.wait(seconds)
    except (KeyboardInterrupt, subprocess.TimeoutExpired) as e:
        process.terminate()  # not SIGINT: started in the background it would ignore that
        process.wait()
        if isinstance(e, KeyboardInterrupt):
            raise
        return 0


def main(reason: Path, words: Sequence[str]) -> None:
    """Run freqtrade with `words`; on its way out the file `reason` gets its last error, if it had one."""
    from freqtrade.loggers import bufferHandler
    from freqtrade.main import main as freqtrade

    if told := _unreadable(words):
        reason.write_text(told, encoding="utf-8")
        sys.exit(2)
    try:
        freqtrade(list(words))
    except SystemExit as e:
        if words[0] == "trade":
            threading.Thread(target=_leave, args=(e.code,), daemon=True).start()
        raise
    finally:
        reason.write_text(last_error(bufferHandler.buffer), encoding="utf-8")
        gc.freeze()  # else the interpreter looks through all that freqtrade has loaded before it ends: a second


def _leave(status: object) -> None:
    """End the process where a thread will not: a web server of freqtrade that was stopped while it began never does."""
    time.sleep(PATIENCE)
    os._exit(status if isinstance(status, int) else int(status is not None))


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
