"""Which decisions are worth a second look, and each of them as a line that a person can correct."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from candlegraph.freqtrade_bridge.commands.books.brief_again import prompt_of
from candlegraph.freqtrade_bridge.commands.traces.arguments import Choice
from candlegraph.freqtrade_bridge.decisions.inputs import DecisionInputs
from candlegraph.freqtrade_bridge.scenarios.written import FLAT, HELD
from candlegraph.freqtrade_bridge.tracing.notes import verdicts
from candlegraph.graph.schema.experience import Experience
from candlegraph.memory.books.ledger import DecisionRow


class Correctable(BaseModel):
    """One decision: what it was made from, what was done, and room for what would have been right."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    decision_id: str
    pair: str
    closed: str = Field(description="close time of its candle")
    namespace: str
    chosen: tuple[Choice, ...]
    why: str = Field(description="why it was chosen; a person may write instead why only `admissible` is right")
    proposed: str = Field(description="what the model wanted")
    taken: str = Field(description="what was decided in the end")
    possible: tuple[str, ...]
    admissible: tuple[str, ...] = Field((), description="a person fills this: which of `possible` are right")
    inputs: dict[str, Any] = Field(
        description="snapshot, lessons, opinions and settings that the decision was made from"
    )
    briefing: str = Field(description="what the model read, but for the system prompt")


def chosen(
    rows: Sequence[DecisionRow], trades: Mapping[str, Experience], choices: Collection[Choice]
) -> Iterator[tuple[DecisionRow, dict[Choice, str]]]:
    """Yield the decisions that one of the choices names, and why; `trades` are the closed ones by decision."""
    for row in rows:
        reasons = reasons_of(row, trades.get(row.decision_id))
        if found := {name: why for name, why in reasons.items() if name in choices}:
            yield row, found


def reasons_of(row: DecisionRow, trade: Experience | None) -> dict[Choice, str]:
    """Return why a decision is worth a second look, by the choice that names it."""
    found: dict[Choice, str] = {}
    if trade is not None and trade.profit_pct < 0:
        found["losers"] = f"its trade made {trade.profit_pct:+.2f} %"
    if objections := [why for verdict, why in verdicts(row) if verdict == "veto"]:
        found["vetoes"] = f"the reviewer refused it: {objections[-1]}"
    if row.changes:
        found["clamps"] = f"the rules changed it: {'; '.join(one.line for one in row.changes)}"
    if row.repairs:
        found["repairs"] = f"answered {row.repairs + 1} times until it could be read"
    return found


def correctable(row: DecisionRow, reasons: Mapping[Choice, str], inputs: DecisionInputs, userdir: Path) -> Correctable:
    """Return a decision with room for a person's correction."""
    messages, _ = prompt_of(inputs, userdir)
    return Correctable(
        decision_id=row.decision_id,
        pair=row.pair,
        closed=row.as_of.isoformat(),
        namespace=row.namespace,
        chosen=tuple(reasons),
        why="; ".join(reasons.values()),
        proposed=row.signal.wanted.kind,
        taken=row.signal.kind,
        possible=FLAT if inputs.snapshot.position is None else HELD,
        inputs=inputs.model_dump(mode="json", exclude_defaults=True),
        briefing="\n\n".join(str(one.content) for one in messages[1:]),
    )
