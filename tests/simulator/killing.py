"""`kill -9` inside one process: an exception that no handler catches, raised at a line or at an answer."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any
from urllib.parse import urlsplit

import freqtrade.freqtradebot
import requests

from candlegraph.freqtrade_bridge import session as our_session

OURS = Path(our_session.__file__).parent
TRACED = (
    freqtrade.freqtradebot.__file__,
    *(str(OURS / part) for part in ("session.py", "trades", "audit", "strategies", "decisions/acceptance.py")),
)
"""Where lines are counted: each of them runs as often in a process's first run as in its last."""


class Killed(BaseException):
    """The process is gone; what it has not committed is lost."""


@contextmanager
def killed_at(line: int) -> Iterator[None]:
    """Kill at the `line`th line that is run in the traced files, if it comes to that many."""
    left = line

    def local(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal left
        if event == "line":
            left -= 1
            if left == 0:
                raise Killed(f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno}")
        return local

    def enter(frame: FrameType, event: str, argument: Any) -> Any:
        return local if frame.f_code.co_filename.startswith(TRACED) else None

    before = sys.gettrace()
    sys.settrace(enter)
    try:
        yield
    finally:
        sys.settrace(before)


def kill_at_answer(session: requests.Session, wanted: Callable[[str, str], bool]) -> None:
    """Kill as soon as the answer to a request (method, URL) that is `wanted` has come, before anybody reads it."""

    def killer(response: requests.Response, **options: Any) -> None:
        if wanted(str(response.request.method), str(response.request.url)):
            session.hooks["response"].clear()
            raise Killed(f"after {response.request.method} {urlsplit(str(response.request.url)).path}")

    session.hooks["response"].append(killer)
