"""The marks of a closed trade, from facts only, and the reward that follows from them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from statistics import fmean

from pydantic import Field

from candlegraph.graph.schema.experience import ClosedTrade, Grade, Scores
from candlegraph.graph.schema.market import Frozen

Line = tuple[tuple[float, float], ...]

PROFIT: Line = ((-15, 0), (-5, 5), (0, 10), (5, 20), (10, 30))
STOP: Line = ((1.0, 10), (1.2, -10))  # adverse price move / planned distance
LEVERAGE: Line = ((3, 10), (10, 0), (20, -10))
GIVE_BACK: Line = ((0.2, 5), (0.5, 0), (0.8, -5))  # share of the best profit
ENTRY: Line = ((2, 12), (5, 0), (10, -12))  # worst loss, % of stake
EXIT: Line = ((0, -13), (0.5, 0), (0.9, 13))  # profit / best profit
GRADES: tuple[tuple[float, Grade], ...] = ((90, "S"), (80, "A"), (70, "B"), (60, "C"), (50, "D"))

FACTORS = ((5.0, 1.0), (10.0, 1.1), (20.0, 1.2))
ABOVE = 1.3
TREND_TRADES = 10


class Components(Frozen):
    """The seven parts that the marks are made of."""

    profit: float = Field(ge=0, le=30)
    stop: float = Field(ge=-10, le=10)
    leverage: float = Field(ge=-10, le=10)
    give_back: float = Field(ge=-5, le=5)
    entry: float = Field(ge=-12, le=12)
    exit: float = Field(ge=-13, le=13)
    efficiency: float = Field(ge=0, le=20)


def evaluate(trade: ClosedTrade) -> Scores:
    """Return the four marks, their sum and its grade."""
    parts = components(trade)
    risk = clamp(12.5 + (parts.stop + parts.leverage + parts.give_back) / 2, 0, 25)
    timing = clamp(12.5 + (parts.entry + parts.exit) / 2, 0, 25)
    total = min(100.0, parts.profit + risk + timing + parts.efficiency)
    return Scores(
        profit=parts.profit, risk=risk, timing=timing, efficiency=parts.efficiency, total=total, grade=grade_of(total)
    )


def components(trade: ClosedTrade) -> Components:
    """Return every part of the marks."""
    return Components(
        profit=on_line(trade.profit_pct, PROFIT),
        stop=_stop(trade),
        leverage=on_line(trade.leverage, LEVERAGE),
        give_back=_as_known(trade, _give_back(trade)),
        entry=_as_known(trade, on_line(max(0.0, -trade.mae_pct), ENTRY)),
        exit=_as_known(trade, _exit(trade)),
        efficiency=_efficiency(trade),
    )


def grade_of(total: float) -> Grade:
    """Return S, A, B, C, D or F."""
    return next((grade for least, grade in GRADES if total >= least), "F")


def within_stop(trade: ClosedTrade) -> bool:
    """Return whether the price left the trade no further from entry than the stop that was planned."""
    if trade.liquidated or trade.planned_stop is None:
        return False
    return _adverse_move(trade) <= max(0.0, _move_against(trade, trade.planned_stop))


def on_line(x: float, corners: Line) -> float:
    """Return the height at `x`; flat before the first and after the last corner."""
    if x <= corners[0][0]:
        return corners[0][1]
    for (x0, y0), (x1, y1) in pairwise(corners):
        if x <= x1:
            # Clamped, since rounding may lift a point a hair above its corner.
            return clamp(y0 + (y1 - y0) * (x - x0) / (x1 - x0), min(y0, y1), max(y0, y1))
    return corners[-1][1]


def clamp(value: float, low: float, high: float) -> float:
    """Return `value`, moved into low…high."""
    return max(low, min(high, value))


def _stop(trade: ClosedTrade) -> float:
    if trade.liquidated:
        return -10
    if trade.planned_stop is None:
        return 0
    if trade.profit_pct >= 0 or within_stop(trade):
        return 10
    planned = _move_against(trade, trade.planned_stop)
    # A stop on the wrong side of the fill allowed no loss at all.
    return on_line(_adverse_move(trade) / planned, STOP) if planned > 0 else -10


def _adverse_move(trade: ClosedTrade) -> float:
    return max(0.0, _move_against(trade, trade.exit_price))


def _move_against(trade: ClosedTrade, price: float) -> float:
    """Return how far `price` lies on the losing side of the entry, as a ratio of it."""
    move = (trade.entry_price - price) / trade.entry_price
    return move if trade.side == "long" else -move


def _as_known(trade: ClosedTrade, part: float) -> float:
    """Return a part made of best and worst price; where these are not known it is what entry and exit allow at best.

    And never more than neutral: a good path would have to be known.
    """
    return part if trade.excursions_known else min(0.0, part)


def _give_back(trade: ClosedTrade) -> float:
    if trade.mfe_pct <= 0:
        return 0
    return on_line((trade.mfe_pct - trade.profit_pct) / trade.mfe_pct, GIVE_BACK)


def _exit(trade: ClosedTrade) -> float:
    if trade.mfe_pct <= 0:
        return 0 if within_stop(trade) else -13
    return on_line(trade.profit_pct / trade.mfe_pct, EXIT)


def _efficiency(trade: ClosedTrade) -> float:
    minutes = max((trade.closed_at - trade.opened_at).total_seconds() / 60, trade.candle_minutes)
    per_hour = trade.profit_pct / (minutes / 60)
    if per_hour > 1:
        return 20
    if per_hour >= 0.5:
        return 15
    return clamp(per_hour * 100, 0, 10)


def reward(profit_pct: float, score: float, leverage: float) -> float:
    """Return the documented reward; it punishes a well-managed loss more than a careless one."""
    return profit_pct / 100 * score / 100 * leverage_factor(leverage)


def reward_quality(profit_pct: float, score: float, leverage: float) -> float:
    """Return the reward that turns the score around on losses: the better managed, the cheaper."""
    quality = score if profit_pct >= 0 else 100 - score
    return reward(profit_pct, quality, leverage)


def leverage_factor(leverage: float) -> float:
    """Return the weight of the leverage: 1.0 up to 5x, 1.1 up to 10x, 1.2 up to 20x, 1.3 above."""
    return next((factor for most, factor in FACTORS if leverage <= most), ABOVE)


def recent_trend(rewards: Sequence[float]) -> float | None:
    """Return the mean reward of the newest ten trades minus that of the ten before; None below twenty, oldest first."""
    if len(rewards) < 2 * TREND_TRADES:
        return None
    return fmean(rewards[-TREND_TRADES:]) - fmean(rewards[-2 * TREND_TRADES : -TREND_TRADES])
