"""What was decided on each candle, for charts: read from the ledger, candle by candle; no decision reads it.

ledger rows, the inputs of those in a position → DecidedCandle by candle → columns of freqtrade's analysed frame
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
from pandas import DataFrame, Series

from candlegraph.agents.prompt.outside_text import plain
from candlegraph.freqtrade_bridge.host.columns import DECIDED
from candlegraph.graph.schema.market import SIGN, Side
from candlegraph.memory.books.ledger import DecisionRow, Ledger
from candlegraph.memory.books.snapshots import kept_docs

COLUMNS = (DECIDED, "decided_side", "decided_stop", "decided_confidence", "decided_regime")
"""Names of the columns, which no decision reads: a decision is made from freqtrade's plain candles."""
TEXTS = (DECIDED, "decided_regime")
SHOWN_OF_REASON = 80
MAY_CHANGE = 3
"""Newest candles of a pair that are read again: a fate, a late answer."""


class FilledEntry(NamedTuple):
    """An entry that was filled at `price`."""

    price: float
    side: Side
    leverage: float
    reason: str


class DecidedCandle(NamedTuple):
    """What charts show of one decision. The whole row has several kB, and a bot shows thousands of candles.

    `side`: +1 where it is long or enters long, -1 short, 0 flat; an exit leaves flat. `stop` is that of the open trade,
    or what an entry asks for.
    """

    decision_id: str
    candle: datetime
    as_of: datetime
    action: str
    source: str
    side: int
    stop: float | None
    confidence: float
    regime: str | None
    entry: FilledEntry | None

    @classmethod
    def of(cls, row: DecisionRow, stop: float | None) -> DecidedCandle:
        """Return what is shown of a row."""
        signal = row.signal
        return cls(
            decision_id=row.decision_id,
            candle=row.candle.astimezone(UTC),
            as_of=row.as_of.astimezone(UTC),
            action=signal.action,
            source=signal.source,
            side=_side(row),
            stop=stop,
            confidence=signal.confidence,
            regime=row.regime,
            entry=_entry(row),
        )

    @property
    def cells(self) -> tuple[str | float | None, ...]:
        """Return its cells, in the order of the columns."""
        return self.action, self.side, self.stop, self.confidence or None, self.regime


def _side(row: DecisionRow) -> int:
    if row.signal.is_exit:
        return 0
    held = None if row.state == "flat" else row.state
    side = row.signal.entry_side or held
    return 0 if side is None else SIGN[side]


def _entry(row: DecisionRow) -> FilledEntry | None:
    signal, fate = row.signal, row.fate
    if signal.entry_side is None or fate is None or not fate.is_filled:
        return None
    reason = plain(signal.reason, SHOWN_OF_REASON)
    return FilledEntry(fate.price or row.price, signal.entry_side, signal.leverage or 1.0, reason)


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
        found = dict(known)
        for piece in self._ledger.pieces(self._namespace, since=first, pair=pair):
            found |= self._with_stops(piece)
        self._since[pair], self._known[pair] = since, {at: one for at, one in found.items() if at >= since}
        return self._known[pair]

    def _with_stops(self, rows: Sequence[DecisionRow]) -> Decided:
        docs = kept_docs(self._database, [row.decision_id for row in rows if row.state != "flat"])
        stops = {key: json.loads(doc)["snapshot"]["position"].get("stop") for key, doc in docs.items()}
        found = [DecidedCandle.of(row, stops.get(row.decision_id, row.signal.stop)) for row in rows]
        return {one.candle: one for one in found}


def run_of(database: Path, pair: str, first: datetime, last: datetime) -> DecidedCandles | None:
    """Return what the run that was written last decided of a pair between two candles; None where none did."""
    namespace = Ledger(database).deciding(pair, first, last) if database.is_file() else None
    return None if namespace is None else DecidedCandles(database, namespace)


def with_decided(frame: DataFrame, decided: Decided) -> DataFrame:
    """Return freqtrade's frame with what was decided on each of its candles; of another timeframe as it is."""
    if not decided or not _is_same_length(frame, decided):
        return frame
    found = [decided.get(time) for time in frame["date"].array.to_pydatetime()]
    cells = [(None,) * len(COLUMNS) if one is None else one.cells for one in found]
    columns = dict(zip(COLUMNS, zip(*cells, strict=True), strict=True))
    made = {name: Series(told, frame.index, object if name in TEXTS else float) for name, told in columns.items()}
    return frame.assign(**made)


def _is_same_length(frame: DataFrame, decided: Decided) -> bool:
    one = next(iter(decided.values()))
    steps = np.diff(frame["date"].to_numpy("datetime64[ns]"))
    return not len(steps) or bool(steps.min() == np.timedelta64(one.as_of - one.candle))
