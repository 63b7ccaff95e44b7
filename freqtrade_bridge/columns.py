"""A signal as freqtrade's six signal columns; the same function live and in backtest."""

from __future__ import annotations

from typing import NamedTuple

from candlegraph.graph.signal import TradeSignal


class Columns(NamedTuple):
    """Values of enter_long, exit_long, enter_short, exit_short, enter_tag, exit_tag."""

    enter_long: int = 0
    exit_long: int = 0
    enter_short: int = 0
    exit_short: int = 0
    enter_tag: str | None = None
    exit_tag: str | None = None


NOTHING = Columns()
EXIT_TAG, ADD_TAG, REDUCE_TAG, STOP_TAG = "graph_exit", "graph_add", "graph_reduce", "graph_stop_missing"


def columns_of(signal: TradeSignal | None) -> Columns:
    """Return the row of `signal`; tags are short categories, the reason lies in the trade's custom data."""
    if signal is None:
        return NOTHING
    if signal.action == "enter_long":
        return Columns(enter_long=1, enter_tag="graph_long")
    if signal.action == "enter_short":
        return Columns(enter_short=1, enter_tag="graph_short")
    if signal.action == "exit":
        return Columns(exit_long=1, exit_short=1, exit_tag=EXIT_TAG)
    return NOTHING
