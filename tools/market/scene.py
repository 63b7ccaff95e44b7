"""Facts to the scene of an entry: which level the price touches, by stated arithmetic."""

from __future__ import annotations

from candlegraph.graph.schema.facts import Facts
from candlegraph.graph.schema.market import MarketSnapshot
from candlegraph.graph.schema.scene import Scene, Touched

NEAR_ATR = 0.5
"""Of the main timeframe: swings that lie so close are one level, so a price that does is at it."""


def scene_of(snapshot: MarketSnapshot, facts: Facts) -> Scene:
    """Return what stands around the price."""
    return Scene(
        alignment=facts.alignment,
        timeframes=len(facts.timeframes),
        touched=touched_by(facts),
        patterns=snapshot.main.patterns,
    )


def touched_by(facts: Facts) -> Touched | None:
    """Return the nearer of support and resistance if it is near; without an ATR none is."""
    atr = next(iter(facts.timeframes.values())).atr
    levels: tuple[tuple[Touched, float | None], ...] = (("support", facts.support), ("resistance", facts.resistance))
    distances = {name: abs(facts.price - level) for name, level in levels if level is not None}
    nearest = min(distances, key=distances.__getitem__, default=None)
    return nearest if nearest is not None and distances[nearest] <= NEAR_ATR * (atr or 0.0) else None
