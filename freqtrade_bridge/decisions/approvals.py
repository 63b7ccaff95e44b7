"""Between the bot's loop and the person who approves: questions go out by message and table, answers come by table.

ask(request) -> pending row, message text … `candlegraph approve` … decided(now) -> each answered or expired one, once
"""

from __future__ import annotations

import shlex
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from candlegraph.agents.prompt.outside_text import plain
from candlegraph.graph.schema.errors import ConfigError
from candlegraph.graph.settings.settings import Settings
from candlegraph.memory.books.approvals import ApprovalAnswer, ApprovalRequest, Proposals, StoredRequest

if TYPE_CHECKING:
    from candlegraph.graph.context import Context  # here: `candlegraph approve` needs no LangChain

SHORT_ID = 10
"""Digits of an id that are typed; the command takes any prefix that fits one proposal."""
NO_MARKDOWN = str.maketrans("_*`[", "   (")
"""Freqtrade sends Markdown, and Telegram refuses a whole message in which one of these stands alone."""


def check_approval(settings: Settings, *, is_backtest: bool) -> None:
    """Refuse a backtest that would wait for a person at every entry."""
    if is_backtest and settings.risk_management.approval.required:
        raise ConfigError(
            "config: risk_management.approval.required = true: nobody answers in a backtest; set it to false there"
        )


class Approvals:
    """The open questions of one run of the bot; those of an earlier run are void, since its graph runs are gone."""

    def __init__(self, context: Context, now: datetime) -> None:
        self._userdir = context.user_data_dir
        self._proposals = Proposals(context.database)
        self._proposals.void(context.namespace, now, "the bot was restarted")
        self._open: dict[str, ApprovalRequest] = {}

    def ask(self, request: ApprovalRequest, now: datetime) -> str:
        """Store the question; return the message that puts it before a person."""
        self._proposals.ask(request, now)
        self._open[request.id] = request
        return message_of(request, now, self._userdir)

    def decided(
        self, now: datetime, price_of: Callable[[ApprovalRequest], float | None]
    ) -> list[tuple[ApprovalRequest, ApprovalAnswer]]:
        """Return what was answered or has expired since the last call, each once; `price_of` is the price now.

        Without a price an approval is left for the next call: nothing may be used up before it can be carried out.
        """
        stored = self._proposals.by_id(self._open)
        answers = [self._answer_to(stored[key], now, price_of) for key in self._open]
        found = [(self._open[answer.id], answer) for answer in answers if answer is not None]
        for request, _ in found:
            del self._open[request.id]
        return found

    def _answer_to(
        self, one: StoredRequest, now: datetime, price_of: Callable[[ApprovalRequest], float | None]
    ) -> ApprovalAnswer | None:
        request = one.request
        if now > request.expires_at and self._proposals.move(request.id, "expired", now):
            return _reject(request, now, "")
        if one.status == "approved":
            price = price_of(request)
            is_ours = price is not None and self._proposals.move(request.id, "used", now, one.note)
            return ApprovalAnswer(id=request.id, verdict="approve", at=now, price=price) if price and is_ours else None
        return None if one.status == "pending" else _reject(request, now, one.note or f"it is {one.status} already")


def price_now(provider: Any, request: ApprovalRequest) -> float | None:
    """Return the pair's last price from freqtrade's data provider, None while the exchange gives none."""
    last = provider.ticker(request.pair).get("last")
    return float(last) if last else None


def message_of(request: ApprovalRequest, now: datetime, userdir: str) -> str:
    """Return what a person needs to answer: the entry, its risk, the time left, the two commands."""
    minutes = (request.expires_at - now).total_seconds() / 60
    words = f"{request.id[:SHORT_ID]} --userdir {shlex.quote(userdir)}"
    return (
        f"{request.pair}: {request.side} at {request.price:g} waits for approval, {minutes:.0f} min left\n"
        f"leverage {request.leverage:g}, stake {stake_text(request)}, stop {request.stop:g}, "
        f"target {target_text(request)}, risk at the stop {risk_text(request)}\n"
        f"reason: {plain(request.reason).translate(NO_MARKDOWN)}\n"
        f"`candlegraph approve {words}`\n"
        f"`candlegraph reject {words}`"
    )


def stake_text(request: ApprovalRequest) -> str:
    """Return the margin for people."""
    return "as freqtrade sizes it" if request.stake is None else f"{request.stake:.6g}"


def target_text(request: ApprovalRequest) -> str:
    """Return the take profit for people."""
    return "none" if request.take_profit is None else f"{request.take_profit:g}"


def risk_text(request: ApprovalRequest) -> str:
    """Return the loss at the stop for people."""
    return f"{'at most ' if request.stake is None else ''}{request.risk:.4g}"


def _reject(request: ApprovalRequest, now: datetime, note: str) -> ApprovalAnswer:
    return ApprovalAnswer(id=request.id, verdict="reject", at=now, price=request.price, note=note)
