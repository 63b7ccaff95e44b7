"""The counterfactual table of one closed trade: what is stored, and what words and advice are made of."""

from __future__ import annotations

from typing import Literal, NamedTuple

from pydantic import AwareDatetime, Field

from candlegraph.graph.schema.market import Frozen, Price, Side
from candlegraph.memory.counterfactual.path import ClosedBy

AlternativeKind = Literal["stop", "target", "earlier", "later", "time", "entry", "leverage", "best"]
"""What is changed: stop in ATR, target in R, exit by so many candles, time in the trade, entry by so many candles,
leverage by a factor; `best`: the best price while it was held."""
End = Literal["stop", "target", "liquidation", "exit", "time", "horizon", "none"]
"""`exit`: the trade's own; `time`: as the alternative says; `horizon`: the open of the n-th candle after the trade's
end, since no level was reached and there was no exit of its own; `none`: there would have been no trade."""
Remark = Literal["entry_candle", "hindsight", "bound"]
"""`entry_candle`: its unseen path decides; `hindsight`: could not have been known; `bound`: no rule gets this price."""


class Alternative(NamedTuple):
    """One thing done otherwise."""

    kind: AlternativeKind
    value: float


class Outcome(Frozen):
    """What the first fill would have made with one thing done otherwise; the rest as planned, the stake kept."""

    kind: AlternativeKind
    value: float = Field(description="ATR, R, candles or a factor, as the kind says; of best 0")
    end: End
    index: int = Field(
        ge=0, description="candle in which it ends, the entry candle is 0; of no trade that of the entry"
    )
    price: Price | None = Field(description="None: no trade")
    profit_pct: float = Field(description="net, of the stake")
    known_at: AwareDatetime
    remarks: tuple[Remark, ...] = ()

    @property
    def alternative(self) -> Alternative:
        """Return what was done otherwise."""
        return Alternative(self.kind, self.value)


class Afterwards(Frozen):
    """How far the price went after the end, in ATR from the exit; bounds, not results."""

    best_atr: float = Field(ge=0, description="in the trade's favour")
    worst_atr: float = Field(ge=0, description="against it")
    known_at: AwareDatetime


class Course(Frozen):
    """How the trade itself went; percentages are net of the stake."""

    side: Side
    leverage: float
    closing: ClosedBy
    minutes: float = Field(ge=0)
    candle_minutes: float
    profit_pct: float
    best_pct: float = Field(description="profit if closed at the best price")
    worst_pct: float
    best_after: float = Field(ge=0, description="minutes from the entry to the candle of the best price")
    worst_after: float = Field(ge=0)
    stop_atr: float | None = Field(description="planned distance; None: no stop was planned")
    target_r: float | None = Field(description="planned target in planned stop distances")
    risk_pct: float | None = Field(description="what the planned stop would have lost, fees included")
    is_first_fill: bool = Field(description="added to, reduced, or its stop moved: its first fill is replayed")

    @property
    def net_r(self) -> float | None:
        """Return the net result in losses at the initial stop, which verdicts are about."""
        return None if self.risk_pct is None else self.profit_pct / self.risk_pct


class Table(Frozen):
    """One trade, and what it would have made otherwise, as far as it was known at `as_of`."""

    as_of: AwareDatetime
    course: Course
    actual_pct: float = Field(description="first fill, closed where the trade really ended")
    end_index: int = Field(ge=0, description="candles from the entry candle to the one it ended in")
    pct_per_atr: float = Field(gt=0, description="profit of the stake per ATR that the price moves")
    further: int = Field(ge=1, description="candles after the end that are looked at")
    has_funding: bool = Field(True, description="False: replayed without funding, which was not to be had")
    outcomes: tuple[Outcome, ...]
    afterwards: Afterwards | None = Field(description="None until the last further candle has closed")

    @property
    def is_complete(self) -> bool:
        """Return whether nothing more will become known."""
        return self.afterwards is not None

    @property
    def known_at(self) -> AwareDatetime | None:
        """Return when the last part of a complete table became known."""
        return None if self.afterwards is None else self.afterwards.known_at

    def gain_atr(self, outcome: Outcome) -> float:
        """Return by how much the outcome is better than what was, in ATR at the trade's own size."""
        return (outcome.profit_pct - self.actual_pct) / self.pct_per_atr
