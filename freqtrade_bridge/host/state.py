"""Whether freqtrade is paused: a person's `/pause` lets positions run and opens nothing."""

from __future__ import annotations

from typing import Any

from freqtrade.enums import State


def is_paused(provider: Any) -> bool:
    """Return whether the bot behind the data provider is paused; never in a backtest, which has none.

    A strategy has no public way to the bot's state: its messages go through the same object.
    """
    messages = getattr(provider, "_DataProvider__rpc", None)
    return messages is not None and messages._rpc._freqtrade.state == State.PAUSED
