"""What was decided on each candle, for charts: read from the ledger, candle by candle; no decision reads it.

ledger rows, the inputs of those in a position → DecidedCandle by candle → columns of freqtrade's analysed frame
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from pandas import DataFrame, Series

from candlegraph.freqtrade_bridge.host.columns import DECIDED
from candlegraph.graph.schema.market import sign_of
from candlegraph.memory.books.ledger import DecisionRow, Ledger
from candlegraph.memory.books.snapshots import kept_docs

COLUMNS = (DECIDED, "decided_side", "decided_stop", "decided_confidence", "decided_regime")
"""Names of the columns, which no decision reads: a decision is made from freqtrade's plain candles."""
TEXTS = (DECIDED, "decided_regime")
MAY_CHANGE = 3
"""Newest candles of a pair that are read again: a fate, a late answer."""


class DecidedCandle(NamedTuple):
    """One decision; `stop` is that of the open trade, or what an entry asks for."""

    row: DecisionRow
    stop: float | None

    @property
    def side(self) -> int:
        """Return +1 where it is long or enters long, -1 short, 0 flat; an exit leaves flat."""
        if self.row.signal.is_exit:
            return 0
        held = None if self.row.state == "flat" else self.row.state
        side = self.row.signal.entry_side or held
        return 0 if side is None else sign_of(side)

    @property
    def cells(self) -> tuple[str | float | None, ...]:
        """Return its cells, in the order of the columns."""
        signal = self.row.signal
        return signal.action, self.side, self.stop, signal.confidence or None, self.row.regime


Decided = Mapping[datetime, DecidedCandle]
"""By the candle's open time."""


class DecidedCandles:
    """What was decided in one namespace, by pair; a candle that can no longer change is read once. For one thread."""

    def __init__(self, database: Path, namespace: str) -> None:
        self._database, self._ledger, self._namespace = database, Ledger(database), namespace
        self._known: dict[str, dict[datetime, DecidedCandle]] = {}
        self._since: dict[str, datetime] = {}

    def of(self, pair: str, since: datetime) -> Decided:
        """Return the decisions of a pair from the candle `since` on."""
        known = self._known.get(pair, {})
        recent = sorted(known)[-MAY_CHANGE:]
        first = recent[0] if recent and self._since[pair] <= since else since
        found = {**known, **self._with_stops(self._ledger.rows(self._namespace, since=first, pair=pair))}
        self._since[pair], self._known[pair] = since, {at: one for at, one in found.items() if at >= since}
        return self._known[pair]

    def _with_stops(self, rows: Sequence[DecisionRow]) -> Decided:
        docs = kept_docs(self._database, [row.decision_id for row in rows if row.state != "flat"])
        stops = {key: json.loads(doc)["snapshot"]["position"].get("stop") for key, doc in docs.items()}
        return {row.candle: DecidedCandle(row, stops.get(row.decision_id, row.signal.stop)) for row in rows}


def run_of(database: Path, pair: str, first: datetime, last: datetime) -> DecidedCandles | None:
    """Return what the run that was written last decided of a pair between two candles; None where none did."""
    namespace = Ledger(database).deciding(pair, first, last) if database.is_file() else None
    return None if namespace is None else DecidedCandles(database, namespace)


def with_decided(frame: DataFrame, decided: Decided) -> DataFrame:
    """Return freqtrade's frame with what was decided on each of its candles; of another timeframe as it is."""
    if not decided or not _is_same_length(frame, decided):
        return frame
    found = [decided.get(time.to_pydatetime()) for time in frame["date"]]
    cells = [(None,) * len(COLUMNS) if one is None else one.cells for one in found]
    columns = dict(zip(COLUMNS, zip(*cells, strict=True), strict=True))
    made = {name: Series(told, frame.index, object if name in TEXTS else float) for name, told in columns.items()}
    return frame.assign(**made)


def _is_same_length(frame: DataFrame, decided: Decided) -> bool:
    row = next(iter(decided.values())).row
    spacing: timedelta = frame["date"].diff().min().to_pytimedelta() if len(frame) > 1 else row.as_of - row.candle
    return spacing == row.as_of - row.candle
