"""The plan of a trade: what the entry promised, kept in the trade's custom data so that it survives a restart."""

from __future__ import annotations

from candlegraph.graph.facts import Regime, Strength
from candlegraph.graph.market import Frozen, Price, Side
from candlegraph.graph.signal import Clamp

KEY = "candlegraph_plan"
STOP_TOLERANCE = 0.0005
"""Relative difference under which a stop in force counts as the planned one: exchanges round prices."""


class Plan(Frozen):
    """Stop and target of one trade, and the situation it was entered in."""

    side: Side
    stop: Price
    take_profit: Price | None = None
    reason: str
    confidence: float
    decision_id: str
    clamps: tuple[Clamp, ...] = ()
    regime: Regime | None = None
    trend_strength: Strength | None = None
    entry_rsi: float | None = None
    situation: tuple[float, ...] | None = None
    space: str = ""

    def is_in_force(self, stop: float) -> bool:
        """Return whether `stop` protects at least as well as planned."""
        if self.side == "long":
            return stop >= self.stop * (1 - STOP_TOLERANCE)
        return stop <= self.stop * (1 + STOP_TOLERANCE)


def is_beyond(side: Side, stop: float, rate: float) -> bool:
    """Return whether `rate` lies at or beyond the stop of a position of `side`."""
    return rate <= stop if side == "long" else rate >= stop


def rescue_plan(side: Side, entry_price: float, leverage: float, atr: float | None, multiple: float) -> Plan:
    """Return a plan for a trade that has none (forced by hand, or its plan was lost): a stop from the ATR.

    Without an ATR the stop lies where half of the margin is lost.
    """
    sign = 1 if side == "long" else -1
    half = 0.5 * entry_price / leverage
    distance = min(half, multiple * atr) if atr else half
    return Plan(
        side=side,
        stop=entry_price - sign * distance,
        reason="the trade came without a plan; its stop was derived",
        confidence=0,
        decision_id="",
    )
