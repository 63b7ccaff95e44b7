"""The money of the same trades in two runs, live and its backtest for one, and what makes the difference.

profit = moved - fees + funding, where moved is what the prices gave; with ratio = first stake / second stake:
difference = prices + size + fees + funding
prices = first moved - ratio x second moved, size = (ratio - 1) x second moved
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal

from candlegraph.graph.schema.experience import ClosedTrade
from candlegraph.graph.schema.market import Frozen

MoneyPart = Literal["prices", "size", "fees", "funding"]


class Pairing(Frozen):
    """One trade on both sides, or on one of them."""

    first: ClosedTrade | None
    second: ClosedTrade | None

    @property
    def known(self) -> ClosedTrade:
        """Return the first side's trade, else the second's."""
        found = self.first or self.second
        assert found is not None, "a pairing has a side"
        return found

    @property
    def difference(self) -> float:
        """Return the first profit minus the second's, quote currency."""
        return sum(0.0 if one is None else sign * one.profit_abs for sign, one in ((1, self.first), (-1, self.second)))

    @property
    def parts(self) -> dict[MoneyPart, float] | None:
        """Return the parts of the difference; None where one side is missing or has no record of its costs."""
        if self.first is None or self.second is None:
            return None
        one, other = _costs(self.first), _costs(self.second)
        if one is None or other is None:
            return None
        moved, expected = _moved(self.first, one), _moved(self.second, other)
        scale = self.first.stake / self.second.stake
        return {
            "prices": moved - expected * scale,
            "size": expected * (scale - 1),
            "fees": other[0] - one[0],
            "funding": one[1] - other[1],
        }


def _costs(trade: ClosedTrade) -> tuple[float, float] | None:
    return None if trade.fees is None or trade.funding is None else (trade.fees, trade.funding)


def _moved(trade: ClosedTrade, costs: tuple[float, float]) -> float:
    fees, funding = costs
    return trade.profit_abs + fees - funding


EntryPlace = tuple[datetime, str]
"""Candle and pair of the decision that entered."""


def paired(first: Mapping[EntryPlace, ClosedTrade], second: Mapping[EntryPlace, ClosedTrade]) -> tuple[Pairing, ...]:
    """Return the trades of both sides by the place of their entry, in order."""
    places = sorted(first.keys() | second.keys())
    return tuple(Pairing(first=first.get(place), second=second.get(place)) for place in places)


def total(pairings: Sequence[Pairing]) -> dict[MoneyPart, float]:
    """Return the sums of all parts that are known."""
    known = [parts for one in pairings if (parts := one.parts) is not None]
    names: tuple[MoneyPart, ...] = ("prices", "size", "fees", "funding")
    return {name: sum(parts[name] for parts in known) for name in names}
