"""The situation vector: a market state as numbers on fixed, stated scales.

Nothing is fitted to data, so the vector is causal by construction (docs/decisions/09). Each component is divided by its
scale and cut at ±1; a constant component keeps the size of a calm market's numbers apart from those of a wild one.
"""

from __future__ import annotations

from candlegraph.graph.schema.facts import Facts, TimeframeFacts

VERSION = "situation-v1"
SCALES = {
    "ema_20_distance": 3.0,
    "ema_50_distance": 5.0,
    "ema_spread": 3.0,
    "macd_histogram": 1.0,
    "momentum": 4.0,
}
"""ATRs of the timeframe that count as extreme."""
CONSTANT = 0.5


def space_of(facts: Facts) -> str:
    """Return the name of the vector space; vectors of two spaces never meet."""
    return f"{VERSION}:{','.join(facts.timeframes)}"


def situation_of(facts: Facts) -> tuple[float, ...] | None:
    """Return the vector (8 components a timeframe and 3 of the whole); None if a component is unavailable."""
    parts: list[float | None] = []
    for one in facts.timeframes.values():
        parts += _components(one)
    parts += [facts.alignment / max(1, len(facts.timeframes)), _volatility(facts), CONSTANT]
    known = [part for part in parts if part is not None]
    return tuple(max(-1.0, min(1.0, part)) for part in known) if len(known) == len(parts) else None


def _components(one: TimeframeFacts) -> list[float | None]:
    scaled: list[float | None] = []
    for name, scale in SCALES.items():
        value = getattr(one, name)
        scaled.append(None if value is None else value / scale)
    scaled.append(None if one.rsi is None else (one.rsi - 50) / 25)
    scaled.append(None if one.adx is None else (one.adx - 25) / 25)
    scaled.append(None if one.bollinger_position is None else 2 * one.bollinger_position - 1)
    return scaled


def _volatility(facts: Facts) -> float | None:
    """Return the main timeframe's ATR against 1 % of the price: 0 at 1 %, 1 at 2 %."""
    atr = next(iter(facts.timeframes.values())).atr
    return None if atr is None else atr / facts.price / 0.01 - 1
