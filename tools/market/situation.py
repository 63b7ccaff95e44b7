"""The situation vector: a market state as numbers on fixed, stated scales.

Nothing is fitted to data, so the vector is causal by construction (docs/decisions/09). Each component is a fact on the
scale of its declaration, cut at ±1; a constant component keeps the size of a calm market's numbers apart from those of
a wild one.

Another component, order or scale makes another space: it gets a version of its own here, and the older ones stay, since
what older trades are known by is read from their vectors.
"""

from __future__ import annotations

from collections.abc import Mapping

from candlegraph.graph.schema.facts import Facts
from candlegraph.tools.market.indicators import FACTS

VERSION = "situation-v1"
"""Of the vectors that are made now."""
COMPONENTS: Mapping[str, tuple[str, ...]] = {
    "situation-v1": (
        "ema_20_distance",
        "ema_50_distance",
        "ema_spread",
        "macd_histogram",
        "momentum",
        "rsi",
        "adx",
        "bollinger_position",
    ),
}
"""Facts of each timeframe in the order of a version's vector; behind the last timeframe stand three of the whole."""
VOLATILITY_PLACE = -2
"""Of the main timeframe's ATR against 1 % of the price, 0 at 1 % and 1 at 2 %: in the vectors of every version."""
CONSTANT = 0.5


def space_of(facts: Facts) -> str:
    """Return the name of the vector space; vectors of two spaces never meet."""
    return f"{VERSION}:{','.join(facts.timeframes)}"


def situation_of(facts: Facts) -> tuple[float, ...] | None:
    """Return the vector: the components of each timeframe and 3 of the whole; None if one is unavailable."""
    parts = [FACTS[name].component(one) for one in facts.timeframes.values() for name in COMPONENTS[VERSION]]
    parts += [facts.alignment / max(1, len(facts.timeframes)), _volatility(facts), CONSTANT]
    known = [max(-1.0, min(1.0, part)) for part in parts if part is not None]
    return tuple(known) if len(known) == len(parts) else None


def _volatility(facts: Facts) -> float | None:
    atr = next(iter(facts.timeframes.values())).atr
    return None if atr is None else atr / facts.price / 0.01 - 1


def volatility_pct_of(situation: tuple[float, ...], space: str) -> float | None:
    """Return the main timeframe's ATR in % of the price, all from 2 % on as 2; None where the space is not ours."""
    if space.partition(":")[0] not in COMPONENTS:
        return None
    return situation[VOLATILITY_PLACE] + 1
