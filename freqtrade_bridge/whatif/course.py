"""What the changed decisions of a run lead to, in the order of their candles: how far what was answered still holds.

Before the first order that differs everything is as a full run would have it. After it the account is another one, so
that answers were given to another prompt: the gate's arithmetic goes on with them, and they are counted apart.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import AwareDatetime, Field

from candlegraph.freqtrade_bridge.whatif.remade import Remade
from candlegraph.graph.schema.frozen import Frozen
from candlegraph.graph.schema.signal import TradeSignal

Holds = Literal["exact", "other_account", "other_position", "no_position"]
"""no_position: it was decided in a trade that would not be there, or beside one that nobody knows the end of."""
Trade = Literal["gone", "stays", "resized"]
"""Of a pair, beside the recorded one. stays: it is open where the run was flat, and nobody knows its end."""
HOLDS: dict[Trade, Holds] = {"gone": "no_position", "stays": "no_position", "resized": "other_position"}
TOLERANCE = 1e-9


@dataclass(frozen=True)
class Placed:
    """A remade decision, and how far its answer holds."""

    remade: Remade
    holds: Holds


class TradeCost(Frozen):
    """What a changed entry does to its trade."""

    decision_id: str
    pair: str
    opened_at: AwareDatetime
    made: float = Field(description="net, quote currency, as it was")
    share: float | None = Field(description="of the position that would be left; None: its course is not known")

    @property
    def difference(self) -> float | None:
        """Return what the account would have more, quote currency."""
        return None if self.share is None else self.made * (self.share - 1)


class ChangedDecision(Frozen):
    """One decision that comes out otherwise, or for which a model would have to be asked."""

    decision_id: str
    pair: str
    as_of: AwareDatetime
    was: str
    now: str
    why: str
    holds: Holds


class WhatIf(Frozen):
    """A run under other rules."""

    decisions: int
    without_inputs: int = Field(description="left out: what they were made from was not kept, or is gone")
    standings: dict[str, int]
    holds: dict[str, int]
    changed: tuple[ChangedDecision, ...]
    first_effect: AwareDatetime | None = Field(description="from then on the account is another one; None: never")
    trades: tuple[TradeCost, ...] = Field(description="whose entry is smaller, larger, gone or has another stop")
    difference: float = Field(description="of those whose share is known, quote currency; nothing is reinvested")


def placed(given: Iterable[Remade]) -> Iterator[Placed]:
    """Yield the decisions in the order of their candles, each with how far its answer holds."""
    is_other, trades = False, dict[str, Trade]()
    for one in given:
        pair = one.row.pair
        if one.row.state == "flat" and trades.get(pair) in ("gone", "resized"):
            trades.pop(pair)  # the trade has ended in both
        holds: Holds = HOLDS[trades[pair]] if pair in trades else "other_account" if is_other else "exact"
        yield Placed(one, holds)
        if holds != "no_position" and has_effect(one):
            is_other = True
            if (trade := _after(one)) is not None:
                trades[pair] = trade


def has_effect(one: Remade) -> bool:
    """Return whether the account is another one after it: an order differs, or nobody knows what would be answered."""
    if one.standing == "asked_anew":
        return True
    if one.standing != "changed" or one.signal is None:
        return False
    was_filled = one.row.fate is not None and one.row.fate.is_filled
    return was_filled or one.signal.acts


def _after(one: Remade) -> Trade | None:
    """Return what the pair's trade is after an order that differs; None where a model would have to be asked."""
    if one.standing == "asked_anew" or one.signal is None:
        return None
    was, now = one.row.signal, one.signal
    if (was.is_entry and not now.is_entry) or (now.is_exit and not was.is_exit):
        return "gone"
    return "stays" if (now.is_entry and not was.is_entry) or (was.is_exit and not now.is_exit) else "resized"


def whatif_of(given: Sequence[Remade], made: Mapping[str, float], missing: int) -> WhatIf:
    """Return the run under other rules; `made`: net result of closed trades by the decision that opened them."""
    found = list(placed(given))
    effects = [one.remade.row.as_of for one in found if one.holds != "no_position" and has_effect(one.remade)]
    costs = tuple(cost for one in found if (cost := cost_of(one, made)) is not None)
    return WhatIf(
        decisions=len(found),
        without_inputs=missing,
        standings=dict(Counter(one.remade.standing for one in found)),
        holds=dict(Counter(one.holds for one in found)),
        changed=tuple(_told(one) for one in found if one.remade.standing in ("changed", "asked_anew")),
        first_effect=effects[0] if effects else None,
        trades=costs,
        difference=sum(cost.difference or 0.0 for cost in costs),
    )


def cost_of(one: Placed, made: Mapping[str, float]) -> TradeCost | None:
    """Return what a changed entry does to its trade; None where there is none, or none would be left."""
    row, signal = one.remade.row, one.remade.signal
    if one.remade.standing != "changed" or signal is None or one.holds == "no_position":
        return None
    if not row.signal.is_entry or row.decision_id not in made:
        return None
    known = {"decision_id": row.decision_id, "pair": row.pair, "opened_at": row.as_of, "made": made[row.decision_id]}
    return TradeCost(**known, share=_share(one.remade, signal))


def _share(one: Remade, now: TradeSignal) -> float | None:
    """Return which part of the position is left; None where the stop moves, since nobody knows where it ends then."""
    was = one.row.signal
    if not now.is_entry:
        return 0.0
    if was.stop is None or now.stop is None or abs(now.stop - was.stop) > TOLERANCE * was.stop:
        return None
    return _size(one, now) / _size(one, was)


def _size(one: Remade, signal: TradeSignal) -> float:
    """Return stake times leverage; a stake that was left to freqtrade is the one that was filled."""
    filled = one.row.fate.stake if one.row.fate is not None and one.row.fate.stake else 1.0
    return (signal.stake or filled) * (signal.leverage or 1.0) * signal.stake_ratio


def _told(one: Placed) -> ChangedDecision:
    row, signal = one.remade.row, one.remade.signal
    return ChangedDecision(
        decision_id=row.decision_id,
        pair=row.pair,
        as_of=row.as_of,
        was=row.signal.name,
        now="?" if signal is None else signal.name,
        why=one.remade.why,
        holds=one.holds,
    )
