"""From the parts of a session to its heartbeat, at the end of every loop of a live or dry-run bot."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from freqtrade.constants import PROCESS_THROTTLE_SECS
from freqtrade.persistence import Trade

from candlegraph.freqtrade_bridge.decisions.admission import FAILED, LATEST, EntryPause
from candlegraph.freqtrade_bridge.decisions.book import DecisionBook
from candlegraph.freqtrade_bridge.feeds.account import AccountGuard, WalletWatch
from candlegraph.freqtrade_bridge.host.state import is_paused
from candlegraph.freqtrade_bridge.monitoring.heartbeat import DriftFound, Heartbeat, HeartbeatFile, HeldTrade
from candlegraph.freqtrade_bridge.trades.plan import Plans
from candlegraph.graph.context import Context
from candlegraph.memory.books.spending import Spending
from candlegraph.tools.market.frames import duration

SLACK = 120.0
"""Seconds that freqtrade's own work in a loop may take: orders, retries of the exchange."""


class Parts(NamedTuple):
    """What of a session is looked at."""

    book: DecisionBook
    guard: AccountGuard
    wallet: WalletWatch
    plans: Plans
    pause: EntryPause
    spending: Spending


class Pulse:
    """Writes the heartbeat of one run; `provider` is freqtrade's."""

    def __init__(self, config: Mapping[str, Any], context: Context, provider: Any, parts: Parts) -> None:
        self._context, self._provider, self._parts = context, provider, parts
        self._file = HeartbeatFile(Path(context.user_data_dir), context.namespace)
        before = self._file.last()
        self.drift: DriftFound | None = None if before is None else before.drift
        self._started_at, self._decided_at = datetime.now(UTC), None if before is None else before.decided_at
        self._decided: dict[str, datetime] = {}
        throttle = (config.get("internals") or {}).get("process_throttle_secs", PROCESS_THROTTLE_SECS)
        deadline = context.settings.llm_config.decision.deadline_seconds
        self._loop_limit = 2 * float(throttle) + deadline + SLACK
        self._candle_limit = float(throttle) + deadline + LATEST.total_seconds()

    def beat(self, now: datetime, held: Iterable[Trade]) -> Heartbeat:
        """Write the heartbeat at `now`, with the trades that hold something, and return it."""
        if self._parts.book.decided != self._decided:
            self._decided, self._decided_at = dict(self._parts.book.decided), now
        beat = self._taken(now, held)
        self._file.keep(beat)
        return beat

    def found(self, drift: DriftFound) -> None:
        """Take in what the weekly comparison found; any thread may call this."""
        self.drift = drift

    def _taken(self, now: datetime, held: Iterable[Trade]) -> Heartbeat:
        account, pause = self._parts.wallet.measured, self._parts.pause
        return Heartbeat(
            namespace=self._context.namespace,
            pid=os.getpid(),
            started_at=self._started_at,
            loop_at=now,
            is_loop_late_after=self._loop_limit,
            candle_seconds=self._length.total_seconds(),
            is_candle_late_after=self._candle_limit,
            decided_at=self._decided_at,
            decided=self._decided,
            state="paused" if is_paused(self._provider) else "running",
            halted=self._parts.guard.halt,
            paused=FAILED if pause.is_on else None,
            budget=self._parts.spending.at(now).spent,
            resting=self._context.models.resting(),
            equity=account.equity,
            drawdown_pct=account.drawdown_pct,
            day_profit_pct=account.day_profit_pct,
            trades=tuple(map(self._held, held)),
            drift=self.drift,
        )

    @property
    def _length(self) -> timedelta:
        return duration(self._context.settings.context_config.timeframes[0])

    def _held(self, trade: Trade) -> HeldTrade:
        plan, price = self._parts.plans.of(trade), self._parts.wallet.prices.get(trade.pair)
        return HeldTrade(
            trade_id=trade.id,
            pair=trade.pair,
            side=trade.trade_direction,
            leverage=trade.leverage or 1.0,
            stake=trade.stake_amount,
            entry_price=trade.open_rate,
            price=price,
            profit_pct=None if price is None else 100 * trade.calc_profit_ratio(price),
            stop=plan.stop,
            stop_set=trade.stop_loss,
            is_protected=plan.was_set(trade.stop_loss),
            take_profit=plan.take_profit,
            opened_at=trade.open_date_utc,
            decision_id=plan.decision_id,
        )
