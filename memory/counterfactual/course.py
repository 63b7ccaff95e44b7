"""How a trade itself went, and how far the price went while it was held and afterwards."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from candlegraph.memory.counterfactual.path import TradePath, moment, risk_pct
from candlegraph.memory.counterfactual.replay import Replay
from candlegraph.memory.counterfactual.table import Afterwards, Alternative, Course, Outcome


class Extreme(NamedTuple):
    """The best or worst price of some candles."""

    candle: int
    price: float


def course_of(replay: Replay) -> Course:
    """Return how the trade went, from its record; when it was at its best and worst, from its candles."""
    path, ending, length = replay.path, replay.path.ending, replay.path.candle_minutes
    return Course(
        side=path.side,
        leverage=path.leverage,
        closing=ending.kind,
        minutes=(ending.at - path.entered_at).total_seconds() / 60,
        candle_minutes=length,
        profit_pct=ending.profit_pct,
        best_pct=ending.mfe_pct,
        worst_pct=ending.mae_pct,
        best_after=length * held_extreme(replay, 1).candle,
        worst_after=length * held_extreme(replay, -1).candle,
        stop_atr=None if path.risk is None else path.risk / path.atr,
        target_r=_target_r(path),
        risk_pct=risk_pct(path, path.side),
        is_first_fill=path.is_changed,
    )


def held_extreme(replay: Replay, way: int) -> Extreme:
    """Return the best (1) or worst (-1) price while the trade was held: of the candle it ended in only the exit."""
    path, tape = replay.path, replay.tape
    up = path.sign * way > 0
    while_open = (tape.high if up else tape.low)[: replay.end]
    prices = np.concatenate([[path.entry_price], while_open, [path.ending.price]])
    found = int(prices.argmax() if up else prices.argmin())
    return Extreme(max(0, found - 1), float(prices[found]))


def best_of(replay: Replay) -> Outcome:
    """Return what the best price while it was held would have made: a bound, known only afterwards."""
    best = held_extreme(replay, 1)
    return replay.outcome(Alternative("best", 0), replay.planned, "exit", best.candle, best.price, "hindsight", "bound")


def afterwards_of(replay: Replay) -> Afterwards | None:
    """Return how far the price went in the further candles; None before the last of them has closed."""
    path, tape = replay.path, replay.tape
    last = replay.end + replay.further
    if not replay.knows(last):
        return None
    first = replay.end + (not replay.is_chosen)  # a candle that a level ended is not all after the end
    seen = slice(first, first + replay.further)
    prices = np.array([tape.high[seen].max(), tape.low[seen].min()])
    away = path.sign * (prices - path.ending.price) / path.atr
    return Afterwards(
        best_atr=max(0.0, float(away.max())),
        worst_atr=max(0.0, float(-away.min())),
        known_at=moment(int(tape.time[last]) + path.length),
    )


def _target_r(path: TradePath) -> float | None:
    if path.target is None or path.risk is None:
        return None
    return path.sign * (path.target - path.entry_price) / path.risk
