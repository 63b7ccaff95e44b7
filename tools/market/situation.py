"""The situation vector: a market state as numbers on fixed, stated scales.

Nothing is fitted to data, so the vector is causal by construction (docs/decisions/09). Each component is a fact on the
scale of its declaration, cut at ±1; a constant component keeps the size of a calm market's numbers apart from those of
a wild one.
"""

from __future__ import annotations

from candlegraph.graph.schema.facts import Facts
from candlegraph.tools.market import situation_versions as versions
from candlegraph.tools.market.indicators import FACTS

CONSTANT = 0.5


def space_of(facts: Facts) -> str:
    """Return the name of the vector space; vectors of two spaces never meet."""
    return versions.space_now(facts.timeframes)


def situation_of(facts: Facts) -> tuple[float, ...] | None:
    """Return the vector: the components of each timeframe and 3 of the whole; None if one is unavailable."""
    names = versions.COMPONENTS[versions.VERSION]
    parts = [FACTS[name].component(one) for one in facts.timeframes.values() for name in names]
    parts += [facts.alignment / max(1, len(facts.timeframes)), _volatility(facts), CONSTANT]
    known = [max(-1.0, min(1.0, part)) for part in parts if part is not None]
    return tuple(known) if len(known) == len(parts) else None


def _volatility(facts: Facts) -> float | None:
    atr = next(iter(facts.timeframes.values())).atr
    return None if atr is None else atr / facts.price / 0.01 - 1
