"""A signal as freqtrade's six signal columns; the same function live and in backtest."""

from __future__ import annotations

from typing import NamedTuple

from candlegraph.graph.schema.signal import TradeSignal


class Columns(NamedTuple):
    """Values of enter_long, exit_long, enter_short, exit_short, enter_tag, exit_tag."""

    enter_long: int = 0
    exit_long: int = 0
    enter_short: int = 0
    exit_short: int = 0
    enter_tag: str | None = None
    exit_tag: str | None = None


NOTHING = Columns()
LONG_TAG, SHORT_TAG = "graph_long", "graph_short"
ENTRY_TAGS = (LONG_TAG, SHORT_TAG)
EXIT_TAG, ADD_TAG, REDUCE_TAG = "graph_exit", "graph_add", "graph_reduce"
STOP_TAG, PASSED_TAG, EMERGENCY_TAG = "graph_stop_missing", "graph_stop_passed", "emergency_stop"


def columns_of(signal: TradeSignal | None) -> Columns:
    """Return the row of `signal`; tags are short categories, the reason lies in the trade's custom data."""
    if signal is None:
        return NOTHING
    if signal.entry_side == "long":
        return Columns(enter_long=1, enter_tag=LONG_TAG)
    if signal.entry_side == "short":
        return Columns(enter_short=1, enter_tag=SHORT_TAG)
    if signal.is_exit:
        return Columns(exit_long=1, exit_short=1, exit_tag=EXIT_TAG)
    return NOTHING
