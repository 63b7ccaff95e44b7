"""Carries out what was judged, at the exchange and in freqtrade's books; each of it is told."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from freqtrade.persistence import Trade

from candlegraph.freqtrade_bridge.audit.account import LiveAccount, RequestRefused, RequestUnanswered, asked
from candlegraph.freqtrade_bridge.audit.books import exit_side, know_cancelled, know_stop
from candlegraph.freqtrade_bridge.audit.following import Follower
from candlegraph.freqtrade_bridge.audit.seen import Action
from candlegraph.freqtrade_bridge.audit.telling import (
    KINDS,
    NOTHING,
    Reporter,
    done_told,
    found_told,
    todo_told,
    watch_told,
)

AGAIN = "it is tried again at the next loop"
SETTING = ("set_stop", "protect_unknown")


class Hands:
    """Carries out actions; `bot` is freqtrade's."""

    def __init__(self, bot: Any, account: LiveAccount, reporter: Reporter, follower: Follower) -> None:
        self._bot, self._account, self._reporter, self._follower = bot, account, reporter, follower
        self._missed: set[int | None] = set()

    def carry_out(self, action: Action, now: datetime) -> bool:
        """Do it and tell it; return whether it is done."""
        try:
            with asked("carry it out"):  # freqtrade's own booking asks the exchange, too
                done, todo, is_done = self._do(action), todo_told(action), True
        except RequestUnanswered as e:
            if self._is_first(action):
                return False
            done, todo, is_done = f"{e}; {AGAIN}", watch_told(action), False
        except RequestRefused as e:
            done, todo, is_done = self._instead(action, e)
        kind, found, is_bare = KINDS[action.kind], found_told(action), action.kind in SETTING and not is_done
        self._reporter.tell(kind, action.pair, now, found, done, todo, trade_id=action.trade_id, is_bare=is_bare)
        return is_done

    def _is_first(self, action: Action) -> bool:
        """Return whether a position is missed for the first time: one look may not show what was just filled."""
        if action.kind != "follow_position" or action.trade_id in self._missed:
            return False
        self._missed.add(action.trade_id)
        return True

    def _do(self, action: Action) -> str:
        if action.kind in SETTING:
            self._set_stop(action)
        elif action.kind == "follow_position":
            return f"booked as it was: {self._follower.follow(self._trade(action), action.amount)}"
        elif action.stop is not None and action.kind == "take_over":
            know_stop(self._trade(action), self._account.order_of(action.stop), action.stop.amount, action.stop.trigger)
        elif action.stop is not None:
            ended = self._account.cancel_stop(action.stop.id, action.pair, action.stop.amount)
            know_cancelled(self._bot, action.stop, ended)
        return done_told(action)

    def _set_stop(self, action: Action) -> None:
        assert action.side is not None and action.price is not None, "a stop has a side and a price"
        order = self._account.place_stop(action.pair, exit_side(action.side), action.amount, action.price)
        if action.trade_id is not None:
            know_stop(self._trade(action), order, action.amount, action.price)

    def _instead(self, action: Action, error: RequestRefused) -> tuple[str, str, bool]:
        """Close a position whose stop the exchange refuses; leave a stop that it will not cancel for the next look."""
        if action.kind not in SETTING:
            return f"{error}; {AGAIN}", watch_told(action), False
        try:
            with asked("close it"):
                self._close(action)
        except (RequestRefused, RequestUnanswered) as e:
            return f"{error}; then {e}; {AGAIN}", "close it on the exchange if this is said again", False
        return f"{error}; so it was closed at the market", NOTHING, True

    def _close(self, action: Action) -> None:
        if action.trade_id is None:
            assert action.side is not None, "a position has a side"
            self._account.close(action.pair, exit_side(action.side), action.amount)
            return
        trade = self._trade(action)
        self._bot.emergency_exit(trade, trade.stop_loss)
        if trade.is_open and not trade.has_open_orders:
            raise RequestRefused("freqtrade could not close it; its own lines above say why")

    def _trade(self, action: Action) -> Trade:
        found = Trade.session.get(Trade, action.trade_id)
        assert found is not None, "it was read from the books a moment ago"
        return found
