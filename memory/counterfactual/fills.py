"""Where a position would have been filled, and what that makes: Freqtrade's backtest as arithmetic.

position, candles -> the first level they reach -> price on the tick -> net profit

Levels stand from the entry fill on, the whole entry candle included; in one candle a stop comes before a liquidation,
and that before a target. A stop and a liquidation are reached by a touch, a target only beyond. A stop fills at its
price unless the whole candle lies beyond it; a target at a better open, but not in the entry candle.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Decimal
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from candlegraph.memory.counterfactual.path import Tier, TradePath

LIQUIDATION_BUFFER = 0.05
"""Freqtrade's own default: it takes a position as liquidated a little before the exchange does."""
TARGET_DIGITS = 8
"""A target reaches the backtest as a profit ratio of so many digits; on half a tick that moves its price."""

Reached = Literal["stop", "liquidation", "target"]
Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Tape:
    """A pair's closed candles, its funding and its costs, ready to be searched."""

    time: NDArray[np.int64]
    open: Numbers
    high: Numbers
    low: Numbers
    funded_at: NDArray[np.int64]
    funded: Numbers
    """Rate times mark price of the first k funding times, summed; it begins with 0."""
    fee: float
    tick: float

    def funding(self, first: float, last: float) -> float:
        """Return what a long pays per unit from `first` to `last`, both included, seconds."""
        begin, end = self.funded_at.searchsorted(first, "left"), self.funded_at.searchsorted(last, "right")
        return float(self.funded[end] - self.funded[begin])


@dataclass(frozen=True)
class ReplayedPosition:
    """One position as a replay holds it."""

    sign: int
    entry: float
    entered: float
    """Seconds since 1970."""
    first: int
    """The entry candle."""
    leverage: float
    stop: float | None
    target: float | None
    liquidation: float


class LevelFill(NamedTuple):
    """Where a level was reached."""

    candle: int
    price: float
    level: Reached


def tape_of(path: TradePath, closed_by: float) -> Tape:
    """Return what of the path was known at a time, seconds: candles that had closed, funding that was due."""
    time = np.asarray(path.candles.time, dtype=np.int64)
    count = int(np.searchsorted(time + path.length, closed_by, "right"))
    due = [one for one in path.funding or () if one.time <= closed_by]
    return Tape(
        time=time[:count],
        open=np.asarray(path.candles.open[:count]),
        high=np.asarray(path.candles.high[:count]),
        low=np.asarray(path.candles.low[:count]),
        funded_at=np.asarray([one.time for one in due], dtype=np.int64),
        funded=np.concatenate([[0.0], np.cumsum([one.rate * one.mark for one in due])]),
        fee=path.fee,
        tick=path.tick,
    )


def reached(tape: Tape, position: ReplayedPosition, until: int) -> LevelFill | None:
    """Return the first level that the candles before `until` reach; None where they reach none."""
    window, sign = slice(position.first, max(position.first, until)), position.sign
    adverse, favourable = (tape.low, tape.high) if sign > 0 else (tape.high, tape.low)
    at: dict[Reached, int | None] = {  # the order decides within one candle
        "stop": None if position.stop is None else _first(sign * (adverse[window] - position.stop) <= 0),
        "liquidation": _first(sign * (adverse[window] - position.liquidation) <= 0),
        "target": None if position.target is None else _first(sign * (favourable[window] - position.target) > 0),
    }
    found = [(place, level) for level, place in at.items() if place is not None]
    if not found:
        return None
    place, level = min(found, key=lambda one: one[0])  # the first of equal ones
    return LevelFill(position.first + place, _price(tape, position, position.first + place, level), level)


def net_ratio(position: ReplayedPosition, price: float, fee: float, funding: float) -> float:
    """Return the net profit over margin and opening fee; `funding` is what a long pays per unit."""
    sign, opened = position.sign, position.entry * (1 + position.sign * fee)
    return sign * (price * (1 - sign * fee) - funding - opened) / opened * position.leverage


def on_tick(price: float, tick: float, rounding: str = ROUND_HALF_UP) -> float:
    """Return the price moved to a multiple of the tick."""
    step = Decimal(repr(float(tick)))
    return float((Decimal(repr(float(price))) / step).to_integral_value(rounding) * step)


def placed_stop(stop: float, entry: float, sign: int, leverage: float, tick: float) -> float | None:
    """Return the stop that Freqtrade holds: as a ratio and back, on the tick towards the entry; None if passed."""
    ratio = max(sign * (1 - stop / entry), 0.0) * leverage
    if ratio == 0:
        return None
    return on_tick(entry * (1 - sign * abs(ratio / leverage)), tick, ROUND_CEILING if sign > 0 else ROUND_FLOOR)


def liquidation_price(sign: int, entry: float, leverage: float, stake: float, tier: Tier, tick: float) -> float:
    """Return where an isolated position is taken as liquidated; 0: never."""
    amount = tier.maintenance_amount / (stake * leverage)
    bare = entry * (1 / leverage + amount - sign) / (tier.maintenance_ratio - sign)
    return on_tick(max(bare + sign * LIQUIDATION_BUFFER * abs(entry - bare), 0.0), tick)


def tier_of(tiers: tuple[Tier, ...], value: float) -> Tier:
    """Return the tier that a value in quote currency falls in."""
    return next((tier for tier in reversed(tiers) if value >= tier.min_notional), tiers[0])


def _price(tape: Tape, position: ReplayedPosition, index: int, level: Reached) -> float:
    opened, high, low = float(tape.open[index]), float(tape.high[index]), float(tape.low[index])
    if level == "target":
        return _target_price(tape, position, index)
    wanted = position.stop if level == "stop" else position.liquidation
    assert wanted is not None
    beyond = position.sign * (wanted - (high if position.sign > 0 else low)) > 0
    return on_tick(opened if beyond else wanted, tape.tick)


def _target_price(tape: Tape, position: ReplayedPosition, index: int) -> float:
    """Return the price of a target that went through a ratio, funding paid so far included."""
    assert position.target is not None
    sign, fee, paid = position.sign, tape.fee, tape.funding(position.entered, float(tape.time[index]))
    ratio = round(net_ratio(position, position.target, fee, paid), TARGET_DIGITS)
    sent = (position.entry * (1 + sign * fee) * (1 + sign * ratio / position.leverage) + paid) / (1 - sign * fee)
    opened = float(tape.open[index])
    if index > position.first and sign * (opened - sent) > 0:
        return on_tick(opened, tape.tick)
    return on_tick(min(max(sent, float(tape.low[index])), float(tape.high[index])), tape.tick)


def _first(flags: NDArray[np.bool_]) -> int | None:
    found = int(flags.argmax()) if flags.size else 0
    return found if flags.size and flags[found] else None
