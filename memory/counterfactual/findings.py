"""The strongest findings of a counterfactual table, as facts with their numbers.

table -> one candidate for each thing that could be done otherwise -> the two strongest of different kinds
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Literal

from pydantic import Field

from candlegraph.graph.schema.market import Frozen
from candlegraph.memory.counterfactual.replay import BLURRED_ATR
from candlegraph.memory.counterfactual.table import AlternativeKind, Outcome, Table

LEAST_ATR = 0.5
"""What differs by less from what was is no finding."""
LUCK_ATR = 2.4
"""Times the root of the candles: in 95 % of 2,400 trades entered at random on real candles (BTC and ETH, 30m, 2024 and
2025) no shown finding was larger."""
WEIGHT: dict[str, float] = {"earlier": 0.5, "afterwards": 0.6}
"""Hindsight and bounds step back behind what a rule could have done."""
SHOWN = 2

Topic = Literal["stop", "target", "exit", "entry", "leverage"]
TOPIC: dict[AlternativeKind, Topic] = {
    "stop": "stop",
    "target": "target",
    "earlier": "exit",
    "later": "exit",
    "time": "exit",
    "entry": "entry",
    "leverage": "leverage",
}


class Finding(Frozen):
    """One thing that would have been otherwise, or, without an outcome, how far the price went after the end."""

    topic: Topic
    outcome: Outcome | None
    gain_atr: float = Field(description="better than what was, at its own size; without an outcome: for or against it")
    is_luck: bool = Field(description="trades entered at random differ as much")


def findings_of(table: Table) -> tuple[Finding, ...]:
    """Return the one or two strongest findings, of different topics, the strongest first."""
    found = sorted(_candidates(table), key=_weight, reverse=True)
    shown: list[Finding] = []
    for one in found:
        if abs(one.gain_atr) >= LEAST_ATR and one.topic not in {other.topic for other in shown}:
            shown.append(one)
    return tuple(shown[:SHOWN])


def _candidates(table: Table) -> Iterator[Finding]:
    of_kind: dict[AlternativeKind, list[Outcome]] = {}
    for outcome in table.outcomes:
        of_kind.setdefault(outcome.kind, []).append(outcome)
    for kind, outcomes in of_kind.items():
        chosen = CHOICE.get(kind, _largest)(table, outcomes) if kind in TOPIC else None
        if chosen is not None:
            yield _finding(table, chosen)
    if table.afterwards is not None:
        yield _aftermath(table)


def _finding(table: Table, outcome: Outcome) -> Finding:
    gain = table.gain_atr(outcome)
    candles = 1 + max(outcome.index, table.end_index)
    return Finding(topic=TOPIC[outcome.kind], outcome=outcome, gain_atr=gain, is_luck=is_luck(gain, candles))


def _aftermath(table: Table) -> Finding:
    assert table.afterwards is not None
    best, worst = table.afterwards.best_atr, table.afterwards.worst_atr
    gain = best if best >= worst else -worst
    return Finding(topic="exit", outcome=None, gain_atr=gain, is_luck=is_luck(gain, table.further))


def is_luck(gain_atr: float, candles: int) -> bool:
    """Return whether trades entered at random differ as much within so many candles."""
    return abs(gain_atr) <= LUCK_ATR * math.sqrt(candles)


def _weight(finding: Finding) -> float:
    kind = "afterwards" if finding.outcome is None else finding.outcome.kind
    return abs(finding.gain_atr) * WEIGHT.get(kind, 1.0)


def _largest(table: Table, outcomes: Sequence[Outcome]) -> Outcome | None:
    return max(outcomes, key=lambda one: abs(table.gain_atr(one)), default=None)


def _stop(table: Table, outcomes: Sequence[Outcome]) -> Outcome | None:
    """Return the wider stop that helped, else the widest; of a trade that ended otherwise the nearest that bites."""
    planned = table.course.stop_atr
    clear = [one for one in outcomes if one.value > BLURRED_ATR]
    if planned is None:
        return _helping(table, clear)
    wider = [one for one in clear if one.value > planned]
    if table.course.closing == "stop" and wider:
        return _helping(table, wider) or max(wider, key=lambda one: one.value)
    tighter = [one for one in clear if one.value < planned and one.end == "stop"]
    return max(tighter, key=lambda one: one.value, default=None)


def _helping(table: Table, outcomes: Sequence[Outcome]) -> Outcome | None:
    """Return the outcome that gains most, of equal ones the smallest change; None where none gains."""
    best = max(outcomes, key=lambda one: (table.gain_atr(one), -one.value), default=None)
    return None if best is None or table.gain_atr(best) < LEAST_ATR else best


def _leverage(table: Table, outcomes: Sequence[Outcome]) -> Outcome | None:
    """Return a leverage that decides over a liquidation: any other only scales the result."""
    was = table.course.closing == "liquidation"
    return next((one for one in outcomes if (one.end == "liquidation") != was), None)


CHOICE: dict[AlternativeKind, Callable[[Table, Sequence[Outcome]], Outcome | None]] = {
    "stop": _stop,
    "leverage": _leverage,
}
