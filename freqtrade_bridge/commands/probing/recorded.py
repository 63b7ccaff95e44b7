"""A recorded run: its decisions, what they were made from, and what its closed trades made."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from candlegraph.freqtrade_bridge.commands.arguments import database_of
from candlegraph.freqtrade_bridge.commands.books.ledger import rows_of
from candlegraph.freqtrade_bridge.decisions.inputs import DecisionInputs
from candlegraph.graph.schema.errors import ConfigError
from candlegraph.graph.schema.experience import ClosedTrade
from candlegraph.memory.books.ledger import DecisionRow, Ledger
from candlegraph.memory.books.snapshots import kept_docs
from candlegraph.memory.store import open_memory


class RecordedRun(NamedTuple):
    """One run; `given` are the decisions of which it is known what they were made from."""

    name: str
    given: list[tuple[DecisionRow, DecisionInputs]]
    missing: int
    """Decisions without it."""


def recorded_run(userdir: Path, named: str | None) -> RecordedRun:
    """Return the run of that name, by candle, then pair; raise ConfigError where nothing was kept of it."""
    database = database_of(userdir)
    rows = rows_of(Ledger(database), named)
    docs = kept_docs(database, [row.decision_id for row in rows])
    given = [
        (row, DecisionInputs.model_validate_json(docs[row.decision_id])) for row in rows if row.decision_id in docs
    ]
    if not given:
        raise ConfigError(
            f"{rows[0].namespace}: what its decisions were made from was not kept, or is gone: see "
            "experience_config.snapshots (keep, max_days, max_mb)"
        )
    return RecordedRun(rows[0].namespace, given, len(rows) - len(given))


def closed_trades(userdir: Path, namespace: str) -> list[ClosedTrade]:
    """Return the run's trades that ended, as the memory keeps them, in the order of their ends."""
    known = open_memory(database_of(userdir)).all_of(namespace).values()
    trades = [one.source for one in known if isinstance(one.source, ClosedTrade)]
    return sorted(trades, key=lambda one: (one.closed_at, one.pair))


def net_results(trades: Sequence[ClosedTrade]) -> dict[str, float]:
    """Return what trades made, quote currency, by the decision that opened them."""
    return {one.decision_id: one.profit_abs for one in trades if one.decision_id}
