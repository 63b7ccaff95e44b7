"""Entries that were let through and of which no trade is known yet: asked for before anything else is sent.

let through -> a trade knows it: no doubt;  listed: lost, its position is waited for;  not in two looks: never placed
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from freqtrade.persistence import Order, Trade

from candlegraph.freqtrade_bridge.audit.account import LiveAccount
from candlegraph.freqtrade_bridge.audit.adoption import entry_side
from candlegraph.freqtrade_bridge.audit.following import BEFORE
from candlegraph.freqtrade_bridge.audit.judge import SETTLES
from candlegraph.graph.schema.market import Side

LOOKS = 2
"""How often an order must not be listed to count as never placed: one look may come too early."""


class Doubt(NamedTuple):
    """An entry on its way; `looks` is how often it was not found."""

    side: Side
    at: datetime
    looks: int = 0


class Doubts:
    """The entries of this process that are in doubt, by pair."""

    def __init__(self, account: LiveAccount) -> None:
        self._account = account
        self._doubts: dict[str, Doubt] = {}

    def let_through(self, pair: str, side: Side, now: datetime) -> None:
        """Note an entry that freqtrade is about to send."""
        self._doubts[pair] = Doubt(side, now)

    def forget(self, pair: str) -> None:
        """Doubt no more: a person has been asked about what came of it."""
        self._doubts.pop(pair, None)

    def look(self, pair: str, now: datetime) -> str | None:
        """Return why the pair must wait: its last entry was placed, or may have been; raise RequestUnanswered."""
        doubt = self._doubts.get(pair)
        if doubt is None:
            return None
        if _is_booked(pair, doubt):
            del self._doubts[pair]
            return None
        if self._is_listed(pair, doubt):
            return "its last entry was filled, its answer was lost, and its position is not shown yet"
        if doubt.looks >= LOOKS and now - doubt.at >= SETTLES:
            del self._doubts[pair]
            return None
        self._doubts[pair] = doubt._replace(looks=doubt.looks + 1)
        return "the answer to its last entry was lost, and the exchange is being asked for that order"

    def _is_listed(self, pair: str, doubt: Doubt) -> bool:
        """Return whether the exchange lists such an entry that was filled and that no trade knows."""
        listed = self._account.orders(pair, doubt.at - BEFORE)
        ours = [one for one in listed if one.side == entry_side(doubt.side) and one.sender == "bot" and one.filled]
        return any(Order.order_by_id(one.id, pair) is None for one in ours)


def _is_booked(pair: str, doubt: Doubt) -> bool:
    """Return whether freqtrade has a trade that was opened since, also one that is closed again."""
    since = (doubt.at - BEFORE).replace(tzinfo=None)
    return Trade.get_trades([Trade.pair == pair, Trade.open_date >= since]).first() is not None
