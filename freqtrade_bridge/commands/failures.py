"""What goes wrong in a command, as one line that names the file and what to do; `--debug` shows the trace."""

from __future__ import annotations

import argparse
import errno
import os
import signal
import sys
from collections.abc import Callable

from candlegraph.graph.schema.errors import CandlegraphError

FAILED = 1
STOPPED = 128 + signal.SIGINT
NO_READER = 128 + signal.SIGPIPE
ADVICE = {
    errno.EACCES: "this user may not; give it the right, or name another place",
    errno.EPERM: "this user may not; give it the right, or name another place",
    errno.EROFS: "the file system is read-only; name a place that can be written",
    errno.ENOSPC: "the disk is full; free some space and run it again",
    errno.EDQUOT: "the quota is used up; free some space and run it again",
    errno.EFBIG: "it is larger than allowed; raise the limit, or name another place",
    errno.ENOENT: "there is no such file or folder; make it, or name another",
    errno.ENOTDIR: "a part of the path is a file, not a folder; name another place",
    errno.EISDIR: "a folder is there; name a file",
    errno.EEXIST: "a file is there where a folder is needed; move it, or name another place",
    errno.EADDRINUSE: "the address is in use; stop what uses it, or name another --port",
}
"""What to do about an error of the operating system."""


def add_debug(top: argparse.ArgumentParser) -> None:
    """Let every command be told to show the trace of what goes wrong."""
    top.add_argument("--debug", action="store_true", help="show the trace of what goes wrong")
    for one in _below(top):
        one.add_argument("--debug", action="store_true", default=argparse.SUPPRESS, help=argparse.SUPPRESS)


def guarded(arguments: argparse.Namespace, before: Callable[[argparse.Namespace], None]) -> int:
    """Run the command after `before`, and return its status; with --debug raise what was wrong."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal in ASCII shows ? for what it has not
    try:
        before(arguments)
        arguments.run(arguments)
        sys.stdout.flush()
    except (CandlegraphError, OSError, KeyboardInterrupt) as e:
        if arguments.debug:
            raise
        return _status(e)
    return 0


def _status(error: BaseException) -> int:
    """Write one message, and return the status."""
    if isinstance(error, BrokenPipeError):  # as of `| head`: nobody reads on
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return NO_READER
    if isinstance(error, KeyboardInterrupt):
        sys.stderr.write("candlegraph: stopped by Ctrl-C; what was stored until then is whole\n")
        return STOPPED
    sys.stderr.write(f"candlegraph: {told(error)}\n")
    return error.status if isinstance(error, CandlegraphError) else FAILED


def told(error: BaseException) -> str:
    """Return an error in words; one of the operating system with its file, and what to do."""
    if not isinstance(error, OSError):
        return str(error)
    names = " -> ".join(str(name) for name in (error.filename, error.filename2) if name is not None)
    what = error.strerror or str(error)
    advice = ADVICE.get(error.errno or 0)
    return ": ".join(part for part in (names, f"{what}; {advice}" if advice else what) if part)


def _below(parser: argparse.ArgumentParser) -> list[argparse.ArgumentParser]:
    """Return the parsers of all commands and their actions."""
    found: list[argparse.ArgumentParser] = []
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for one in action.choices.values():
                found += [one, *_below(one)]
    return found
