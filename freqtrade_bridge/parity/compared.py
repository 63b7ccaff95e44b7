"""One of two runs that are compared: its decisions, what they were made from, and the trades that came of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from candlegraph.freqtrade_bridge.decisions.inputs import DecisionInputs
from candlegraph.freqtrade_bridge.parity.money import EntryPlace
from candlegraph.graph.schema.experience import ClosedTrade
from candlegraph.memory.books.ledger import DecisionRow
from candlegraph.memory.books.snapshots import kept_doc
from candlegraph.memory.store import open_memory


class ComparedRun:
    """One run in its database; `rows` are all its decisions, at least one."""

    def __init__(self, database: Path, rows: Sequence[DecisionRow]) -> None:
        self._database, self._rows, self.name = database, rows, rows[0].namespace

    @property
    def place(self) -> tuple[Path, str]:
        """Return its database and name."""
        return self._database, self.name

    @property
    def told(self) -> str:
        """Return its name and span."""
        first, last = self._rows[0].candle, max(row.candle for row in self._rows)
        return f"{self.name} ({first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} UTC)"

    def rows_of(self, pair: str | None) -> Sequence[DecisionRow]:
        """Return the decisions, of one pair if it is named."""
        return [row for row in self._rows if pair in (None, row.pair)]

    def evidence(self, row: DecisionRow) -> DecisionInputs | None:
        """Return what the decision was made from, None where it is gone."""
        doc = kept_doc(self._database, row.decision_id)
        return None if doc is None else DecisionInputs.model_validate_json(doc)

    def trades(self, rows: Sequence[DecisionRow]) -> dict[EntryPlace, ClosedTrade]:
        """Return the trades that these decisions entered and that were closed by the last of them."""
        places = {row.decision_id: (row.candle, row.pair) for row in rows}
        end = max(row.as_of for row in rows)
        stored = (one.source for one in open_memory(self._database).all_of(self.name).values())
        closed = (one for one in stored if isinstance(one, ClosedTrade) and one.closed_at <= end)
        return {places[one.decision_id]: one for one in closed if one.decision_id in places}
