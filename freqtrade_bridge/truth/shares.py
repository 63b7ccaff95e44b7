"""Shares of a count with their intervals, and whether two of them differ on the same things; scipy's arithmetic."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from pydantic import Field
from scipy.stats import binomtest

from candlegraph.graph.schema.frozen import Frozen

CONFIDENCE = 0.95


class Share(Frozen):
    """So many of so many, with the 95 % interval of Wilson (1927)."""

    count: float = Field(ge=0, description="a part of a thing where it was asked several times")
    of: int = Field(ge=0)
    low: float = Field(ge=0, le=1)
    high: float = Field(ge=0, le=1)

    @classmethod
    def of_parts(cls, parts: Sequence[float]) -> Self:
        """Return the mean of parts of 0 to 1, each of one thing; the interval counts things, however often asked."""
        if not parts:
            return cls(count=0, of=0, low=0, high=1)
        count = sum(parts)
        found = binomtest(round(count), len(parts)).proportion_ci(CONFIDENCE, method="wilson")
        return cls(count=count, of=len(parts), low=max(0.0, found.low), high=min(1.0, found.high))

    @property
    def ratio(self) -> float:
        """Return the share, 0 to 1; of nothing 0."""
        return self.count / self.of if self.of else 0.0

    @property
    def told(self) -> str:
        """Return it for a person: 83% (76-89)."""
        if not self.of:
            return "-"
        return f"{self.ratio:.0%} ({100 * self.low:.0f}-{100 * self.high:.0f})"


class PairedCounts(Frozen):
    """Two ways over the same things: how many only the one got right, and whether chance does as much."""

    only_first: int = Field(ge=0)
    only_second: int = Field(ge=0)
    p: float = Field(gt=0, le=1, description="exact McNemar test, two-sided")

    @classmethod
    def of(cls, first: Sequence[bool], second: Sequence[bool]) -> Self:
        """Return the comparison of two sequences of one length over the same things."""
        pairs = list(zip(first, second, strict=True))
        one, other = sum(a and not b for a, b in pairs), sum(b and not a for a, b in pairs)
        p = float(binomtest(one, one + other).pvalue) if one + other else 1.0
        return cls(only_first=one, only_second=other, p=min(1.0, p))
