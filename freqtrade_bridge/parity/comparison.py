"""Two runs over the same candles: which decisions differ and why, and the money, trades and fates side by side."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from candlegraph.freqtrade_bridge.host.run_name import refuse_same
from candlegraph.freqtrade_bridge.parity.causes import Departure, DepartureCause, departures, overlap
from candlegraph.freqtrade_bridge.parity.compared import ComparedRun
from candlegraph.freqtrade_bridge.parity.money import Pairing, paired
from candlegraph.freqtrade_bridge.parity.sides import RUNS
from candlegraph.graph.schema.errors import ConfigError
from candlegraph.graph.schema.experience import ClosedTrade
from candlegraph.graph.schema.frozen import Frozen
from candlegraph.memory.books.ledger import DecisionRow, fate_counts

CAUSE_TOLD: dict[DepartureCause, tuple[str, str]] = {
    "missing": ("missing", "decided in one run only"),
    "lateness": ("lateness", "an answer came after its time, or none came"),
    "data": ("candles", "other candles or another sentiment were read"),
    "memory": ("memory", "other cases were remembered, after an earlier difference"),
    "fill": ("account", "another position or wallet, after an earlier difference"),
    "settings": ("settings", "another configuration or depth"),
    "prompt": ("prompt", "another wording of the prompt, all else equal"),
    "model": ("answer", "the model answered the same question otherwise"),
    "clamp": ("clamp", "the same call was lowered or refused otherwise"),
    "not kept": ("not kept", "what it was made from is gone (experience_config.snapshots)"),
}
"""The word for each cause, and what it means, between two runs of one kind."""
FOLLOWING: frozenset[DepartureCause] = frozenset({"memory", "fill"})
"""Causes that come of an earlier difference: two runs begin with the same wallet and memory."""


class RunTotals(Frozen):
    """One side in numbers, over the candles that both runs decided; money in quote currency."""

    name: str
    models: tuple[str, ...]
    prompts: tuple[str, ...]
    net_result: float
    trades: int
    won: int
    fees: float | None
    funding: float | None
    cost: float | None
    fates: dict[str, int]

    @classmethod
    def of(cls, rows: Sequence[DecisionRow], trades: Sequence[ClosedTrade]) -> RunTotals:
        """Return the numbers of these decisions and of the trades that they entered."""
        costs = [row.cost for row in rows]
        return cls(
            name=rows[0].namespace,
            models=tuple(dict.fromkeys(row.model for row in rows)),
            prompts=tuple(dict.fromkeys(row.prompt_version for row in rows)),
            net_result=sum(one.profit_abs for one in trades),
            trades=len(trades),
            won=sum(one.profit_abs > 0 for one in trades),
            fees=_sum([one.fees for one in trades]),
            funding=_sum([one.funding for one in trades]),
            cost=_sum(costs),
            fates=dict(fate_counts(rows).most_common()),
        )


class RunComparison(Frozen):
    """Run A and run B."""

    first: RunTotals
    second: RunTotals
    decisions: int
    departures: tuple[Departure, ...]
    trades: tuple[Pairing, ...]

    @property
    def partings(self) -> tuple[Departure, ...]:
        """Return where the runs part of themselves; all that differ, where one only follows from the other."""
        return tuple(one for one in self.departures if one.cause not in FOLLOWING) or self.departures

    @property
    def causes(self) -> Mapping[DepartureCause, int]:
        """Return how many decisions differ by each cause, the most frequent first."""
        return dict(Counter(one.cause for one in self.departures).most_common())


def comparison_of(first: ComparedRun, second: ComparedRun, pair: str | None = None) -> RunComparison:
    """Return how two runs differ; raise ConfigError where they are one, or have no candle of a pair in common."""
    refuse_same("compare", first.place, second.place)
    one, other = overlap(first.rows_of(pair), second.rows_of(pair))
    if not one or not other:
        raise ConfigError(f"compare: {first.told} and {second.told} have no candle of a pair in common")
    of_first = {id(row) for row in one}  # by the object: in two folders both may be called live
    found = departures(one, other, lambda row: (first if id(row) in of_first else second).evidence(row), RUNS)
    mine, theirs = first.trades(one), second.trades(other)
    return RunComparison(
        first=RunTotals.of(one, [*mine.values()]),
        second=RunTotals.of(other, [*theirs.values()]),
        decisions=len({(row.candle, row.pair) for row in (*one, *other)}),
        departures=found,
        trades=paired(mine, theirs),
    )


def _sum(values: Sequence[float | None]) -> float | None:
    """Return the sum; None where one is unknown."""
    return None if None in values else sum(value for value in values if value is not None)
