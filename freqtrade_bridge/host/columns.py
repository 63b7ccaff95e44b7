"""A signal as freqtrade's six signal columns, the same live and in backtest; and a chart's, of what was decided."""

from __future__ import annotations

from typing import NamedTuple

from pandas import DataFrame

from candlegraph.freqtrade_bridge.host.tags import EXIT_TAG, LONG_TAG, SHORT_TAG
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


def columns_of(signal: TradeSignal | None) -> Columns:
    """Return the row of `signal`."""
    if signal is None:
        return NOTHING
    if signal.entry_side == "long":
        return Columns(enter_long=1, enter_tag=LONG_TAG)
    if signal.entry_side == "short":
        return Columns(enter_short=1, enter_tag=SHORT_TAG)
    if signal.is_exit:
        return Columns(exit_long=1, exit_short=1, exit_tag=EXIT_TAG)
    return NOTHING


DECIDED = "decided_action"
"""The column that a chart's signals are made from; a frame without decisions has none."""


def with_entries(frame: DataFrame) -> DataFrame:
    """Return a chart's frame with the entries that were decided on its candles."""
    if DECIDED in frame:
        for action, column, tag in (("enter_long", "enter_long", LONG_TAG), ("enter_short", "enter_short", SHORT_TAG)):
            frame.loc[frame[DECIDED] == action, [column, "enter_tag"]] = (1, tag)
    return frame


def with_exits(frame: DataFrame) -> DataFrame:
    """Return a chart's frame with the exits that were decided on its candles."""
    if DECIDED in frame:
        frame.loc[frame[DECIDED] == "exit", ["exit_long", "exit_short", "exit_tag"]] = (1, 1, EXIT_TAG)
    return frame
