"""Closed trades over flat or rising candles, with all that their counterfactuals need."""

from datetime import timedelta

from candlegraph.memory.counterfactual.outcomes import table_of
from candlegraph.memory.counterfactual.path import Opening, PathCandles, Tier
from candlegraph.memory.counterfactual.trades import first_known_at, path_of
from candlegraph.memory.learning.report import experience_of
from candlegraph.memory.learning.track import Track

OPENING = Opening(
    entry_price=100,
    stake=100,
    leverage=5,
    stop=95,
    target=None,
    atr=1,
    tick=0.01,
    fee=0,
    tiers=(Tier(0, 20, 0.004, 0),),
)


def track_of(trade, **changes):
    """Return how a trade went, from its first fill on."""
    known = trade.model_dump(include={"namespace", "trade_key", "pair", "side", "leverage", "opened_at", "entry_price"})
    return Track(**known, best=trade.entry_price, worst=trade.entry_price, opening=OPENING, **changes)


def replayed(trade, rise=0.0, count=60, **changes):
    """Return the path of a trade; from its exit on every candle closes so much higher."""
    length, begin = round(60 * trade.candle_minutes), int(trade.opened_at.timestamp())
    held = int((trade.closed_at - trade.opened_at) / timedelta(seconds=length))
    closes = [100.0 + rise * max(0, place - held + 1) for place in range(count)]
    columns = {"open": [100.0, *closes[:-1]], "close": closes}
    columns["high"] = [max(pair) + 0.1 for pair in zip(*columns.values(), strict=True)]
    columns["low"] = [min(pair) - 0.1 for pair in zip(columns["open"], columns["close"], strict=True)]
    candles = PathCandles(time=tuple(begin + length * place for place in range(count)), **columns)
    return path_of(trade, OPENING, candles, (), is_changed=track_of(trade, **changes).is_changed)


def settle(memory, trade, path, **changes):
    """Learn from a trade as the reflection graph does; return its id."""
    track, table = track_of(trade, **changes), path and table_of(path, first_known_at(trade))
    return memory.settle(experience_of(trade, track, None, table), track, table, is_queued=False)
