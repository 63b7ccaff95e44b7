"""What a model states, held against the snapshot: the RSI, the levels around the price, the strength of the trend.

A named level is real when it lies on its side of the price, within half an ATR of one where the market turned. Prompts
show six significant digits, so a number that is copied from them is never false.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, get_args

from candlegraph.graph.schema.market import MarketSnapshot, Strength
from candlegraph.graph.schema.numbers import significant, written
from candlegraph.tools.market.regime import strength_of

RSI_POINTS = 5
LEVEL_ATR = 0.5
"""ATR of the main timeframe between a named level and a real one; swings that near are one level."""
MOST_NAMED = 3
"""Real levels that a message lists."""
STRENGTHS: tuple[Strength, ...] = get_args(Strength)

Kind = Literal["support", "resistance"]


def false_claims(claims: Mapping[str, Any], snapshot: MarketSnapshot) -> tuple[str, ...]:
    """Return which of the stated arguments contradict the data, each with what would have been right."""
    kinds: tuple[Kind, ...] = get_args(Kind)
    found = [_false_rsi(claims.get("rsi_value"), snapshot)]
    found += [_false_level(kind, claims.get(f"key_{kind}"), snapshot) for kind in kinds]
    found.append(_false_strength(claims.get("trend_strength"), snapshot))
    return tuple(one for one in found if one is not None)


def real_level(kind: Kind, named: float | None, snapshot: MarketSnapshot) -> float | None:
    """Return the level of the snapshot that a named one means; None where it means none."""
    if named is None or _beyond_price(kind, named, snapshot.price):
        return None
    reach = LEVEL_ATR * (snapshot.main.indicators.atr or 0)
    near = [one for one in levels_beside(kind, snapshot) if abs(one - named) <= reach or significant(one) == named]
    return min(near, key=lambda one: abs(one - named), default=None)


def levels_beside(kind: Kind, snapshot: MarketSnapshot) -> list[float]:
    """Return the levels of all timeframes on their side of the price, the nearest first."""
    prices = {level.price for view in snapshot.timeframes for level in view.levels}
    below = kind == "support"
    return sorted((one for one in prices if (one < snapshot.price) == below and one != snapshot.price), reverse=below)


def _false_rsi(stated: float | None, snapshot: MarketSnapshot) -> str | None:
    rsi = snapshot.main.indicators.rsi
    if stated is None or rsi is None or abs(stated - rsi) <= RSI_POINTS:
        return None
    return f"rsi_value {stated:.6g} is more than {RSI_POINTS} off the true {rsi:.1f}"


def _false_level(kind: Kind, named: float | None, snapshot: MarketSnapshot) -> str | None:
    """Return what is wrong with a named level; where no real one is known, only its side can be."""
    if named is None or real_level(kind, named, snapshot) is not None:
        return None
    real, price = levels_beside(kind, snapshot), snapshot.price
    stated = f"key_{kind} {written(named)}"
    if _beyond_price(kind, named, price):
        side = "above" if kind == "support" else "below"
        return f"{stated} is {side} the price {written(price)}; {_told(kind, real)}"
    atr = snapshot.main.indicators.atr
    if not real or not atr:
        return None
    away = min(abs(one - named) for one in real) / atr
    return f"{stated} is {away:.2g} ATR from the nearest {kind}, at most {LEVEL_ATR:g}; {_told(kind, real)}"


def _beyond_price(kind: Kind, named: float, price: float) -> bool:
    """Return whether a level lies on the wrong side of the price, exactly and as a prompt shows it."""
    sign = 1 if kind == "support" else -1
    return all(sign * (named - one) > 0 for one in (price, significant(price)))


def _told(kind: Kind, real: list[float]) -> str:
    """Return the levels that could have been named."""
    shown = [written(one) for one in real[:MOST_NAMED]]
    if not shown:
        return f"the facts show no {kind}"
    if len(shown) == 1:
        return f"the {kind} in the facts is {shown[0]}"
    return f"the {kind}s in the facts are {', '.join(shown[:-1])} and {shown[-1]}"


def _false_strength(stated: Strength | None, snapshot: MarketSnapshot) -> str | None:
    true = strength_of(snapshot.timeframes)
    if stated is None or abs(STRENGTHS.index(stated) - STRENGTHS.index(true)) <= 1:
        return None
    return f"trend_strength {stated} is two steps off: the facts say {true}"
