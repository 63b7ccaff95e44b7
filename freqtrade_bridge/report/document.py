"""All that a report shows of one run, as plain JSON by the name of the element that holds it.

result, decisions, candles, experiences, what was seen -> verdict, charts, trades, decisions, learning, costs
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from candlegraph.freqtrade_bridge.report.equity import EquityCurve, equity_curve
from candlegraph.freqtrade_bridge.report.facts import ToldFacts, fact_tables
from candlegraph.freqtrade_bridge.report.learnt import learning
from candlegraph.freqtrade_bridge.report.packing import grouped
from candlegraph.freqtrade_bridge.report.result import RunResult
from candlegraph.freqtrade_bridge.report.rows import (
    Linked,
    Seen,
    by_trade,
    decision_columns,
    decision_detail,
    levels_of,
    linked,
    trade_rows,
)
from candlegraph.freqtrade_bridge.report.tables import costs, fate_sums, trade_sums
from candlegraph.graph.schema.experience import Experience
from candlegraph.graph.settings.context import Language, minutes_of
from candlegraph.memory.books.ledger import DecisionRow

MOST_CANDLES = 6000
"""Of a pair; more are drawn as candles of a multiple of the timeframe."""
PRICES = ("open", "high", "low", "close")

Briefing = Sequence[tuple[str, str]]
"""The messages of a prompt: who, and the text."""


@dataclass(frozen=True)
class RunEvidence:
    """What is known of one run; `candles` has `date` and `close` by pair, and the other prices where they are known."""

    result: RunResult
    decisions: Sequence[DecisionRow]
    candles: Mapping[str, pd.DataFrame]
    experiences: Mapping[int, Experience] = field(default_factory=dict)
    seen: Mapping[str, Seen] = field(default_factory=dict)
    briefings: Mapping[str, Briefing] = field(default_factory=dict)
    facts: Mapping[str, ToldFacts] = field(default_factory=dict)
    language: Language = "en"
    notes: tuple[str, ...] = ()
    name: str = ""

    @property
    def seconds(self) -> int:
        """Return the length of a main candle."""
        return 60 * (minutes_of(self.result.timeframe) or 1)

    @property
    def curve(self) -> EquityCurve:
        """Return the account marked to market."""
        return equity_curve(self.result, self.candles, self.seconds)


def documents(evidence: RunEvidence, curve: EquityCurve) -> dict[str, Any]:
    """Return the values of all elements by name; `details-0`, `briefings-0`, `facts-0` are read when a row opens."""
    result, decisions = evidence.result, evidence.decisions
    links = linked(result.trades, decisions)
    found = {
        "equity": account(evidence, curve),
        "candles": [_candles(pair, frame, evidence.seconds) for pair, frame in evidence.candles.items()],
        "trades": {
            "rows": trade_rows(result.trades, decisions, links, evidence.experiences, evidence.seen),
            "sums": trade_sums(result.trades, decisions, links),
        },
        "decisions": decision_columns(decisions, links)
        | {
            "levels": [levels_of(row) if row.signal.wanted.is_entry else None for row in decisions],
            "briefing": briefing_places(evidence),
        },
        "learning": learning(evidence.experiences, decisions, links, result.trades),
        "costs": {"rows": costs(decisions), "fates": fate_sums(decisions)},
    }
    return found | details(evidence, links) | briefings(evidence) | fact_tables(decisions, evidence.facts)


def account(evidence: RunEvidence, curve: EquityCurve) -> dict[str, Any]:
    """Return the account and what holding would have made: the first chart, which waits for nothing else."""
    kept = slice(None, None, max(1, len(curve.times) // MOST_CANDLES))
    return {
        "currency": evidence.result.currency,
        "time": _numbers(curve.times[kept], 0),
        "value": _numbers(curve.values[kept], 2),
        "held": None if curve.held is None else _numbers(curve.held[kept], 2),
    }


def _candles(pair: str, frame: pd.DataFrame, seconds: int) -> dict[str, Any]:
    shown, factor = thinned(frame)
    times = pd.DatetimeIndex(shown["date"]).as_unit("s").asi8
    prices = {name: shown[name].tolist() for name in PRICES if name in shown}
    return {"pair": pair, "step": factor * seconds, "steps": np.diff(times, prepend=0).tolist(), **prices}


def thinned(frame: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """Return the candles and 1, or where they are too many to draw, so many put together."""
    factor = -(-len(frame) // MOST_CANDLES)
    if factor <= 1:
        return frame, 1
    rules = {"date": "first", "open": "first", "high": "max", "low": "min", "close": "last"}
    groups = np.arange(len(frame)) // factor
    return frame.groupby(groups).agg({name: rules[name] for name in rules if name in frame}), factor


def details(evidence: RunEvidence, links: Linked) -> dict[str, Any]:
    """Return what opened rows show, in groups of neighbours."""
    cases = _trades_by_case(evidence)
    seen = {key: one for key, one in evidence.seen.items() if key not in evidence.facts}  # the facts hold it, too
    found = [decision_detail(row, cases, seen.get(row.decision_id)) for row in evidence.decisions]
    return {f"details-{number}": group for number, group in enumerate(map(list, grouped(found)))}


def _trades_by_case(evidence: RunEvidence) -> dict[int, int]:
    """Return the trade of this run by the id of its experience."""
    places = {
        (trade.pair, int(trade.opened_at.timestamp())): number for number, trade in enumerate(evidence.result.trades)
    }
    own = by_trade(evidence.experiences).items()
    return {case: places[key] for key, (case, _) in own if key in places}


def briefing_places(evidence: RunEvidence) -> list[int | None]:
    """Return where in the groups the briefing of each decision is; None where it is not in the report."""
    places = {one: place for place, one in enumerate(evidence.briefings)}
    return [places.get(row.decision_id) for row in evidence.decisions]


def briefings(evidence: RunEvidence) -> dict[str, Any]:
    """Return the messages of the briefings, in groups of neighbours."""
    told = [[list(message) for message in one] for one in evidence.briefings.values()]
    return {f"briefings-{number}": group for number, group in enumerate(map(list, grouped(told)))}


def _numbers(values: np.ndarray[Any, np.dtype[np.float64]], digits: int) -> list[float]:
    found: list[float] = values.round(digits).tolist()
    return [int(one) for one in found] if digits == 0 else found
