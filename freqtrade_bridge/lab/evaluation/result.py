"""What a plan's evaluation says: one document, for the page, the terminal and other programs."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from candlegraph.freqtrade_bridge.truth.edge import Edge
from candlegraph.freqtrade_bridge.truth.matched import Luck
from candlegraph.freqtrade_bridge.truth.ratios import TwoOpinions
from candlegraph.freqtrade_bridge.truth.selection import Selection
from candlegraph.graph.schema.frozen import Frozen


class DailyDifference(Frozen):
    """How much more a strategy made than a baseline, of the balance in 30 days; the 90 % interval of the mean."""

    mean: float
    interval: tuple[float, float]


class TradeSums(Frozen):
    """What all trades of a line come to; money as a share of the balance at the beginning of their window."""

    trades: int
    win_rate: float | None
    profit_factor: float | None = Field(description="gained over lost; None: nothing was lost, or nothing traded")
    exposure: float = Field(description="share of the candles during which a trade was open")
    turnover: float = Field(description="volume of all orders over the balance, a window on average")
    fees: float = Field(description="of the balance, a window on average")
    funding: float = Field(description="of the balance, a window on average; below 0: paid")
    liquidations: int
    fallbacks: float = Field(description="share of the decisions that no model took, though one was asked for")
    spent: float | None = Field(description="money of all model calls; None: a price is unknown")
    spent_per_trade: float | None
    tokens_per_trade: float | None


class EvaluatedLine(Frozen):
    """A tested strategy or a baseline over all windows, its first repetition where there are several."""

    name: str
    kind: Literal["tested", "baseline"]
    returned: float = Field(description="over all windows, compounded")
    windows: tuple[float, ...] = Field(description="what each window made")
    equity: tuple[float, ...] = Field(description="1 at the beginning, then at the end of each traded day")
    ratios: TwoOpinions | None = Field(description="None: fewer than three days, or the account never moved")
    sums: TradeSums | None = Field(description="None: a baseline that is arithmetic")
    repeated: tuple[float, ...] = Field((), description="what each repetition made")
    noise: float | None = Field(None, description="standard deviation between repetitions; None: there is one")
    edge: Edge | None = Field(None, description="None: a baseline, or no trade with a stop")
    luck: Luck | None = None
    cone: tuple[tuple[float, ...], ...] | None = Field(None, description="5, 50, 95 % of the random agents, by day")
    against: dict[str, DailyDifference] = {}


class Evaluation(Frozen):
    """All of it; `plan` is as it was read."""

    name: str
    content: str = Field(description="digits of what the plan says")
    plan: dict[str, Any]
    verdict: str
    days: tuple[str, ...] = Field(description="of the equity's points")
    windows: tuple[tuple[str, str], ...] = Field(description="first day, and first day that is not traded")
    lines: tuple[EvaluatedLine, ...]
    selection: Selection | None = Field(description="None: no tested account ever moved")
    doubts: tuple[str, ...] = Field((), description="what takes from the verdict, in words")

    @property
    def tested(self) -> tuple[EvaluatedLine, ...]:
        """Return the tested strategies."""
        return tuple(line for line in self.lines if line.kind == "tested")
