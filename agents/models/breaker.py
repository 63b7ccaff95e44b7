"""Circuit breaker: a model that keeps failing at its endpoint is left alone, then one call tries whether it is back.

Each model of an endpoint has a circuit of its own: one out of its quota must not close the way to its fallback.

closed -> (failures in a row) -> open -> (cooldown) -> half-open: one probe -> closed, or open again
"""

from __future__ import annotations

import asyncio

from candlegraph.graph.settings.llm import Breaker


class AdmittedCall:
    """One admitted call; `ended` is set once a probe has told the circuit its end."""

    def __init__(self) -> None:
        self.ended = asyncio.Event()


class Circuit:
    """The state of one model at one endpoint; times are seconds of a clock that only goes forward."""

    def __init__(self, rules: Breaker) -> None:
        self._rules = rules
        self._failures = 0
        self._open_until: float | None = None
        self.probe: AdmittedCall | None = None
        """The only call under way that was admitted after a cooldown."""

    def admits(self, now: float) -> AdmittedCall | None:
        """Return the call that may be made now, None for none; after the cooldown it is the probe."""
        call = AdmittedCall()
        if self._open_until is None:
            return call
        if self.probe is not None or now < self._open_until:
            return None
        self.probe = call
        return call

    def succeeded(self) -> None:
        """Close the circuit, whichever call it was."""
        self._failures, self._open_until = 0, None
        self._end_probe()

    def failed(self, call: AdmittedCall, now: float) -> None:
        """Count a failure; at the limit open the circuit, or again after a probe: only a success counts anew."""
        self._failures += 1
        if self._failures >= self._rules.failures:
            self._open_until = now + self._rules.cooldown_seconds
        self.abandoned(call)

    def abandoned(self, call: AdmittedCall) -> None:
        """Give a probe back that ended before it knew; other calls do not touch it."""
        if call is self.probe:
            self._end_probe()

    @property
    def is_open(self) -> bool:
        """Return whether it failed too often, and no call has succeeded since."""
        return self._open_until is not None

    def opens_in(self, now: float) -> float:
        """Return the seconds until a probe is admitted; 0 where one may be made."""
        return 0.0 if self._open_until is None else max(0.0, self._open_until - now)

    def _end_probe(self) -> None:
        if self.probe is not None:
            self.probe.ended.set()
            self.probe = None
