"""Where a stop belongs when nobody named one, and how rules tighten it while the trade goes well.

Pure arithmetic on prices. A stop found here may only come closer to the price, never move away from it.
"""

from __future__ import annotations

from candlegraph.graph.schema.facts import Facts
from candlegraph.graph.schema.market import Frozen, MarketSnapshot, Price, Side, sign_of
from candlegraph.graph.settings.risk import RiskManagement

BEHIND_LEVEL = 0.25
"""ATRs between a level and the stop behind it: wicks reach through levels."""
NEAREST = 0.5
"""ATRs: a stop nearer than this is noise."""


class StopBasis(Frozen):
    """What a stop is derived from; None = unavailable."""

    atr: float | None = None
    support: Price | None = None
    resistance: Price | None = None


def derived_stop(side: Side, rate: float, basis: StopBasis, multiple: float) -> float | None:
    """Return a stop right behind the next level, at most `multiple` ATR away; None without an ATR or room for it."""
    if not basis.atr:
        return None
    distance = multiple * basis.atr
    level = basis.support if side == "long" else basis.resistance
    if level is not None:
        behind = sign_of(side) * (rate - level) + BEHIND_LEVEL * basis.atr
        if min(NEAREST, multiple) * basis.atr <= behind <= distance:
            distance = behind
    stop = rate - sign_of(side) * distance
    return stop if stop > 0 and is_protective(side, stop, rate) else None


def is_protective(side: Side, stop: float, rate: float) -> bool:
    """Return whether `stop` lies on the losing side of `rate`."""
    return sign_of(side) * (rate - stop) > 0


def tightened_stop(
    side: Side,
    *,
    entry: float,
    initial_stop: float,
    stop: float,
    best: float,
    rules: RiskManagement,
    fee_ratio: float,
) -> float:
    """Return the stop after break-even and trailing; `best` is the best price since entry. Never looser than `stop`.

    One R is the distance from entry to the stop planned at entry. Break-even includes the fees of both sides.
    """
    sign, risk = sign_of(side), abs(entry - initial_stop)
    gained = sign * (best - entry)
    candidates = [stop]
    if rules.break_even_after_r is not None and gained >= rules.break_even_after_r * risk:
        candidates.append(entry * (1 + sign * 2 * fee_ratio))
    if rules.trailing_after_r is not None and gained >= rules.trailing_after_r * risk:
        candidates.append(best - sign * rules.trailing_distance_r * risk)
    return max(candidates) if side == "long" else min(candidates)


def stop_atr(snapshot: MarketSnapshot) -> float | None:
    """Return the ATR that stops are derived from: the second timeframe's, else the main one's."""
    views = snapshot.timeframes
    return views[min(1, len(views) - 1)].indicators.atr


def stop_basis(snapshot: MarketSnapshot, facts: Facts | None) -> StopBasis:
    """Return what a stop is derived from."""
    if facts is None:
        return StopBasis(atr=stop_atr(snapshot))
    return StopBasis(atr=stop_atr(snapshot), support=facts.support, resistance=facts.resistance)
