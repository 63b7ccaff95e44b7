"""What disguise does to a model's calls: how the market went their way, with and without; and what it guesses.

A call's result is how far the market went its way over the candles after it, in ATR; no call makes 0. Each decision is
its own control, so that the difference is the mask's.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from typing import Literal

import numpy as np
from pydantic import Field

from candlegraph.freqtrade_bridge.leakage.asking import Guess, Matched
from candlegraph.freqtrade_bridge.scenarios.asking import Reply
from candlegraph.freqtrade_bridge.truth.edge import FEWEST, LEVEL, POWER, paired_interval_of
from candlegraph.freqtrade_bridge.truth.shares import PairedCounts, Share
from candlegraph.graph.schema.frozen import Frozen

WAY = {"enter_long": 1, "enter_short": -1}
LeakageJudgement = Literal["knowledge shown", "no knowledge shown", "too little data to tell"]


class Leakage(Frozen):
    """A model over matched decisions; results in ATR of the main timeframe a decision."""

    judgement: LeakageJudgement
    model: str
    decisions: int
    horizon: int = Field(description="candles over which a call is judged")
    plain: float = Field(description="mean result, as it was")
    disguised: float
    difference: float
    interval: tuple[float, float] | None = Field(description="90 %, of the difference; None: too few decisions")
    smallest: float = Field(description="difference that so many decisions show with 80 % power")
    same: Share = Field(description="the same answer in disguise")
    right: PairedCounts = Field(description="calls that the market followed; first: as it was, second: in disguise")
    named_coin: Share = Field(description="guessed rightly, in disguise")
    named_month: Share = Field(description="guessed rightly, in disguise; the month of the year is not enough")
    named_month_plain: Share = Field(description="the same, as it was")
    unanswered: int = Field(description="left out: one of the two had no valid answer")


def leakage_of(model: str, found: Sequence[Matched], horizon: int) -> Leakage:
    """Return what the answers say; `found` in the order of time, one at least with both answers."""
    known = [one for one in found if one.plain.answer and one.disguised.answer]
    plain, disguised = (np.array([_result(reply, one.move_atr) for one, reply in both]) for both in _arms(known))
    gap = plain - disguised
    interval = paired_interval_of(gap) if len(gap) >= FEWEST else None
    right = PairedCounts.of(list(plain > 0), list(disguised > 0))
    return Leakage(
        judgement=_judged(interval, right),
        model=model,
        decisions=len(known),
        horizon=horizon,
        plain=float(plain.mean()),
        disguised=float(disguised.mean()),
        difference=float(gap.mean()),
        interval=interval,
        smallest=POWER * float(gap.std(ddof=1)) / sqrt(len(gap)) if len(gap) > 1 else 0.0,
        same=Share.of_parts([float(one.plain.answer == one.disguised.answer) for one in known]),
        right=right,
        named_coin=_named([(one.disguised_guess, _coin(one)) for one in found], "coin"),
        named_month=_named([(one.disguised_guess, f"{one.as_of:%Y-%m}") for one in found], "month"),
        named_month_plain=_named([(one.plain_guess, f"{one.as_of:%Y-%m}") for one in found], "month"),
        unanswered=len(found) - len(known),
    )


def _arms(known: Sequence[Matched]) -> tuple[list[tuple[Matched, Reply]], list[tuple[Matched, Reply]]]:
    return [(one, one.plain) for one in known], [(one, one.disguised) for one in known]


def _result(reply: Reply, move_atr: float) -> float:
    return WAY.get(str(reply.answer), 0) * move_atr


def _judged(interval: tuple[float, float] | None, right: PairedCounts) -> LeakageJudgement:
    """Return the judgement; both must say so, since either alone is fooled by a few large moves, or many tiny ones."""
    if interval is None:
        return "too little data to tell"
    is_more_often = right.only_first > right.only_second and right.p <= LEVEL
    return "knowledge shown" if interval[0] > 0 and is_more_often else "no knowledge shown"


def _coin(one: Matched) -> str:
    return one.pair.partition("/")[0]


def _named(guesses: Sequence[tuple[Guess, str]], what: Literal["coin", "month"]) -> Share:
    """Return how many guesses that were made are right."""
    made = [(getattr(guess, what).upper(), truth.upper()) for guess, truth in guesses if guess.coin]
    return Share.of_parts([float(guess == truth) for guess, truth in made])
