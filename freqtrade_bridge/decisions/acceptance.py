"""What the graph gave for one candle is taken in: into the book, the ledger, the log, the memory.

outcome -> admitted signal -> book and ledger row -> fate followed, failures counted, memory effects carried out
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from candlegraph.freqtrade_bridge.decisions.admission import paused, punctual, signal_of, too_late
from candlegraph.freqtrade_bridge.decisions.book import DecisionBook, Known
from candlegraph.freqtrade_bridge.decisions.failures import Failures
from candlegraph.freqtrade_bridge.decisions.fates import Fates
from candlegraph.freqtrade_bridge.decisions.line import decision_line, short_names
from candlegraph.freqtrade_bridge.decisions.records import Records, commit_effects, decision_row, fate_at_once
from candlegraph.freqtrade_bridge.decisions.runner import RunOutcome
from candlegraph.graph.context import Context
from candlegraph.graph.schema.errors import MemoryStoreError
from candlegraph.graph.schema.market import MarketSnapshot
from candlegraph.graph.schema.signal import TradeSignal
from candlegraph.graph.state import CandleState
from candlegraph.memory.books.ledger import DecisionRow
from candlegraph.memory.books.spending import Spending

logger = logging.getLogger(__name__)

PROGRESS_EVERY = 250
"""Decisions of a backtest after which it says how far it is."""


class Watch(Protocol):
    """What follows the open trades."""

    def decided(self, signals: Mapping[int, TradeSignal]) -> None:
        """Note what was decided about open trades, by their ids."""

    def recorded(self, trade_id: int, count: int) -> None:
        """Note that decisions about an open trade went into the memory."""


class Acceptance:
    """Takes in decisions, those of the candle and those that come late."""

    def __init__(
        self,
        context: Context,
        book: DecisionBook,
        known: Known,
        records: Records,
        fates: Fates,
        failures: Failures,
        spending: Spending,
        watch: Watch,
        *,
        is_backtest: bool,
    ) -> None:
        self._context, self._is_backtest = context, is_backtest
        self._book, self._known = book, known
        self._records, self._fates = records, fates
        self._failures, self._spending, self._watch = failures, spending, watch
        self._decided = 0

    def accept(
        self,
        snapshots: Mapping[str, MarketSnapshot],
        outcomes: Mapping[str, RunOutcome],
        watched: Sequence[str],
        now: datetime,
    ) -> None:
        """Take in one candle's decisions, on some of the watched pairs; raise StoppedBacktest for a failed one."""
        rows = [self._row(snapshot, outcomes[pair], now) for pair, snapshot in snapshots.items()]
        self._log(rows, watched)
        held = {row.pair: position.trade_id for row in rows if (position := snapshots[row.pair].position) is not None}
        self._watch.decided({held[row.pair]: row.signal for row in rows if row.pair in held})
        states = {row.decision_id: state for row in rows if (state := outcomes[row.pair].state) is not None}
        self._records.decisions(rows, states)
        for row in rows:
            self._fates.accepted(row)
        self._failures.note(snapshots, outcomes)
        for state in states.values():
            self._commit(state)
        self._report_progress(rows)

    def _row(self, snapshot: MarketSnapshot, outcome: RunOutcome, now: datetime) -> DecisionRow:
        """Put the signal where the callbacks find it; return its row."""
        signal = self._admitted(signal_of(self._context, snapshot, outcome), snapshot, now)
        self._book.put(snapshot.pair, snapshot.as_of, signal)
        self._known.put(snapshot, outcome.state)
        row = decision_row(self._context, snapshot, outcome, signal, now)
        self._spending.add(row.as_of, row.model_calls)
        return row

    def _admitted(self, signal: TradeSignal, snapshot: MarketSnapshot, now: datetime) -> TradeSignal:
        """Return the signal, or what stands in for an entry that comes too late or while entries pause."""
        if self._failures.pause.is_on:
            signal = paused(signal, snapshot)
        return signal if self._is_backtest else punctual(signal, snapshot, now)

    def _log(self, rows: Sequence[DecisionRow], watched: Sequence[str]) -> None:
        """Say each decision in one line, before anything is written; thousands of a backtest only to who debugs it."""
        level = logging.DEBUG if self._is_backtest else logging.INFO
        if logger.isEnabledFor(level):
            names = short_names(watched)
            for row in rows:
                logger.log(level, "%s", decision_line(row, names[row.pair]))

    def _commit(self, state: CandleState) -> None:
        """Carry out what the model wanted of the memory; live a memory that fails stops no trade."""
        assert state.snapshot is not None, "the run was given one"
        try:
            recorded = commit_effects(self._context, state)
        except MemoryStoreError as e:
            if self._is_backtest:
                raise
            logger.error("%s: what the model wanted remembered or removed is lost: %s", state.snapshot.pair, e)
            return
        if recorded and state.snapshot.position is not None:
            self._watch.recorded(state.snapshot.position.trade_id, recorded)

    def _report_progress(self, rows: Sequence[DecisionRow]) -> None:
        before, self._decided = self._decided, self._decided + len(rows)
        if self._is_backtest and before // PROGRESS_EVERY != self._decided // PROGRESS_EVERY:
            logger.info("decided %d candles, now at %s", self._decided, f"{rows[0].as_of:%Y-%m-%d %H:%M} UTC")

    # -- what comes after its deadline --------------------------------------------------------------------------------

    def late(self, found: Mapping[str, tuple[MarketSnapshot, RunOutcome]], now: datetime) -> None:
        """Let a late exit or reduction count while its candle lasts; a late entry or addition is dropped."""
        for pair, (snapshot, outcome) in found.items():
            signal = signal_of(self._context, snapshot, outcome)
            is_used = self._book.lasts(snapshot.as_of, now) and signal.is_safer
            logger.warning("%s: late %s, %s", pair, signal.action, "used" if is_used else "dropped")
            if is_used:
                self._book.put(pair, snapshot.as_of, signal)
            self._keep_late(signal if is_used else too_late(signal, snapshot), outcome.state, now)

    def _keep_late(self, signal: TradeSignal, state: CandleState | None, now: datetime) -> None:
        """Put a late call that acts into its row, and follow it, or set at once that it was dropped."""
        row = self._records.answered(signal, "late answer", state) if signal.wanted.acts else None
        if row is None:
            return
        fate = fate_at_once(signal, now)
        if fate is not None:
            self._records.fate(row.decision_id, fate)
        self._fates.accepted(row.model_copy(update={"fate": fate}))
