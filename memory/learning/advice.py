"""Standing advice for a set-up: which rule would have done better over its trades, where luck does not explain it.

complete table after complete table -> difference to what was, each alternative, at equal stake -> running products ->
the one that is shown

The best of many alternatives flatters, so the capital is spread over all that were tried: their average has to reach
20, and the named one's own. Only rules that could have been followed: what needs hindsight is in no advice.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from pydantic import Field

from candlegraph.graph.schema.market import Frozen
from candlegraph.memory.counterfactual.outcomes import EXITS, STOPS_ATR, TARGETS_R, TIMES
from candlegraph.memory.counterfactual.replay import BLURRED_ATR
from candlegraph.memory.counterfactual.table import Alternative, Table
from candlegraph.memory.learning.evidence import PRIOR_TRADES, PROOF, Running, Span

UNIT_ATR = 2.5
"""About the spread of a difference: a bet is for so many ATR."""
BETS = np.array([0.05, 0.15, 0.4]) / UNIT_ATR
WEIGHTS = np.array([0.2, 0.4, 0.4])
TRIED: tuple[Alternative, ...] = (
    *(Alternative("stop", atr) for atr in STOPS_ATR if atr > BLURRED_ATR),
    *(Alternative("target", many) for many in TARGETS_R),
    *(Alternative("later", many) for many in EXITS),
    *(Alternative("time", many) for many in TIMES),
)
"""All that advice chooses from; the average is over all of them, also those that no trade has."""


class Paired(Frozen):
    """One trade's differences, in the order of `TRIED`: better than what was by so many ATR at the trade's own size."""

    span: Span
    beside: int | None = Field(None, ge=0, description="trades of its side open at its entry; None: not noted")
    gains_atr: tuple[float, ...] = Field(min_length=len(TRIED), max_length=len(TRIED))


def paired(table: Table, span: Span, beside: int | None = None) -> Paired:
    """Return the differences of a complete table; raise ValueError for one whose candles are not all known.

    An alternative that a table does not have would have changed nothing in that trade.
    """
    if not table.is_complete:
        raise ValueError("expected a complete table: what is decided first is no fair sample")
    gains = {outcome.alternative: table.gain_atr(outcome) for outcome in table.outcomes}
    return Paired(span=span, beside=beside, gains_atr=tuple(gains.get(one, 0.0) for one in TRIED))


class Better(NamedTuple):
    """A rule that is shown to do better."""

    rule: Alternative
    trades: int
    gain_atr: float
    """A trade, mean, shrunk towards 0: the best of many flatters."""
    capital: float
    """Of the bet on this rule."""
    average: float
    """Of the bets on all rules tried."""


class Gains:
    """The trades of one set-up whose tables are complete, and what the bets on each rule have made of them."""

    def __init__(self) -> None:
        self.trades = 0
        self._running = Running(len(TRIED), BETS)

    def add(self, one: Paired) -> None:
        """Count one more trade."""
        self.trades += 1
        self._running.add(one.span, one.gains_atr, one.beside)

    @property
    def better(self) -> Better | None:
        """Return the best rule once the bets on all together have reached 20: the best one's own is then above."""
        capital = self._running.products @ WEIGHTS
        if capital.mean() < PROOF:
            return None
        best = int(capital.argmax())
        gain = self._running.totals[best] / (self._running.observations + PRIOR_TRADES)
        return Better(TRIED[best], self.trades, float(gain), float(capital[best]), float(capital.mean()))
