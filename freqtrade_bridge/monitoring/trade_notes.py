"""What FreqUI and the API show beside a trade: eight short custom-data keys, for people; the bot reads none of them.

`candlegraph_plan`, which the bot itself needs, stands beside them.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterable

from freqtrade.persistence import Trade

from candlegraph.agents.prompt.outside_text import plain
from candlegraph.freqtrade_bridge.decisions.line import figure
from candlegraph.freqtrade_bridge.trades.fills import trade_id_of
from candlegraph.freqtrade_bridge.trades.plan import Plan, Plans
from candlegraph.graph.schema.errors import MemoryStoreError
from candlegraph.graph.schema.experience import Experience
from candlegraph.memory.books.ledger import DecisionRow, Ledger

logger = logging.getLogger(__name__)
REASON_LENGTH = 200
STOPS, SCORE = "stop_plan", "score"


class TradeNotes:
    """Writes the notes of one run's trades; only the bot's own thread touches freqtrade's database."""

    def __init__(self, ledger: Ledger, namespace: str, plans: Plans) -> None:
        self._ledger, self._namespace, self._plans = ledger, namespace, plans
        self._stops: dict[int, str] = {}
        self._scored: deque[tuple[int, str]] = deque()

    def opened(self, trade: Trade, plan: Plan) -> None:
        """Write what is known at the entry."""
        for key, value in entry_notes(self._row(plan.decision_id), plan).items():
            trade.set_custom_data(key, value)
        self._stops[trade.id] = stops_told(plan)

    def learnt(self, one: Experience) -> None:
        """Keep the score of a trade until the bot's own thread comes by; any thread may call this."""
        if one.scores is not None:
            self._scored.append((trade_id_of(one.key), f"{one.scores.total:.0f} ({one.scores.grade})"))

    def looped(self, trades: Iterable[Trade]) -> None:
        """Write the stops that have moved since the last loop, and the scores that have come."""
        for trade in trades:
            told = stops_told(self._plans.of(trade))
            if self._stops.get(trade.id, told) != told:
                trade.set_custom_data(STOPS, told)
            self._stops[trade.id] = told
        while self._scored:
            number, score = self._scored.popleft()
            for trade in Trade.get_trades([Trade.id == number]):
                trade.set_custom_data(SCORE, score)
            self._stops.pop(number, None)

    def _row(self, decision_id: str) -> DecisionRow | None:
        if not decision_id:
            return None
        try:
            rows = self._ledger.beginning_with(decision_id, self._namespace)
        except MemoryStoreError as e:
            logger.error("the notes of a trade are without its decision: %s", e)
            return None
        return rows[0] if rows else None


def entry_notes(row: DecisionRow | None, plan: Plan) -> dict[str, str | float | int]:
    """Return the notes of an entry by their keys; a trade that no decision opened has the plan's alone."""
    notes: dict[str, str | float | int] = {
        "reason": plain(plan.reason, REASON_LENGTH),
        "confidence": plan.confidence,
        STOPS: stops_told(plan),
    }
    if row is not None:
        cost = "unknown" if row.cost is None else f"{row.cost:.4f}"
        notes |= {"decision": row.decision_id, "fate": row.fate_line, "cases": len(row.case_ids), "cost": cost}
    return notes


def stops_told(plan: Plan) -> str:
    """Return stop and target in short."""
    moved = f" (at entry {figure(plan.initial_stop)})" if plan.is_tightened else ""
    target = "no target" if plan.take_profit is None else f"target {figure(plan.take_profit)}"
    return f"stop {figure(plan.stop)}{moved}, {target}"
