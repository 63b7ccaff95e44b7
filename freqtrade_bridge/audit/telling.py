"""What the auditor says, at three in the morning too: what was found, what was done, what a person has to do.

Each finding is a row in the book, a warning in the log and a message.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from candlegraph.freqtrade_bridge.audit.seen import Action, ActionKind, Stop
from candlegraph.graph.schema.errors import MemoryStoreError
from candlegraph.memory.books.audit import AuditBook, AuditKind, AuditRow, Cause, Hold

logger = logging.getLogger(__name__)

SAID_AGAIN_AFTER, BARE_AGAIN_AFTER = timedelta(hours=1), timedelta(minutes=5)
"""What stays as it is would be told at every loop; a position that still has no stop cannot wait for an hour."""
Send = Callable[[str], None]

KINDS: dict[ActionKind, AuditKind] = {
    "set_stop": "stop_missing",
    "take_over": "stop_unknown",
    "cancel_surplus": "stop_surplus",
    "cancel_orphan": "stop_orphan",
    "protect_unknown": "position_unknown",
    "follow_position": "position_gone",
}
NOTHING = "nothing"
WHY: dict[Cause, str] = {
    "answer_lost": "the bot entered it, and the exchange's answer was lost",
    "by_hand": "somebody outside the bot opened it",
}


def stop_told(stop: Stop) -> str:
    """Return a stop in words."""
    size = "all" if stop.closes_all else f"{stop.amount:g}"
    return f"{stop.side} {size} at {stop.trigger:g}"


def found_told(action: Action) -> str:
    """Return what was found."""
    if action.kind == "set_stop":
        return f"no stop on the exchange covered the {action.side} of {action.amount:g} (trade {action.trade_id})"
    if action.kind == "protect_unknown":
        return (
            f"a {action.side} of {action.amount:g} that no trade knows is on the exchange, without a stop for all of it"
        )
    if action.kind == "follow_position":
        return f"{action.amount:g} of trade {action.trade_id} is not on the exchange any more"
    assert action.stop is not None, "every other action is about a stop"
    told = stop_told(action.stop)
    if action.kind == "take_over":
        return f"the stop of trade {action.trade_id} ({told}) was on the exchange, and freqtrade did not know it"
    if action.kind == "cancel_surplus":
        return f"there was one stop more than the position needs ({told})"
    return f"a stop was left without a position ({told}); it would have closed part of the next one"


def done_told(action: Action) -> str:
    """Return what was done when all went well."""
    if action.kind in ("set_stop", "protect_unknown"):
        return f"a stop was set at {action.price:g}"
    return "the trade knows it now" if action.kind == "take_over" else "it was cancelled"


def todo_told(action: Action) -> str:
    """Return what is left for a person when all went well."""
    return "nothing yet; you are asked if it stays" if action.kind == "protect_unknown" else NOTHING


def watch_told(action: Action) -> str:
    """Return what a person does if the same is said again."""
    if action.kind == "follow_position":
        return "look at the trade and at the orders of the pair on the exchange if this is said again"
    verb = "set it" if action.kind in ("set_stop", "protect_unknown") else "cancel it"
    return f"{verb} on the exchange if this is said again"


def hold_told(hold: Hold) -> str:
    """Return an unknown position in words."""
    return f"a {hold.side} of {hold.amount:g} at {hold.entry:g} is in no trade: {WHY[hold.cause]}"


def choice_told(pair: str) -> str:
    """Return what a person may decide about an unknown position."""
    return f"`candlegraph adopt {pair}` makes it a trade of the bot, `candlegraph flatten {pair}` closes it"


class Reporter:
    """Tells findings of one namespace; the same one again after a while only."""

    def __init__(self, book: AuditBook, send: Send, namespace: str) -> None:
        self._book, self._send, self.namespace = book, send, namespace
        self._said: dict[tuple[str, str, str, str], datetime] = {}

    def tell(
        self,
        kind: AuditKind,
        pair: str,
        at: datetime,
        found: str,
        done: str,
        todo: str,
        trade_id: int | None = None,
        *,
        is_bare: bool = False,
    ) -> None:
        """Tell a finding, unless it was told lately; a database that fails keeps nothing from being done."""
        key, pause = (pair, kind, found, done), BARE_AGAIN_AFTER if is_bare else SAID_AGAIN_AFTER
        if key in self._said and at - self._said[key] < pause:
            return
        self._said[key] = at
        row = AuditRow(
            namespace=self.namespace, at=at, pair=pair, kind=kind, trade_id=trade_id, found=found, done=done, todo=todo
        )
        logger.warning("%s", row.line)
        self._send(f"candlegraph: {row.line}")
        try:
            self._book.append(row)
        except MemoryStoreError as e:
            logger.error("what the auditor did could not be written down: %s", e)
