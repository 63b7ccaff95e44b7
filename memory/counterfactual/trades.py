"""A closed trade as a path: its first fill, its ending and its own candles, as far as these have closed.

When what of it can be known: `first_known_at` its ending, `complete_at` the last of the candles looked at after it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from candlegraph.graph.schema.experience import ClosedTrade
from candlegraph.memory.counterfactual.outcomes import FURTHER
from candlegraph.memory.counterfactual.path import ClosedBy, Ending, Funding, Opening, PathCandles, TradePath, moment

LEVELS: dict[str, ClosedBy] = {
    "stop_loss": "stop",
    "trailing_stop_loss": "stop",
    "stoploss_on_exchange": "stop",
    "liquidation": "liquidation",
    "roi": "target",
}
"""Freqtrade's reasons by which a level closed a trade; all others are somebody's choice."""


def path_of(
    trade: ClosedTrade, opening: Opening, candles: PathCandles, funding: Sequence[Funding] | None, *, is_changed: bool
) -> TradePath:
    """Return the path of a trade; `candles` begin with that of its entry and hold those up to its end.

    `funding` is None where it is not to be had: then the replays are without.
    """
    return TradePath(
        **{name: getattr(opening, name) for name in Opening.model_fields},
        side=trade.side,
        entered_at=trade.opened_at,
        funding=None if funding is None else tuple(funding),
        candle_minutes=trade.candle_minutes,
        candles=candles,
        ending=ending_of(trade),
        is_changed=is_changed,
    )


def ending_of(trade: ClosedTrade) -> Ending:
    """Return how the trade ended; a level's place within its candle is known when that has closed."""
    kind = LEVELS.get(trade.exit_reason, "exit")
    return Ending(
        kind=kind,
        at=trade.closed_at,
        known_at=trade.closed_at if kind == "exit" else opens_at(trade, trade.closed_at) + length_of(trade),
        price=trade.exit_price,
        profit_pct=trade.profit_pct,
        mfe_pct=trade.mfe_pct,
        mae_pct=trade.mae_pct,
    )


def entry_candle(trade: ClosedTrade) -> datetime:
    """Return when the candle of the entry opened."""
    return opens_at(trade, trade.opened_at)


def first_known_at(trade: ClosedTrade) -> datetime:
    """Return from when on the trade has a table: its end is known, and its first candle has closed."""
    return max(ending_of(trade).known_at, entry_candle(trade) + length_of(trade))


def complete_at(trade: ClosedTrade) -> datetime:
    """Return when nothing more will become known: the close of the last further candle."""
    return opens_at(trade, trade.closed_at) + (FURTHER + 1) * length_of(trade)


def reaches(path: TradePath, trade: ClosedTrade, due_at: datetime) -> bool:
    """Return whether the candles that a path has show what is known from `due_at` on."""
    return path.known_until >= opens_at(trade, due_at)


def opens_at(trade: ClosedTrade, at: datetime) -> datetime:
    """Return when the candle of a moment opened."""
    seconds, length = int(at.timestamp()), round(trade.candle_minutes * 60)
    return moment(seconds - seconds % length)


def length_of(trade: ClosedTrade) -> timedelta:
    """Return how long a candle of the trade is."""
    return timedelta(minutes=trade.candle_minutes)
