"""The real freqtrade worker in virtual time, against a loopback exchange that shares its clock.

travel to `start` → serve the markets → Worker → step: one loop, and its sleep moves the clock → …
"""

import json
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any

import time_machine
from freqtrade.enums import State
from freqtrade.freqtradebot import FreqtradeBot
from freqtrade.worker import Worker
from freqtrade_once import parsed

from candlegraph.freqtrade_bridge.loopback.configuration import base_config, offline_exchange, offline_sentiment
from candlegraph.freqtrade_bridge.loopback.markets import Market
from candlegraph.freqtrade_bridge.loopback.server import LoopbackExchange
from candlegraph.graph.settings.places import DATABASE
from candlegraph.memory.store import close_memory

LOOP_SECONDS = 1800
"""One loop a candle: freqtrade sleeps until the next 30m candle, or this long."""


class VirtualDryRun:
    """A dry-run of `config` over `markets` that begins at `start`; `config` names strategy and strategy_path.

    The default database is in memory, the default userdir lasts as long as the run. One at a time: freqtrade keeps its
    database session in a class.
    """

    def __init__(
        self,
        config: Mapping[str, Any],
        markets: Iterable[Market],
        start: datetime,
        *,
        db_url: str = "sqlite://",
        loop_seconds: int = LOOP_SECONDS,
        userdir: Path | None = None,
    ) -> None:
        self.markets = tuple(markets)
        self.start = start
        self.loops = 0
        self.exchange = LoopbackExchange(self.markets)
        internals = {"internals": {"process_throttle_secs": loop_seconds} | config.get("internals", {})}
        self._config = base_config() | dict(config) | {"db_url": db_url} | internals
        self._userdir = userdir
        self._state: State | None = None
        self._stack = ExitStack()

    @property
    def bot(self) -> FreqtradeBot:
        """The bot inside the worker."""
        return self._worker.freqtrade

    def now(self) -> datetime:
        """Return the virtual time."""
        return datetime.now(UTC)

    def step(self) -> None:
        """Run one loop of the worker, and move the clock to where it would have slept to."""
        self._state = self._worker._worker(old_state=self._state)
        self.loops += 1

    def run_until(self, when: datetime) -> None:
        """Run loops until the virtual time is `when`."""
        while self.now() < when:
            self.step()

    def __enter__(self) -> "VirtualDryRun":
        with ExitStack() as stack:
            self._traveller = stack.enter_context(time_machine.travel(self.start, tick=False))
            stack.enter_context(self.exchange)
            folder = Path(stack.enter_context(TemporaryDirectory()))
            stack.callback(close_memory, folder / DATABASE)
            self._worker = Worker(self._arguments(folder))
            stack.callback(self._worker.exit)
            self._worker._sleep = self._sleep  # type: ignore[method-assign]
            self._stack = stack.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stack.close()

    def _arguments(self, folder: Path) -> dict[str, Any]:
        pairs = [market.pair for market in self.markets]
        path, userdir = folder / "config.json", self._userdir or folder
        userdir.mkdir(parents=True, exist_ok=True)
        offline = {
            "exchange": offline_exchange(self.exchange.url, pairs),
            "context_config": offline_sentiment(self._config, self.exchange.url),
        }
        path.write_text(json.dumps(self._config | offline))
        return parsed(["trade", "--dry-run", "-c", str(path), "--userdir", str(userdir)])

    def _sleep(self, seconds: float) -> None:
        self._traveller.shift(timedelta(seconds=max(seconds, 0.001)))
