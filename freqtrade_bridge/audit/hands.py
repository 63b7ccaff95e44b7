"""Carries out what was judged, at the exchange and in freqtrade's books; says each of it in one row."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from freqtrade.persistence import Trade

from candlegraph.freqtrade_bridge.audit.account import Account, Refused, Unanswered
from candlegraph.freqtrade_bridge.audit.books import exit_side, know_cancelled, know_stop
from candlegraph.freqtrade_bridge.audit.seen import Action
from candlegraph.freqtrade_bridge.audit.words import KINDS, NOTHING, done_told, found_told
from candlegraph.graph.schema.errors import MemoryStoreError
from candlegraph.memory.books.audit import AuditBook, AuditRow

logger = logging.getLogger(__name__)

SAID_AGAIN_AFTER = timedelta(hours=1)
"""What stays as it is would be told at every loop."""
AGAIN = "it is tried again at the next loop"
Send = Callable[[str], None]


class Reporter:
    """Tells a row: in the book, as a warning in the log, and as a message; the same one at most once an hour."""

    def __init__(self, book: AuditBook, send: Send) -> None:
        self._book, self._send = book, send
        self._said: dict[tuple[str, str, str, str], datetime] = {}

    def tell(self, row: AuditRow) -> None:
        """Tell a row, unless it was told lately; a database that fails keeps no stop from being set."""
        key = (row.pair, row.kind, row.found, row.done)
        if row.at - self._said.get(key, row.at - SAID_AGAIN_AFTER) < SAID_AGAIN_AFTER:
            return
        self._said[key] = row.at
        logger.warning("%s", row.line)
        self._send(f"candlegraph: {row.line}")
        try:
            self._book.append(row)
        except MemoryStoreError as e:
            logger.error("what the auditor did could not be written down: %s", e)


class Hands:
    """Carries out actions; `bot` is freqtrade's."""

    def __init__(self, bot: Any, account: Account, reporter: Reporter, namespace: str) -> None:
        self._bot, self._account, self._reporter, self._namespace = bot, account, reporter, namespace

    def carry_out(self, action: Action, now: datetime) -> bool:
        """Do it and tell it; return whether it is done."""
        try:
            done, todo, is_done = self._do(action), NOTHING, True
        except Unanswered as e:
            done, todo, is_done = f"{e}: nobody knows whether it was done; {AGAIN}", self._watch(action), False
        except Refused as e:
            done, todo, is_done = self._instead(action, e)
        self._reporter.tell(
            AuditRow(
                namespace=self._namespace,
                at=now,
                pair=action.pair,
                kind=KINDS[action.kind],
                trade_id=action.trade_id,
                found=found_told(action),
                done=done,
                todo=todo,
            )
        )
        return is_done

    def _do(self, action: Action) -> str:
        if action.kind in ("set_stop", "protect_unknown"):
            self._set_stop(action)
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

    def _instead(self, action: Action, error: Refused) -> tuple[str, str, bool]:
        """Close a position whose stop the exchange refuses; leave a stop that it will not cancel for the next look."""
        if action.kind not in ("set_stop", "protect_unknown"):
            return f"{error}; {AGAIN}", self._watch(action), False
        try:
            self._close(action)
        except (Refused, Unanswered) as e:
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
            raise Refused("freqtrade could not close it; its own lines above say why")

    def _watch(self, action: Action) -> str:
        verb = "set it" if action.kind in ("set_stop", "protect_unknown") else "cancel it"
        return f"{verb} on the exchange if this is said again"

    def _trade(self, action: Action) -> Trade:
        found = Trade.session.get(Trade, action.trade_id)
        assert found is not None, "it was read from the books a moment ago"
        return found
