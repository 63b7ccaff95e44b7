"""Circuit breaker: an endpoint that keeps failing is left alone, then one call tries whether it is back.

closed -> (failures in a row) -> open -> (cooldown) -> half-open: one probe -> closed, or open again
"""

from __future__ import annotations

from candlegraph.graph.llm_settings import Breaker


class Circuit:
    """The state of one endpoint; times are seconds of a clock that only goes forward."""

    def __init__(self, rules: Breaker) -> None:
        self._rules = rules
        self._failures = 0
        self._open_until: float | None = None
        self._probing = False

    def admits(self, now: float) -> bool:
        """Return whether a call may be made now; after the cooldown it is the probe, and the only one."""
        if self._open_until is None:
            return True
        if self._probing or now < self._open_until:
            return False
        self._probing = True
        return True

    def succeeded(self) -> None:
        """Close the circuit."""
        self._failures, self._open_until, self._probing = 0, None, False

    def failed(self, now: float) -> None:
        """Count a failure; open the circuit at the limit, or again after a probe."""
        self._failures += 1
        if self._probing or self._failures >= self._rules.failures:
            self._open_until = now + self._rules.cooldown_seconds
        self._probing = False

    def abandoned(self) -> None:
        """Give a probe back that was cancelled before it knew."""
        self._probing = False

    def opens_in(self, now: float) -> float:
        """Return the seconds until a probe is admitted; 0 where one may be made."""
        return 0.0 if self._open_until is None else max(0.0, self._open_until - now)
