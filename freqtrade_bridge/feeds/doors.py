"""What freqtrade and the exchange will refuse: locks, slots, stakes; asked with the engine's own tests.

locks, limits -> snapshot, before a model is asked; closed -> why an entry that was decided is dropped without a word
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from freqtrade.exceptions import DependencyException
from freqtrade.persistence import PairLocks, Trade

from candlegraph.freqtrade_bridge.host.pause_file import PauseFile
from candlegraph.freqtrade_bridge.host.state import is_paused
from candlegraph.graph.schema.fate import Refusal
from candlegraph.graph.schema.market import Lock, OrderLimits, Side
from candlegraph.tools.risk.possible import refused_by

ADJUSTING = -0.1
"""The stop for which freqtrade's backtest keeps a reserve when it reduces a position."""
OPENING = -0.05
"""The same, when it opens one; live freqtrade takes the strategy's own."""


class Doors:
    """`config` is freqtrade's and may change under us: its `max_open_trades` is read each time."""

    def __init__(
        self, config: Mapping[str, Any], provider: Any, wallets: Any, userdir: Path, *, is_backtest: bool
    ) -> None:
        self._config = config
        self._switch = None if is_backtest else PauseFile(userdir)
        self._provider = provider
        self._wallets = wallets
        self._is_backtest = is_backtest

    def locks(self, pair: str, as_of: datetime) -> tuple[Lock, ...]:
        """Return the locks that an entry at this close meets, live and in a backtest.

        Live freqtrade asks for the end of the candle that was analysed last, which is `as_of`.
        """
        held = [*PairLocks.get_pair_locks(pair, as_of), *PairLocks.get_pair_locks("*", as_of)]
        found = {(one.side, (one.reason or "lock").rstrip("."), one.lock_end_time_utc) for one in held}
        return tuple(Lock(side=side, name=name, until=until) for side, name, until in sorted(found))

    def limits(self, pair: str, price: float) -> OrderLimits:
        """Return the smallest and largest orders at `price`, as position values.

        Freqtrade has no public way to its exchange from a strategy.
        """
        exchange = self._provider._exchange
        stop = OPENING if self._is_backtest else float(self._config["stoploss"])
        least = {
            "min_entry": exchange.get_min_pair_stake_amount(pair, price, stop),
            "min_add": exchange.get_min_pair_stake_amount(pair, price, 0.0),
            "min_left": exchange.get_min_pair_stake_amount(pair, price, ADJUSTING),
        }
        most = exchange.get_max_pair_stake_amount(pair, price)
        known = {name: value for name, value in least.items() if value}
        return OrderLimits(**known, max_order=most if math.isfinite(most) and most > 0 else None)

    def pause(self) -> Refusal | None:
        """Return that a person has paused entries here, or freqtrade: then it opens nothing."""
        if by_hand := self.by_hand():
            return by_hand
        return Refusal(door="paused", why="freqtrade is paused (/pause)") if is_paused(self._provider) else None

    def by_hand(self) -> Refusal | None:
        """Return that `candlegraph pause` is on, as it is at this moment; never in a backtest."""
        pause = self._switch.look() if self._switch else None
        return pause.refusal if pause else None

    def closed(self, pair: str, side: Side, as_of: datetime) -> Refusal | None:
        """Return why freqtrade would not even ask us about an entry now, by its own tests in its own order."""
        if paused := self.pause():
            return paused
        if pair not in self._provider.current_whitelist():
            return Refusal(door="pair_not_tradable", why="the pair is not in freqtrade's pair list")
        locked = refused_by(self.locks(pair, as_of), side, "freqtrade had locked the pair")
        return locked or self._no_slot() or self._no_stake(pair)

    def _no_slot(self) -> Refusal | None:
        used, slots = Trade.get_open_trade_count(), int(self._config["max_open_trades"])
        if used < slots:
            return None
        return Refusal(door="slot", key="max_open_trades", why=f"{used} of {slots} slots were in use")

    def _no_stake(self, pair: str) -> Refusal | None:
        try:
            self._wallets.get_trade_stake_amount(pair, self._config["max_open_trades"], update=False)
        except DependencyException as e:
            return Refusal(door="wallet", key="stake_amount", why=str(e))
        return None
