"""The plan of a trade: what the entry promised, kept in the trade's custom data so that it survives a restart."""

from __future__ import annotations

from candlegraph.graph.facts import Regime, Strength
from candlegraph.graph.market import Frozen, Price, Side
from candlegraph.graph.settings import RiskManagement
from candlegraph.graph.signal import Clamp
from candlegraph.tools.stops import StopBasis, derived_stop, sign_of, tightened_stop

KEY = "candlegraph_plan"
STOP_TOLERANCE = 0.0005
"""Relative difference under which a stop in force counts as the planned one: exchanges round prices."""


class Plan(Frozen):
    """Stop and target of one trade, and the situation it was entered in."""

    side: Side
    stop: Price
    initial_stop: Price
    take_profit: Price | None = None
    best: Price | None = None
    reason: str
    confidence: float
    decision_id: str
    clamps: tuple[Clamp, ...] = ()
    regime: Regime | None = None
    trend_strength: Strength | None = None
    entry_rsi: float | None = None
    situation: tuple[float, ...] | None = None
    space: str = ""

    @property
    def is_tightened(self) -> bool:
        """Return whether a rule has moved the stop since the entry."""
        return self.stop != self.initial_stop

    def is_in_force(self, stop: float) -> bool:
        """Return whether `stop` protects at least as well as planned."""
        return _protects(self.side, stop, self.stop)

    def was_set(self, stop: float) -> bool:
        """Return whether `stop` protects at least as well as planned at entry: a tightened one may be on its way."""
        return _protects(self.side, stop, self.initial_stop)

    def after_candle(self, extreme: float, entry: float, rules: RiskManagement, fee_ratio: float) -> Plan:
        """Return the plan after a candle whose best price was `extreme`; its stop may come closer, by a tick at least.

        `entry` is the average entry price.
        """
        best = extreme if self.best is None else (max if self.side == "long" else min)(self.best, extreme)
        stop = tightened_stop(
            self.side,
            entry=entry,
            initial_stop=self.initial_stop,
            stop=self.stop,
            best=best,
            rules=rules,
            fee_ratio=fee_ratio,
        )
        moved = abs(stop - self.stop) > STOP_TOLERANCE * self.stop
        return self.model_copy(update={"best": best, "stop": stop if moved else self.stop})


def _protects(side: Side, stop: float, planned: float) -> bool:
    if side == "long":
        return stop >= planned * (1 - STOP_TOLERANCE)
    return stop <= planned * (1 + STOP_TOLERANCE)


def rescue_plan(side: Side, entry_price: float, leverage: float, basis: StopBasis, multiple: float) -> Plan:
    """Return a plan for a trade that has none (its plan was lost): a stop from level and ATR.

    The stop lies no farther than where half of the margin is lost.
    """
    half = 0.5 * entry_price / leverage
    derived = derived_stop(side, entry_price, basis, multiple)
    distance = half if derived is None else min(half, abs(entry_price - derived))
    stop = entry_price - sign_of(side) * distance
    return Plan(
        side=side,
        stop=stop,
        initial_stop=stop,
        reason="the trade came without a plan; its stop was derived",
        confidence=0,
        decision_id="",
    )
