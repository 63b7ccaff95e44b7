"""The bot behind the strategy, and whether it is paused: `/pause` lets positions run and opens nothing."""

from __future__ import annotations

from typing import Any

from freqtrade.enums import State


def bot_of(provider: Any) -> Any:
    """Return the bot behind the data provider, None in a backtest.

    A strategy has no public way to it: its messages go through the same object.
    """
    messages = getattr(provider, "_DataProvider__rpc", None)
    return None if messages is None else messages._rpc._freqtrade


def is_paused(provider: Any) -> bool:
    """Return whether the bot is paused; never in a backtest, which has none."""
    bot = bot_of(provider)
    return bot is not None and bot.state == State.PAUSED
