"""Every decision, one row per run, pair and candle."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import Any, Literal

from pydantic import AwareDatetime, Field
from sqlalchemy import BigInteger, func, insert, literal_column, select, update

from candlegraph.graph.schema.calls import CallRecord, Try
from candlegraph.graph.schema.fate import Fate
from candlegraph.graph.schema.market import Frozen, Price, Regime
from candlegraph.graph.schema.signal import Clamp, TradeSignal
from candlegraph.graph.settings.llm import Depth, Mode
from candlegraph.memory.storage.database import open_engine, reading, writing
from candlegraph.memory.storage.rows import micros
from candlegraph.memory.storage.tables import decisions


class FunctionCall(Frozen):
    """One function that a model called; refused ones too."""

    name: str
    arguments: dict[str, Any]
    accepted: bool


AT_ONCE = 100
"""Rows of a piece: one takes 10 kB in RAM or more, and a month of 20 pairs has 29,000."""
UNKNOWN = "not known yet"
"""The fate of a call that acts while its candle lasts."""


class DecisionRow(Frozen):
    """What was decided on one candle of one pair, from what, by whom, and at what cost."""

    decision_id: str = Field(min_length=1)
    namespace: str = Field(min_length=1)
    pair: str
    candle: AwareDatetime = Field(description="open time")
    as_of: AwareDatetime
    recorded_at: AwareDatetime = Field(description="wall clock")
    state: Literal["flat", "long", "short"]
    price: Price
    regime: Regime | None = Field(description="None: the run failed before it was known")
    model: str
    prompt_version: str
    prompt_hash: str
    calls: int = Field(ge=0)
    repairs: int = Field(ge=0)
    tokens_in: int = Field(ge=0)
    tokens_out: int = Field(ge=0)
    latency_ms: float = Field(ge=0)
    case_ids: tuple[int, ...]
    similarities: tuple[float, ...]
    signal: TradeSignal
    error: str | None
    mode: Mode = "live"
    depth: Depth = "fast"
    inputs_hash: str = Field("", description="of the snapshot, without the ids of a run")
    model_calls: tuple[CallRecord, ...] = Field((), description="of all roles, answered ones, in order")
    tries: tuple[Try, ...] = Field((), description="of the call that ended the decision without an answer")
    functions: tuple[FunctionCall, ...] = Field((), description="what the model called, in order")
    faults: dict[str, int] = Field({}, description="faulty answers by kind")
    reasoning: str = Field("", description="thoughts of the deciding model, shortened")
    opinions: dict[str, str] = Field({}, description="what the other roles said, as JSON")
    fate: Fate | None = Field(None, description="what became of a call that acts; None: it does not, or not known yet")

    @property
    def acts(self) -> bool:
        """Return whether an order should come of it, or should have, had nothing refused it."""
        return self.signal.wanted.acts

    @property
    def is_waiting(self) -> bool:
        """Return whether it stands in for a call that a person has not answered yet."""
        return self.fate is None and self.signal.instead_of is not None

    @property
    def fate_line(self) -> str:
        """Return what became of it in one line; only of a call that acts."""
        return UNKNOWN if self.fate is None else self.fate.line

    @property
    def fate_door(self) -> str:
        """Return how it ended in a word or two to count by; only of a call that acts."""
        return UNKNOWN if self.fate is None else self.fate.door

    @property
    def changes(self) -> tuple[Clamp, ...]:
        """Return what was lowered on the way: from, to, and by which key."""
        return self.signal.clamps

    @property
    def cost(self) -> float | None:
        """Return the money of all calls; None where one's is unknown."""
        costs = [call.cost for call in self.model_calls]
        return None if None in costs else sum(cost for cost in costs if cost is not None)


class Ledger:
    """The decisions of all namespaces, in the memory's database file; safe for many threads and processes."""

    def __init__(self, path: Path) -> None:
        self._engine = open_engine(path)

    def append(self, rows: Sequence[DecisionRow]) -> int:
        """Store the rows in one transaction; return how many, since a decision_id that is there already is ignored."""
        if not rows:
            return 0
        with writing(self._engine, "decisions") as (connection, _):
            ids = decisions.c.decision_id
            stored = set(connection.scalars(select(ids).where(ids.in_([row.decision_id for row in rows]))))
            # The first of a batch wins, as the first of all does.
            new = {row.decision_id: row for row in reversed(rows) if row.decision_id not in stored}
            if new:
                connection.execute(insert(decisions), [_columns(row) for row in reversed(new.values())])
        return len(new)

    def add_clamps(self, decision_id: str, late: Sequence[Clamp]) -> None:
        """Add what the gate lowered at the order to the row's signal; an unknown id is a decision never stored."""

        def clamped(row: DecisionRow) -> DecisionRow:
            return _with_signal(row, row.signal.model_copy(update={"clamps": (*row.signal.clamps, *late)}))

        self._change(decision_id, clamped)

    def answer(self, decision_id: str, signal: TradeSignal) -> DecisionRow | None:
        """Put what a person's answer made of an entry in place of the wait; return the row, None if it is unknown."""
        return self._change(decision_id, lambda row: _with_signal(row, signal))

    def settle(self, decision_id: str, fate: Fate) -> DecisionRow | None:
        """Set what became of a decision, unless it is known already; return the row, None if it is unknown."""
        return self._change(decision_id, lambda row: row if row.fate else row.model_copy(update={"fate": fate}))

    def _change(self, decision_id: str, change: Callable[[DecisionRow], DecisionRow]) -> DecisionRow | None:
        own = decisions.c.decision_id == decision_id
        with writing(self._engine, "decisions") as (connection, _):
            doc = connection.scalar(select(decisions.c.doc).where(own))
            if doc is None:
                return None
            changed = change(DecisionRow.model_validate_json(doc))
            connection.execute(update(decisions).where(own).values(doc=changed.model_dump_json()))
        return changed

    def rows(self, namespace: str, since: datetime | None = None, pair: str | None = None) -> tuple[DecisionRow, ...]:
        """Return the decisions of a namespace by candle, then pair; only candles that opened at `since` or later."""
        return tuple(self.each(namespace, since, pair))

    def each(self, namespace: str, since: datetime | None = None, pair: str | None = None) -> Iterator[DecisionRow]:
        """Return the same one by one, for who looks at weeks of rows and keeps none of them."""
        return chain.from_iterable(self.pieces(namespace, since, pair))

    def pieces(
        self, namespace: str, since: datetime | None = None, pair: str | None = None
    ) -> Iterator[Sequence[DecisionRow]]:
        """Yield the same some at a time."""
        own = select(decisions.c.doc).where(decisions.c.namespace == namespace)
        if since is not None:
            own = own.where(decisions.c.candle >= micros(since))
        if pair is not None:
            own = own.where(decisions.c.pair == pair)
        query = own.order_by(decisions.c.candle, decisions.c.pair, decisions.c.decision_id)
        with reading(self._engine) as connection:
            for docs in connection.execution_options(yield_per=AT_ONCE).scalars(query).partitions():
                yield [DecisionRow.model_validate_json(doc) for doc in docs]

    def beginning_with(self, digits: str, namespace: str | None = None) -> tuple[DecisionRow, ...]:
        """Return the decisions whose id begins so, of one namespace or of all."""
        own = func.substr(decisions.c.decision_id, 1, len(digits)) == digits
        query = select(decisions.c.doc).where(own if namespace is None else own & (decisions.c.namespace == namespace))
        with reading(self._engine) as connection:
            return tuple(DecisionRow.model_validate_json(doc) for doc in connection.scalars(query))

    def deciding(self, pair: str, first: datetime, last: datetime) -> str | None:
        """Return the namespace written to last that decided a candle of the pair between two; None where none did."""
        name, place = decisions.c.namespace, literal_column("decisions.rowid", BigInteger())
        own = (decisions.c.pair == pair) & decisions.c.candle.between(micros(first), micros(last))
        with reading(self._engine) as connection:
            return connection.scalar(select(name).where(own).order_by(place.desc()).limit(1))

    def namespaces(self) -> tuple[str, ...]:
        """Return all namespaces, the one written to last first: of two runs over the same candles, the later one."""
        name, place = decisions.c.namespace, literal_column("decisions.rowid", BigInteger())
        query = select(name).group_by(name).order_by(func.max(place).desc())
        with reading(self._engine) as connection:
            return tuple(connection.scalars(query))


def _with_signal(row: DecisionRow, signal: TradeSignal) -> DecisionRow:
    return row.model_copy(update={"signal": signal})


def _columns(row: DecisionRow) -> dict[str, object]:
    return {
        "decision_id": row.decision_id,
        "namespace": row.namespace,
        "candle": micros(row.candle),
        "pair": row.pair,
        "doc": row.model_dump_json(),
    }


def fate_counts(rows: Sequence[DecisionRow]) -> Counter[str]:
    """Return how many calls that act came to what end, refusals by their door."""
    return Counter(row.fate_door for row in rows if row.acts)


def cost_told(rows: Sequence[DecisionRow]) -> str:
    """Return the money of the rows, and of which models nobody knows the price."""
    calls = [call for row in rows for call in row.model_calls]
    unknown = sorted({call.model for call in calls if call.cost is None})
    known = sum(call.cost for call in calls if call.cost is not None)
    if not unknown:
        return f"{known:,.4f}"
    told = f"unknown for {', '.join(unknown)} (no price in llm_config.prices, or no tokens counted)"
    return told if not known else f"{known:,.4f}, and {told}"
