"""What the auditor says: what was found, what was done, what a person has to do; read at three in the morning."""

from __future__ import annotations

from candlegraph.freqtrade_bridge.audit.seen import Action, ActionKind, Stop
from candlegraph.memory.books.audit import AuditKind

KINDS: dict[ActionKind, AuditKind] = {
    "set_stop": "stop_missing",
    "take_over": "stop_unknown",
    "cancel_surplus": "stop_surplus",
    "cancel_orphan": "stop_orphan",
    "protect_unknown": "position_unknown",
}
NOTHING = "nothing"


def stop_told(stop: Stop) -> str:
    """Return a stop in words."""
    size = "all" if stop.closes_all else f"{stop.amount:g}"
    return f"{stop.side} {size} at {stop.trigger:g}"


def found_told(action: Action) -> str:
    """Return what was found."""
    if action.kind == "set_stop":
        return f"no stop on the exchange covered the {action.side} of {action.amount:g} (trade {action.trade_id})"
    if action.kind == "protect_unknown":
        return f"a {action.side} of {action.amount:g} that no trade knows is on the exchange, without a stop"
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
