"""A signal as freqtrade's six signal columns; the same function live and in backtest."""

from __future__ import annotations

from typing import NamedTuple

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
