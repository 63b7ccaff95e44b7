"""What a run has spent, and what it may still ask (the owner of this file completes it)."""

from __future__ import annotations

from candlegraph.graph.llm_settings import Depth
from candlegraph.graph.market import Frozen


class Allowance(Frozen):
    """How a candle may be decided: `depth` None = as configured; `spent` names the limit that is reached."""

    depth: Depth | None = None
    spent: str | None = None


FREE = Allowance()


class Spending:
    """Placeholder shape for the bridge until the owner of this file completes it."""

    @classmethod
    def of(cls, budget: object, ledger: object, namespace: str, as_of: object) -> Spending:
        """Return what the namespace has spent."""
        return cls()

    def add(self, as_of: object, calls: object) -> None:
        """Count calls."""

    def at(self, as_of: object) -> Allowance:
        """Return what may be asked."""
        return FREE
