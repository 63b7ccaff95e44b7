"""A person's answers to proposed entries, carried out: the run that asked is ended, and its signal trades."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any

from candlegraph.freqtrade_bridge.decisions.admission import signal_of
from candlegraph.freqtrade_bridge.decisions.approvals import Approvals, price_now
from candlegraph.freqtrade_bridge.decisions.book import DecisionBook, Known
from candlegraph.freqtrade_bridge.decisions.fates import Fates
from candlegraph.freqtrade_bridge.decisions.records import Records
from candlegraph.freqtrade_bridge.decisions.runner import Runner, RunOutcome
from candlegraph.graph.context import Context
from candlegraph.memory.books.approvals import ApprovalAnswer, ApprovalRequest

logger = logging.getLogger(__name__)


class Answers:
    """Asks and listens where approval is required; `provider` is freqtrade's, for prices and messages."""

    def __init__(
        self,
        context: Context,
        runner: Runner,
        book: DecisionBook,
        known: Known,
        records: Records,
        fates: Fates,
        provider: Any,
    ) -> None:
        self._context, self._runner, self._provider = context, runner, provider
        self._book, self._known, self._records, self._fates = book, known, records, fates
        is_required = context.settings.risk_management.approval.required
        self._approvals = Approvals(context, datetime.now(UTC)) if is_required else None

    def ask(self, outcomes: Mapping[str, RunOutcome], now: datetime) -> None:
        """Put what waits for a person before them."""
        for outcome in outcomes.values():
            if self._approvals is not None and outcome.proposal is not None:
                self._provider.send_msg(self._approvals.ask(outcome.proposal, now), always_send=True)

    def carry_out(self, now: datetime) -> bool:
        """Carry out what a person answered since the last loop; return whether an entry may trade now."""
        if self._approvals is None:
            return False
        decided = self._approvals.decided(now, partial(price_now, self._provider))
        carried_out = [self._carry_out(request, answer, now) for request, answer in decided]
        return any(carried_out)

    def _carry_out(self, request: ApprovalRequest, answer: ApprovalAnswer, now: datetime) -> bool:
        snapshot, _ = self._known.of(request.pair)
        outcome = self._runner.resume(request, answer)
        if outcome.error is not None or snapshot is None or snapshot.as_of != request.as_of:
            logger.warning("%s: the answer to %s comes to nothing: %r", request.pair, request.id, outcome.error)
            return False
        signal = signal_of(self._context, snapshot, outcome)
        logger.info("%s: proposal %s was answered: %s: %s", request.pair, request.id, signal.action, signal.reason)
        self._book.put(request.pair, request.as_of, signal)
        self._known.put(snapshot, outcome.state)
        self._records.answered(signal, "approval", outcome.state)
        self._fates.changed(signal, now)
        return signal.is_entry
