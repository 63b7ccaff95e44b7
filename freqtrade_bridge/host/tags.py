"""Why an order was placed: the tags that freqtrade keeps with it. Short categories; the reason is the ledger's.

ours   entry, exit, addition, reduction of a decision; and the exits that a rule of the bot makes without one
its    freqtrade's own reasons, which it writes where a tag of ours would stand
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from candlegraph.graph.schema.signal import Move

LONG_TAG, SHORT_TAG = "graph_long", "graph_short"
ENTRY_TAGS = (LONG_TAG, SHORT_TAG)
EXIT_TAG, ADD_TAG, REDUCE_TAG = "graph_exit", "graph_add", "graph_reduce"
UNANSWERED, BY_HAND, ADOPTED = "exit_unanswered", "closed_by_hand", "adopted"
"""What the auditor found on the exchange: an exit of unknown reason, and what a person did there."""
MEANS: Mapping[str, Callable[[Move], bool]] = {
    EXIT_TAG: lambda move: move.is_exit,
    ADD_TAG: lambda move: move.is_adjustment and move.grows,
    REDUCE_TAG: lambda move: move.is_adjustment and move.is_safer,
    UNANSWERED: lambda move: move.is_exit or (move.is_adjustment and move.is_safer),
}
"""Which decisions an order of the tag carries out; an entry is found by its trade."""

STOP_TAG, PASSED_TAG, EMERGENCY_TAG = "graph_stop_missing", "graph_stop_passed", "emergency_stop"
"""Exits that no decision asked for."""

INSIDE_CANDLE = ("stop_loss", "trailing_stop_loss", "stoploss_on_exchange", "liquidation", "roi")
"""Freqtrade's exits at a price within a candle: a backtest stamps them with its open, and they are known at its end."""
LIQUIDATION, FORCED = "liquidation", "force_exit"
"""Freqtrade's: lost the whole margin; closed by a person, or in a backtest by the end of the data."""
ON_EXCHANGE = "stoploss_on_exchange"
"""Freqtrade's: a stop on the exchange fired."""
