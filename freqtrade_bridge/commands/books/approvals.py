"""`candlegraph approvals`, `approve` and `reject`: a person's side of the table that the bot polls; no freqtrade."""

from __future__ import annotations

from argparse import Namespace
from datetime import UTC, datetime, timedelta
from typing import Literal

from candlegraph.freqtrade_bridge.commands.arguments import database_of
from candlegraph.freqtrade_bridge.decisions.approvals import SHORT_ID, risk_text, stake_text, target_text
from candlegraph.freqtrade_bridge.report.listing import LONGEST, Entry, console, one_line, print_entries, print_json
from candlegraph.graph.schema.errors import MemoryStoreError
from candlegraph.memory.books.approvals import ApprovalRequest, Proposals, StoredRequest

LEAST_PREFIX = 6
SHOWN = ("id", "pair", "side", "price", "stop", "expires in")


def print_approvals(arguments: Namespace) -> None:
    """Print what waits for an answer."""
    now = datetime.now(UTC)
    pending = [one.request for one in _proposals(arguments).pending(arguments.namespace)]
    waiting = [one for one in pending if one.expires_at >= now]  # a bot that was stopped leaves its questions behind
    if arguments.json:
        print_json([{"id": one.id} | one.model_dump(mode="json") for one in waiting])
    else:
        entries = [_entry(one, now, None if arguments.wide else LONGEST) for one in waiting]
        print_entries("Waiting for approval", SHOWN, entries, wide=arguments.wide, empty="No entry waits for you.")


def print_approve(arguments: Namespace) -> None:
    """Approve one proposal; the bot enters at its next loop."""
    request = _answer(arguments, "approved", "")
    console().print(f"approved: {_named(request)}; the bot enters at its next loop")


def print_reject(arguments: Namespace) -> None:
    """Reject one proposal."""
    request = _answer(arguments, "rejected", arguments.reason)
    console().print(f"rejected: {_named(request)}")


def _answer(arguments: Namespace, status: Literal["approved", "rejected"], note: str) -> ApprovalRequest:
    proposals, now = _proposals(arguments), datetime.now(UTC)
    one = _found(proposals, arguments.id, arguments.namespace)
    name = _named(one.request)
    if one.status != "pending":
        raise MemoryStoreError(f"{name} is {one.status} already")
    if now > one.request.expires_at:
        raise MemoryStoreError(f"{name} expired {_short(now - one.request.expires_at)} ago")
    if not proposals.move(one.request.id, status, now, note):
        raise MemoryStoreError(f"{name} was answered or expired a moment ago; `candlegraph approvals` lists what waits")
    return one.request


def _found(proposals: Proposals, prefix: str, namespace: str | None) -> StoredRequest:
    if len(prefix) < LEAST_PREFIX:
        raise MemoryStoreError(f"proposal {prefix!r}: expected at least {LEAST_PREFIX} digits of the id")
    found = proposals.find(prefix.lower(), namespace)
    if not found:
        raise MemoryStoreError(f"no proposal {prefix!r}; `candlegraph approvals` lists what waits")
    if len(found) > 1:
        raise MemoryStoreError(f"{len(found)} proposals begin with {prefix!r}; give more of the id")
    return found[0]


def _proposals(arguments: Namespace) -> Proposals:
    return Proposals(database_of(arguments.userdir))


def _entry(request: ApprovalRequest, now: datetime, length: int | None) -> Entry:
    cells = (
        request.id[:SHORT_ID],
        request.pair,
        request.side,
        f"{request.price:g}",
        f"{request.stop:g}",
        _short(request.expires_at - now),
    )
    asked = (
        f"{request.namespace}: leverage {request.leverage:g}, stake {stake_text(request)}, "
        f"target {target_text(request)}, risk at the stop {risk_text(request)}, asked {_short(now - request.as_of)} ago"
    )
    return Entry(cells, (asked, one_line(request.reason, length)))


def _named(request: ApprovalRequest) -> str:
    return f"{request.id[:SHORT_ID]} {request.pair} {request.action} at {request.price:g}"


def _short(span: timedelta) -> str:
    minutes, seconds = divmod(int(span.total_seconds()), 60)
    return f"{minutes} min {seconds} s"
