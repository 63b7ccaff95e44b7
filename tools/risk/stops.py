"""Where a stop belongs when nobody named one, and how rules tighten it while the trade goes well.

Pure arithmetic on prices. A stop found here may only come closer to the price, never move away from it.
"""

from __future__ import annotations

from pydantic import Field

from candlegraph.graph.schema.facts import Facts
from candlegraph.graph.schema.market import SIGN, Frozen, MarketSnapshot, Price, Side
from candlegraph.graph.schema.signal import Proposal
from candlegraph.graph.settings.risk import RiskManagement
from candlegraph.tools.risk.claims import real_level

BEHIND_LEVEL = 0.25
"""ATRs between a level and the stop behind it: wicks reach through levels."""
NEAREST = 0.5
"""ATRs: a stop nearer than this is noise."""


class StopBasis(Frozen):
    """What a stop is derived from; None = unavailable."""

    atr: float | None = None
    support: Price | None = None
    resistance: Price | None = None
    named: Price | None = Field(None, description="where the model's own level ends, if that level is real")


def derived_stop(side: Side, rate: float, basis: StopBasis, multiple: float) -> float | None:
    """Return a stop beyond the level that was named, else right behind the next one; None without an ATR or room.

    Behind the next level it is at most `multiple` ATR away, beyond a named one as far as that level is.
    """
    if not basis.atr:
        return None
    stop = behind_named(side, rate, basis, multiple)
    if stop is None:
        stop = rate - SIGN[side] * _next_distance(side, rate, basis, basis.atr, multiple)
    return stop if stop > 0 and is_protective(side, stop, rate) else None


def behind_named(side: Side, rate: float, basis: StopBasis, multiple: float) -> float | None:
    """Return a stop behind the named level; None without one, and where it is so near that the stop would be noise."""
    if basis.named is None or not basis.atr:
        return None
    distance = _behind(side, rate, basis.named, basis.atr)
    stop = rate - SIGN[side] * distance
    return stop if distance >= min(NEAREST, multiple) * basis.atr and stop > 0 else None


def _next_distance(side: Side, rate: float, basis: StopBasis, atr: float, multiple: float) -> float:
    level = basis.support if side == "long" else basis.resistance
    behind = None if level is None else _behind(side, rate, level, atr)
    fits = behind is not None and min(NEAREST, multiple) * atr <= behind <= multiple * atr
    return behind if behind is not None and fits else multiple * atr


def _behind(side: Side, rate: float, level: float, atr: float) -> float:
    """Return how far from `rate` a stop behind `level` lies."""
    return SIGN[side] * (rate - level) + BEHIND_LEVEL * atr


def is_protective(side: Side, stop: float, rate: float) -> bool:
    """Return whether `stop` lies on the losing side of `rate`."""
    return SIGN[side] * (rate - stop) > 0


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
    sign, risk = SIGN[side], abs(entry - initial_stop)
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


def stop_basis(snapshot: MarketSnapshot, facts: Facts | None, proposal: Proposal | None = None) -> StopBasis:
    """Return what a stop is derived from; of a proposal the level that it names, if that is real."""
    if facts is None:
        return StopBasis(atr=stop_atr(snapshot))
    named = None if proposal is None else _end_of_named(proposal, snapshot)
    return StopBasis(atr=stop_atr(snapshot), support=facts.support, resistance=facts.resistance, named=named)


def _end_of_named(proposal: Proposal, snapshot: MarketSnapshot) -> float | None:
    """Return the farther one of the level that an entry names and the real one it means: the stop lies beyond both."""
    if proposal.entry_side == "long":
        named, real = proposal.key_support, real_level("support", proposal.key_support, snapshot)
        return None if named is None or real is None else min(named, real)
    named, real = proposal.key_resistance, real_level("resistance", proposal.key_resistance, snapshot)
    return None if named is None or real is None else max(named, real)
