"""The account and the positions of this moment, from freqtrade's wallet and trades; drawdown, day, emergency stop."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from freqtrade.persistence import Trade
from sqlalchemy import func, select

from candlegraph.freqtrade_bridge.trades.plan import Plan
from candlegraph.graph.schema.errors import MemoryStoreError
from candlegraph.graph.schema.market import Account, Position
from candlegraph.memory.books.account import AccountBook, AccountMark, marked, measured
from candlegraph.memory.learning.track import Track

logger = logging.getLogger(__name__)

UNPRICED = "an open trade has no price yet"
"""Holds entries back until drawdown and day can be measured again; it closes nothing."""
MEASURED = ("day_profit_pct", "drawdown_pct", "halted")


class AccountGuard:
    """Watches one namespace; live its mark is read anew each time, so that a reset by command counts at once.

    A backtest keeps its mark in memory and writes only the halt: its namespace is never opened again.
    """

    def __init__(self, database: Path, namespace: str, emergency_stop_loss: float, *, is_backtest: bool) -> None:
        self._book = AccountBook(database)
        self._namespace = namespace
        self._limit_pct = -100 * emergency_stop_loss
        self._is_backtest = is_backtest
        self._mark: AccountMark | None = None if is_backtest else self._book.mark(namespace)
        self._is_stored = True

    @property
    def halt(self) -> str | None:
        """Return why the account is halted."""
        return None if self._mark is None else self._mark.reason

    def observe(self, seen: Account, now: datetime) -> Account:
        """Return `seen` with drawdown, day and halt; beyond the limit the account is halted until a reset."""
        before = self._stored() if self._is_stored and not self._is_backtest else self._mark
        if seen.equity <= 0:  # a wallet that could not be read; where it is true there is nothing left to protect
            return seen.model_copy(update={"halted": None if before is None else before.reason})
        mark = marked(before, seen.equity, now)
        account = measured(mark, seen)
        if mark.reason is None and account.drawdown_pct >= self._limit_pct:
            mark = self._halted(mark, account, now)
            account = measured(mark, seen)
        self._keep(before, mark)
        return account

    def _halted(self, mark: AccountMark, account: Account, now: datetime) -> AccountMark:
        reason = (
            f"emergency stop at {now:%Y-%m-%d %H:%M} UTC: equity {account.equity:.2f} was "
            f"{account.drawdown_pct:.2f} % below its peak {mark.peak:.2f}"
        )
        logger.critical("%s; all positions are closed, entries halt until `candlegraph account reset`", reason)
        return mark.model_copy(update={"halted_at": now, "reason": reason})

    def _stored(self) -> AccountMark | None:
        try:
            return self._book.mark(self._namespace)
        except MemoryStoreError as e:
            logger.error("the account's mark could not be read, the last known one counts: %s", e)
            return self._mark

    def _keep(self, before: AccountMark | None, mark: AccountMark) -> None:
        """Store a changed mark; one that cannot be stored still counts until the process ends."""
        self._mark = mark
        is_new_halt = mark.reason is not None and (before is None or before.reason is None)
        if (mark == before and self._is_stored) or (self._is_backtest and not is_new_halt):
            return
        try:
            self._book.keep(self._namespace, mark)
            self._is_stored = True
        except MemoryStoreError as e:
            self._is_stored = False
            logger.error("the account's mark could not be stored: %s", e)


def account_of(
    wallets: Any,
    trades: Iterable[Trade],
    prices: Mapping[str, float],
    currency: str,
    slots: int,
) -> Account:
    """Return the wallet with open profit at `prices` (by pair; a trade without a price counts at its entry).

    Freqtrade takes the open profit out of an exchange's own total where that holds it, so it is counted once.
    """
    held = list(trades)
    rates = {trade.id: prices.get(trade.pair, trade.open_rate) for trade in held}
    used = sum(trade.stake_amount for trade in held)
    open_profit = sum(trade.calc_profit(rates[trade.id]) for trade in held if trade.pair in prices)
    return Account(
        equity=max(0.0, wallets.get_total(currency) + open_profit),
        free=max(0.0, wallets.get_available_stake_amount()),
        used=used,
        exposure=sum(trade.amount * rates[trade.id] for trade in held),
        open_positions=len(held),
        slots=slots,
    )


def position_of(trade: Trade, plan: Plan, price: float, as_of: datetime, length: timedelta, track: Track) -> Position:
    """Return the open trade at `price`; profits net of fees and funding, of the stake."""
    return Position(
        trade_id=trade.id,
        side=trade.trade_direction,
        leverage=trade.leverage,
        entry_price=trade.open_rate,
        stake=trade.stake_amount,
        stop=plan.stop if not plan.is_in_force(trade.stop_loss) else trade.stop_loss,
        take_profit=plan.take_profit,
        planned_risk_ratio=abs(trade.open_rate - plan.initial_stop) / trade.open_rate,
        profit_pct=100 * trade.calc_profit_ratio(price),
        mfe_pct=100 * trade.calc_profit_ratio(track.best),
        mae_pct=100 * trade.calc_profit_ratio(track.worst),
        opened_at=trade.open_date_utc,
        age_candles=max(0, round((as_of - trade.open_date_utc) / length)),
        adds=trade.nr_of_successful_entries - 1,
        reductions=trade.nr_of_successful_exits,
        recorded_decisions=track.recorded,
        entry_reason=plan.reason,
        holds=track.holds,
        past_reasons=track.reasons,
        past_warnings=track.warnings,
        deepest_give_back_pct=track.deepest_give_back_pct,
    )


def candles_since_loss(pair: str, as_of: datetime, length: timedelta) -> int | None:
    """Return how many main candles ago the pair's last losing trade closed; 1 = in the candle that closed now.

    The candle of the close counts, not its minute: a backtest stamps an exit inside a candle with its open.
    """
    lost = _last_loss(pair)
    if lost is None:
        return None
    seconds = length.total_seconds()
    return max(0, int(as_of.timestamp() // seconds - lost.timestamp() // seconds))


def _last_loss(pair: str) -> datetime | None:
    """Return when the pair's last losing trade closed; a database is not made to load every trade for that."""
    if Trade.use_db:
        lost = (Trade.pair == pair, Trade.is_open.is_(False), Trade.close_profit < 0)
        at: datetime | None = Trade.session.scalar(select(func.max(Trade.close_date)).where(*lost))
        return None if at is None else at.replace(tzinfo=UTC)
    closed = Trade.get_trades_proxy(pair=pair, is_open=False)
    return max((trade.close_date_utc for trade in closed if (trade.close_profit or 0.0) < 0), default=None)


class WalletWatch:
    """`config` is freqtrade's and may change under us: its `max_open_trades` is read each time."""

    def __init__(self, config: Mapping[str, Any], wallets: Any, guard: AccountGuard) -> None:
        self._config = config
        self._wallets = wallets
        self._guard = guard
        self.prices: dict[str, float] = {}
        self.measured = Account(equity=0, free=0, open_positions=0)

    def measure(self, now: datetime, trades: Sequence[Trade]) -> Account:
        """Return the account, with drawdown and day measured, and the emergency stop fired where it is due.

        Not before every open trade has a price: without their losses the peak would be too high for ever.
        """
        wallet = self._wallet(trades)
        if all(trade.pair in self.prices for trade in trades):
            self.measured = self._guard.observe(wallet, now)
        else:
            self.measured = wallet.model_copy(update={"halted": self._guard.halt or UNPRICED})
        return self.measured

    def account(self) -> Account:
        """Return the wallet of this moment, with day and drawdown as they were measured last."""
        return self._wallet(Trade.get_trades_proxy(is_open=True)).model_copy(
            update={name: getattr(self.measured, name) for name in MEASURED}
        )

    def _wallet(self, trades: Iterable[Trade]) -> Account:
        return account_of(
            self._wallets,
            trades,
            self.prices,
            str(self._config["stake_currency"]),
            int(self._config["max_open_trades"]),
        )
