"""Clocks of the loopback exchange, in epoch milliseconds."""

from __future__ import annotations

import time


class RealClock:
    """Wall time; virtual where a test travels in time."""

    def now(self) -> int:
        """Return the present time."""
        return int(time.time() * 1000)


class FixedClock:
    """Stands still at one time: enough for market metadata and historic candles."""

    def __init__(self, now_ms: int) -> None:
        self._now = now_ms

    def now(self) -> int:
        """Return that time."""
        return self._now
