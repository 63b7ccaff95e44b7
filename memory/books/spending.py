"""What a run has spent, and what it may still ask.

Days and months are the candles' own, and a replayed call counts as when it was recorded: a replay degrades exactly
where its recording did.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime

from candlegraph.graph.schema.calls import CallRecord
from candlegraph.graph.schema.market import Frozen
from candlegraph.graph.settings.llm import Budget, Depth
from candlegraph.memory.books.ledger import Ledger

KEY = "llm_config.budget"


class Allowance(Frozen):
    """How a candle may be decided: `depth` None = as configured; `spent` names the limit that is reached."""

    depth: Depth | None = None
    spent: str | None = None


FREE = Allowance()


class Spending:
    """Money and tokens by run, day and month of the candles; what cannot be priced is counted apart."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._run = 0.0
        self._money: dict[str, float] = defaultdict(float)
        self._tokens: dict[str, int] = defaultdict(int)
        self.unpriced = 0
        """Calls whose cost nobody knows; they count as free."""

    @property
    def of_run(self) -> float:
        """Return the money of this run, as far as it could be priced."""
        return self._run

    @classmethod
    def of(cls, budget: Budget, ledger: Ledger, namespace: str, as_of: datetime) -> Spending:
        """Return what the namespace has spent in the month of `as_of`; the run itself begins with nothing."""
        spending = cls(budget)
        first = as_of.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        for row in ledger.each(namespace, since=first):
            spending._count(row.as_of, row.model_calls)
        return spending

    def add(self, as_of: datetime, calls: Sequence[CallRecord]) -> None:
        """Count the calls of a decision."""
        self._run += self._count(as_of, calls)

    def at(self, as_of: datetime) -> Allowance:
        """Return what the candle that closes at `as_of` may ask."""
        used = list(self._used(as_of))
        for name, spent, limit in used:
            if spent >= limit:
                return Allowance(depth="fast", spent=f"{KEY}.{name}: {spent:.6g} of {limit:.6g} spent")
        is_near = any(spent >= self._budget.degrade_at * limit for _, spent, limit in used)
        return Allowance(depth="fast") if is_near else FREE

    def _count(self, as_of: datetime, calls: Sequence[CallRecord]) -> float:
        money = sum(call.cost or 0.0 for call in calls)
        self.unpriced += sum(call.cost is None for call in calls)
        day = f"{as_of:%Y-%m-%d}"
        self._money[day] += money
        self._money[day[:7]] += money
        self._tokens[day] += sum(call.tokens_in + call.tokens_out for call in calls)
        return money

    def _used(self, as_of: datetime) -> Iterator[tuple[str, float, float]]:
        """Yield each limit that is set with what is spent of it."""
        budget, day = self._budget, f"{as_of:%Y-%m-%d}"
        known = (
            ("run_cost", self._run, budget.run_cost),
            ("daily_cost", self._money[day], budget.daily_cost),
            ("monthly_cost", self._money[day[:7]], budget.monthly_cost),
            ("daily_tokens", self._tokens[day], budget.daily_tokens),
        )
        yield from ((name, spent, limit) for name, spent, limit in known if limit is not None)
