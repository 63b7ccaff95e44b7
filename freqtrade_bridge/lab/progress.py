"""One line that says how far a backtest is: candles, time left, money spent, account."""

from __future__ import annotations

import sys
import time
from typing import TextIO

from candlegraph.freqtrade_bridge.lab.engine import Watched

WIDTH, BAR = 79, 10


class ProgressLine:
    """Rewrites itself on `stream`; in a notebook too, without widgets."""

    def __init__(self, stream: TextIO) -> None:
        self._stream, self._began, self._said = stream, time.monotonic(), 0
        self._total, self._drawn = 0, ""

    def draw(self, watched: Watched) -> None:
        """Show how far it is, and above it what has warned since."""
        for warning in watched.warnings[self._said :]:
            self._stream.write(f"\r{' ' * WIDTH}\r{warning}\n")
            self._said, self._drawn = self._said + 1, ""
        if watched.total != self._total:  # another step has begun
            self._total, self._began = watched.total, time.monotonic()
        line = line_of(watched, time.monotonic() - self._began)
        if line != self._drawn:
            self._stream.write(f"\r{line:<{WIDTH}}")
            self._stream.flush()
            self._drawn = line

    def close(self, watched: Watched) -> None:
        """Show how far it came, and go on below."""
        self.draw(watched)
        self._stream.write("\n")
        self._stream.flush()


def line_of(watched: Watched, seconds: float) -> str:
    """Return the line; `seconds`: since the step began."""
    share = watched.done / watched.total if watched.total else 0.0
    full = round(BAR * share)
    parts = [f"{watched.step.lower()} [{'#' * full}{'.' * (BAR - full)}] {watched.done}/{watched.total}"]
    if share and watched.done < watched.total:
        parts.append(f"{_told(seconds * (1 - share) / share)} left")
    if watched.spent is not None:
        parts.append(f"spent {watched.spent:.4g}")
    if watched.equity:
        parts.append(f"account {watched.equity:,.0f}")
    return ", ".join(parts)[:WIDTH]


def is_watched(stream: TextIO) -> bool:
    """Return whether somebody looks at the stream: a terminal, or a notebook."""
    kernel = sys.modules.get("ipykernel.kernelapp")  # loaded is not enough: a program may import it and be none
    return stream.isatty() or (kernel is not None and bool(kernel.IPKernelApp.initialized()))


def _told(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
