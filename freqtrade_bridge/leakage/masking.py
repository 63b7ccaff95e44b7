"""A snapshot without what says which market and when: name, price level, volume level, dates; every ratio is as it was.

Both arms of a comparison lose what cannot be disguised (past cases, reasons, the last call), so that they differ by the
mask alone.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from candlegraph.graph.schema.facts import ABSENT
from candlegraph.graph.schema.lessons import Lessons
from candlegraph.graph.schema.market import MarketSnapshot

COIN = "COIN"
LEVEL, VOLUME = 100.0, 1000.0
"""Of the price and of the main candle's volume, in every masked snapshot."""
THEN = datetime(2000, 1, 1, tzinfo=UTC)
PRICES = frozenset(
    {
        "open", "high", "low", "close", "past_closes", "ema_20", "ema_50", "ema_200", "macd", "macd_signal",
        "macd_histogram", "bollinger_upper", "bollinger_lower", "price", "entry_price", "stop", "take_profit",
    }
)  # fmt: skip
TIMES = frozenset({"candle", "as_of", "at", "opened_at", "until"})
ATR, VOLUMES, OI = "atr", "volume", "open_interest"
UNTOLD: dict[str, Any] = {
    "entry_reason": "", "past_reasons": (), "past_warnings": (), "since_entry": (), "indicators_since_entry": (),
}  # fmt: skip


def bare(snapshot: MarketSnapshot) -> MarketSnapshot:
    """Return the snapshot without texts and the last call: they name prices and pairs, in words."""
    position = None if snapshot.position is None else snapshot.position.model_copy(update=UNTOLD)
    return snapshot.model_copy(update={"position": position, "last_call": None})


def bare_lessons(lessons: Lessons | None) -> Lessons:
    """Return the counts of the past alone: cases tell pairs, prices and stories."""
    if lessons is None or lessons.summary is None:
        return Lessons()
    return Lessons(summary=lessons.summary.model_copy(update={"ids": ABSENT}))


def masked(snapshot: MarketSnapshot) -> MarketSnapshot:
    """Return the same candles under another name, at price 100, in the year 2000."""
    level, later = LEVEL / snapshot.price, THEN - snapshot.candle
    volume = VOLUME / snapshot.main.volume if snapshot.main.volume else 1.0
    given = bare(snapshot).model_dump()
    coin = given["pair"].partition("/")[0]
    found = _walked(given, lambda name, value: _disguised(name, value, level, volume, later))
    found["pair"] = given["pair"].replace(coin, COIN, 1)
    return MarketSnapshot.model_validate(found)


def _walked(tree: Any, change: Callable[[str, Any], Any], name: str = "") -> Any:
    """Return a tree of dictionaries and sequences with each leaf changed by the nearest key above it."""
    if isinstance(tree, dict):
        if name == OI:
            return None  # a notional: its level is the coin's
        return {key: _walked(value, change, key) for key, value in tree.items()}
    if isinstance(tree, list | tuple):
        return tuple(_walked(one, change, name) for one in tree)
    return change(name, tree)


def _disguised(name: str, value: Any, level: float, volume: float, later: timedelta) -> Any:
    if isinstance(value, datetime) and name in TIMES:
        return value + later
    if not isinstance(value, int | float) or isinstance(value, bool):
        return value
    if name in PRICES or name == ATR:
        return value * level
    return value * volume if name == VOLUMES else value
