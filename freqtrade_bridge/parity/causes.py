"""Why a live decision is not the backtest's: one cause each, the one that comes first on a candle's way.

asked in time -> position -> candles -> memory -> account -> settings -> the model's answer -> gate -> order
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Literal

from candlegraph.freqtrade_bridge.decisions.inputs import DecisionInputs
from candlegraph.freqtrade_bridge.parity.seen import Seen, seen_apart
from candlegraph.graph.schema.market import Frozen
from candlegraph.graph.schema.signal import TradeSignal
from candlegraph.memory.books.ledger import DecisionRow

DepartureCause = Literal["missing", "lateness", "data", "memory", "fill", "settings", "model", "clamp", "not kept"]

MEANING: dict[DepartureCause, str] = {
    "missing": "decided on one side only",
    "lateness": "live the answer came after its time, or none came",
    "data": "other candles or another sentiment were read",
    "memory": "other past trades were remembered",
    "fill": "an order was filled otherwise, or an earlier one was: price, fees, funding",
    "settings": "another configuration, depth or prompt",
    "model": "the same question was answered otherwise",
    "clamp": "the same call was lowered or refused otherwise",
    "not kept": "what it was made from is gone (experience_config.snapshots)",
}
NUMBERS = ("leverage", "stake", "stop", "take_profit", "adjustment_pct")
SAME_NUMBER = 1e-3

Kept = Callable[[DecisionRow], DecisionInputs | None]
"""Reads what a decision was made from."""


class Departure(Frozen):
    """One candle of one pair on which live and backtest did not do the same."""

    live: DecisionRow | None
    backtest: DecisionRow | None
    cause: DepartureCause
    why: str

    @property
    def row(self) -> DecisionRow:
        """Return the one that is there, live first."""
        found = self.live or self.backtest
        assert found is not None, "one side decided"
        return found


def departures(live: Sequence[DecisionRow], backtest: Sequence[DecisionRow], kept: Kept) -> tuple[Departure, ...]:
    """Return the decisions that differ within the candles that both ledgers reach over, oldest first."""
    one, other = ({(row.candle, row.pair): row for row in rows} for rows in (live, backtest))
    found = []
    for place in sorted(one.keys() | other.keys()):
        first, second = one.get(place), other.get(place)
        if first is None or second is None:
            found.append(Departure(live=first, backtest=second, cause="missing", why=_missing(first)))
        elif not (same_call(first.signal, second.signal) and same_fate(first, second)):
            cause, why = cause_of(first, second, kept)
            found.append(Departure(live=first, backtest=second, cause=cause, why=why))
    return tuple(found)


def overlap(
    live: Sequence[DecisionRow], backtest: Sequence[DecisionRow]
) -> tuple[Sequence[DecisionRow], Sequence[DecisionRow]]:
    """Return the rows of both within the candles and pairs that both have."""
    pairs = {row.pair for row in live} & {row.pair for row in backtest}
    if not pairs:
        return (), ()
    begin = max(min(row.candle for row in rows) for rows in (live, backtest))
    end = min(max(row.candle for row in rows) for rows in (live, backtest))
    one, other = ([r for r in rows if r.pair in pairs and begin <= r.candle <= end] for rows in (live, backtest))
    return one, other


def same_call(live: TradeSignal, backtest: TradeSignal) -> bool:
    """Return whether both ask for the same: action, and numbers within a tenth of a percent."""
    if (live.action, live.wanted.action) != (backtest.action, backtest.wanted.action):
        return False
    return all(_same(getattr(live, name), getattr(backtest, name)) for name in NUMBERS)


def same_fate(live: DecisionRow, backtest: DecisionRow) -> bool:
    """Return whether the same became of both calls; one that is not known yet differs from nothing."""
    if live.fate is None or backtest.fate is None:
        return True
    return live.fate_door == backtest.fate_door


def cause_of(live: DecisionRow, backtest: DecisionRow, kept: Kept) -> tuple[DepartureCause, str]:
    """Return why two decisions on one candle differ."""
    if _is_late(live):
        return "lateness", live.error or live.fate_line or live.signal.reason
    if live.error is not None:
        return "model", f"live the model failed: {live.error}"
    if live.state != backtest.state:
        return "fill", f"{live.state} live, {backtest.state} in the backtest"
    one, other = kept(live), kept(backtest)
    if one is None or other is None:
        return _from_rows(live, backtest)
    return _from_evidence(live, backtest, seen_apart(one, other))


def _from_evidence(live: DecisionRow, backtest: DecisionRow, apart: dict[Seen, str]) -> tuple[DepartureCause, str]:
    for kind, told in apart.items():
        return kind, told
    if live.prompt_version != backtest.prompt_version:
        return "settings", f"prompt {live.prompt_version} live, {backtest.prompt_version} in the backtest"
    return _answered(live, backtest)


def _answered(live: DecisionRow, backtest: DecisionRow) -> tuple[DepartureCause, str]:
    """Return which part of two answers to the same question differs."""
    if asked_for(live) != asked_for(backtest):
        models = "" if live.model == backtest.model else f"; {live.model} live, {backtest.model} in the backtest"
        return "model", f"{_told(live)} live, {_told(backtest)} in the backtest{models}"
    if not same_call(live.signal, backtest.signal):
        return "clamp", f"{_changed(live)} live, {_changed(backtest)} in the backtest"
    return "fill", f"{live.fate_line} live, {backtest.fate_line} in the backtest"


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


def _from_rows(live: DecisionRow, backtest: DecisionRow) -> tuple[DepartureCause, str]:
    """Return what the rows alone can tell, where the evidence of one is gone."""
    if not math.isclose(live.price, backtest.price, rel_tol=1e-9):
        return "data", f"price {live.price:.10g} live, {backtest.price:.10g} in the backtest"
    if live.prompt_hash == backtest.prompt_hash:
        return _answered(live, backtest)
    return "not kept", f"{_told(live)} live, {_told(backtest)} in the backtest, of two different prompts"


def _missing(live: DecisionRow | None) -> str:
    if live is None:
        return "live nothing was decided: the bot was off or stood still, or had no candle of the pair"
    return "the backtest decided nothing: its data has no such candle, or the pair is not in its list"


def _told(row: DecisionRow) -> str:
    return row.signal.wanted.name


def _changed(row: DecisionRow) -> str:
    refused = None if row.signal.refusal is None else row.signal.refusal.line
    return refused or "; ".join(clamp.line for clamp in row.changes) or "nothing lowered"


def _same(live: float | None, backtest: float | None) -> bool:
    if live is None or backtest is None:
        return live is backtest
    return math.isclose(live, backtest, rel_tol=SAME_NUMBER)
