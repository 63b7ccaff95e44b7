"""Why a decision of one run is not the other's: one cause each, the one that comes first on a candle's way.

asked in time -> position -> candles -> memory -> account -> settings -> prompt -> the model's answer -> gate -> order
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Literal

from candlegraph.freqtrade_bridge.decisions.inputs import DecisionInputs
from candlegraph.freqtrade_bridge.parity.seen import Seen, seen_apart
from candlegraph.freqtrade_bridge.parity.sides import LIVE, Sides
from candlegraph.graph.schema.market import Frozen
from candlegraph.graph.schema.signal import TradeSignal
from candlegraph.memory.books.ledger import DecisionRow

DepartureCause = Literal[
    "missing", "lateness", "data", "memory", "fill", "settings", "prompt", "model", "clamp", "not kept"
]

MEANING: dict[DepartureCause, str] = {
    "missing": "decided on one side only",
    "lateness": "live the answer came after its time, or none came",
    "data": "other candles or another sentiment were read",
    "memory": "other past trades were remembered",
    "fill": "an order was filled otherwise, or an earlier one was: price, fees, funding",
    "settings": "another configuration or depth",
    "prompt": "another wording of the prompt",
    "model": "the same question was answered otherwise",
    "clamp": "the same call was lowered or refused otherwise",
    "not kept": "what it was made from is gone (experience_config.snapshots)",
}
NUMBERS = ("leverage", "stake", "stop", "take_profit", "adjustment_pct")
SAME_NUMBER = 1e-3

Kept = Callable[[DecisionRow], DecisionInputs | None]
"""Reads what a decision was made from."""


class Departure(Frozen):
    """One candle of one pair on which two runs did not do the same."""

    first: DecisionRow | None
    second: DecisionRow | None
    cause: DepartureCause
    why: str

    @property
    def row(self) -> DecisionRow:
        """Return the one that is there, the first run's first."""
        found = self.first or self.second
        assert found is not None, "one side decided"
        return found


def departures(
    first: Sequence[DecisionRow], second: Sequence[DecisionRow], kept: Kept, sides: Sides = LIVE
) -> tuple[Departure, ...]:
    """Return the decisions that differ within the candles that both ledgers reach over, oldest first."""
    one, other = ({(row.candle, row.pair): row for row in rows} for rows in (first, second))
    found = []
    for place in sorted(one.keys() | other.keys()):
        here, there = one.get(place), other.get(place)
        if here is None or there is None:
            why = sides.none_second if there is None else sides.none_first
            found.append(Departure(first=here, second=there, cause="missing", why=why))
        elif not (same_call(here.signal, there.signal) and same_fate(here, there)):
            cause, why = cause_of(here, there, kept, sides)
            found.append(Departure(first=here, second=there, cause=cause, why=why))
    return tuple(found)


def overlap(
    first: Sequence[DecisionRow], second: Sequence[DecisionRow]
) -> tuple[Sequence[DecisionRow], Sequence[DecisionRow]]:
    """Return the rows of both within the candles and pairs that both have."""
    pairs = {row.pair for row in first} & {row.pair for row in second}
    if not pairs:
        return (), ()
    begin = max(min(row.candle for row in rows) for rows in (first, second))
    end = min(max(row.candle for row in rows) for rows in (first, second))
    one, other = ([r for r in rows if r.pair in pairs and begin <= r.candle <= end] for rows in (first, second))
    return one, other


def same_call(first: TradeSignal, second: TradeSignal) -> bool:
    """Return whether both ask for the same: action, and numbers within a tenth of a percent."""
    if (first.action, first.wanted.action) != (second.action, second.wanted.action):
        return False
    return all(_same(getattr(first, name), getattr(second, name)) for name in NUMBERS)


def same_fate(first: DecisionRow, second: DecisionRow) -> bool:
    """Return whether the same became of both calls; one that is not known yet differs from nothing."""
    if first.fate is None or second.fate is None:
        return True
    return first.fate_door == second.fate_door


def cause_of(first: DecisionRow, second: DecisionRow, kept: Kept, sides: Sides = LIVE) -> tuple[DepartureCause, str]:
    """Return why two decisions on one candle differ."""
    for row, where in ((first, sides.first), (second, sides.second)):
        if _is_late(row):
            return "lateness", row.error or row.fate_line or row.signal.reason
        if row.error is not None:
            return "model", f"{where} the model failed: {row.error}"
    if first.state != second.state:
        return "fill", sides.apart(first.state, second.state)
    one, other = kept(first), kept(second)
    if one is None or other is None:
        return _from_rows(first, second, sides)
    return _from_evidence(first, second, seen_apart(one, other, sides), sides)


def _from_evidence(
    first: DecisionRow, second: DecisionRow, apart: dict[Seen, str], sides: Sides
) -> tuple[DepartureCause, str]:
    reworded = first.prompt_version != second.prompt_version
    for kind, told in apart.items():
        return kind, f"{told}; the prompt was another, too" if reworded else told
    if reworded:
        versions = sides.apart(first.prompt_version, second.prompt_version)
        return "prompt", f"{sides.apart(_told(first), _told(second))}; prompt {versions}"
    return _answered(first, second, sides)


def _answered(first: DecisionRow, second: DecisionRow, sides: Sides) -> tuple[DepartureCause, str]:
    """Return which part of two answers to the same question differs."""
    if asked_for(first) != asked_for(second):
        models = "" if first.model == second.model else f"; {sides.apart(first.model, second.model)}"
        return "model", f"{sides.apart(_told(first), _told(second))}{models}"
    if not same_call(first.signal, second.signal):
        return "clamp", sides.apart(_changed(first), _changed(second))
    return "fill", sides.apart(first.fate_line, second.fate_line)


def asked_for(row: DecisionRow) -> tuple[object, ...]:
    """Return what the model asked for last, before any rule; without words."""
    accepted = [call for call in row.functions if call.accepted]
    if not accepted:
        return (row.signal.wanted.action, row.signal.source)
    last = accepted[-1]
    return (
        last.name,
        *((name, last.arguments[name]) for name in sorted(last.arguments) if _is_plan(last.arguments[name])),
    )


def _is_plan(value: object) -> bool:
    return isinstance(value, int | float)


def _is_late(row: DecisionRow) -> bool:
    refusals = [row.signal.refusal, None if row.fate is None else row.fate.refusal]
    return any(one is not None and one.door == "late" for one in refusals)


def _from_rows(first: DecisionRow, second: DecisionRow, sides: Sides) -> tuple[DepartureCause, str]:
    """Return what the rows alone can tell, where the evidence of one is gone."""
    if not math.isclose(first.price, second.price, rel_tol=1e-9):
        return "data", f"price {sides.apart(f'{first.price:.10g}', f'{second.price:.10g}')}"
    if first.prompt_hash == second.prompt_hash:
        return _answered(first, second, sides)
    return "not kept", f"{sides.apart(_told(first), _told(second))}, of two different prompts"


def _told(row: DecisionRow) -> str:
    return row.signal.wanted.name


def _changed(row: DecisionRow) -> str:
    refused = None if row.signal.refusal is None else row.signal.refusal.line
    return refused or "; ".join(clamp.line for clamp in row.changes) or "nothing lowered"


def _same(first: float | None, second: float | None) -> bool:
    if first is None or second is None:
        return first is second
    return math.isclose(first, second, rel_tol=SAME_NUMBER)
