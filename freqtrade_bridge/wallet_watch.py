"""The account of this moment: freqtrade's wallet, open profit at the last known prices, drawdown and day."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from freqtrade.persistence import Trade

from candlegraph.freqtrade_bridge.account_guard import AccountGuard
from candlegraph.freqtrade_bridge.portfolio import account_of
from candlegraph.graph.market import Account

UNPRICED = "an open trade has no price yet"
"""Holds entries back until drawdown and day can be measured again; it closes nothing."""
MEASURED = ("day_profit_pct", "drawdown_pct", "halted")


class WalletWatch:
    """`config` is freqtrade's and may change under us: its `max_open_trades` is read each time."""

    def __init__(self, config: Mapping[str, Any], wallets: Any, guard: AccountGuard) -> None:
        self._config = config
        self._wallets = wallets
        self._guard = guard
        self.prices: dict[str, float] = {}
        self.measured = Account(equity=0, free=0, open_positions=0)

    def measure(self, now: datetime) -> Account:
        """Return the account, with drawdown and day measured, and the emergency stop fired where it is due.

        Not before every open trade has a price: without their losses the peak would be too high for ever.
        """
        wallet = self._wallet()
        if all(trade.pair in self.prices for trade in Trade.get_trades_proxy(is_open=True)):
            self.measured = self._guard.observe(wallet, now)
        else:
            self.measured = wallet.model_copy(update={"halted": self._guard.halt or UNPRICED})
        return self.measured

    def account(self) -> Account:
        """Return the wallet of this moment, with day and drawdown as they were measured last."""
        return self._wallet().model_copy(update={name: getattr(self.measured, name) for name in MEASURED})

    def _wallet(self) -> Account:
        return account_of(
            self._wallets,
            Trade.get_trades_proxy(is_open=True),
            self.prices,
            str(self._config["stake_currency"]),
            int(self._config["max_open_trades"]),
        )
