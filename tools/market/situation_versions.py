"""What each version of the situation vector is made of, and what a stored vector still says; needs no candles.

Another component, order or scale makes another space: it gets a version of its own here, and the older ones stay, since
what older trades are known by is read from their vectors.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

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


def space_now(timeframes: Iterable[str]) -> str:
    """Return the name of the space in which markets of these timeframes are compared now."""
    return f"{VERSION}:{','.join(timeframes)}"


def volatility_pct_of(situation: tuple[float, ...], space: str) -> float | None:
    """Return the main timeframe's ATR in % of the price, all from 2 % on as 2; None where the space is not ours."""
    if space.partition(":")[0] not in COMPONENTS:
        return None
    return situation[VOLATILITY_PLACE] + 1
