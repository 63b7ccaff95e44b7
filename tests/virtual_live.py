"""The real freqtrade worker with `"dry_run": false` in virtual time, on the loopback account; it may be killed.

travel to `start` → serve the account over TLS → begin a bot → step: one loop, and its sleep moves the clock → …
"""

import json
import logging
import time
import types
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import freqtrade.exchange.common
import freqtrade.worker
import time_machine
from freqtrade.enums import State
from freqtrade.freqtradebot import FreqtradeBot
from freqtrade.persistence import Trade
from freqtrade.worker import Worker
from freqtrade_once import parsed

from candlegraph.freqtrade_bridge.loopback.account.books import Books
from candlegraph.freqtrade_bridge.loopback.account.server import AccountExchange
from candlegraph.freqtrade_bridge.loopback.configuration import base_config, offline_sentiment
from candlegraph.freqtrade_bridge.loopback.markets import Market
from candlegraph.freqtrade_bridge.loopback.server import LoopbackExchange
from candlegraph.graph.settings.places import DATABASE
from candlegraph.memory.store import close_memory

WALLET = Decimal(10_000)


class VirtualLive:
    """A live run of `config` over `markets`. The exchange outlives the bot: `stop` or `kill` it, and `begin` another.

    Two modules of freqtrade sleep beside the worker (the back-off of a retry, the pause after an error): their sleep
    moves the clock too. Nothing else of it is touched.
    """

    def __init__(
        self, config: Mapping[str, Any], markets: Iterable[Market], start: datetime, *, loop_seconds: int = 60
    ) -> None:
        self.markets, self.start, self.loops = tuple(markets), start, 0
        internals = {"internals": {"process_throttle_secs": loop_seconds}, "dry_run": False}
        self._config = base_config() | dict(config) | internals
        self._stack = ExitStack()
        self.log = Lines()

    @property
    def bot(self) -> FreqtradeBot:
        """The bot inside the worker."""
        return self._worker.freqtrade

    @property
    def books(self) -> Books:
        """The exchange's books now."""
        return self.exchange.books

    def now(self) -> datetime:
        """Return the virtual time."""
        return datetime.now(UTC)

    def begin(self) -> None:
        """Start a bot, the first or the next one."""
        self._state: State | None = None
        self._worker = Worker(dict(self._arguments))
        self._worker._sleep = self.after_loop  # type: ignore[method-assign]
        logging.getLogger("freqtrade").setLevel(logging.INFO)

    def stop(self) -> None:
        """End the bot as a person does."""
        self._worker.exit()

    def kill(self) -> None:
        """End the bot as `kill -9` does: what it has not committed is gone, and nothing is tidied up."""
        Trade.rollback()
        self.bot.exchange.close()

    def step(self) -> None:
        """Run one loop of the worker, and move the clock to where it would have slept to."""
        self._state = self._worker._worker(old_state=self._state)
        if self._state == State.RELOAD_CONFIG:
            self._worker._reconfigure()
        self.loops += 1

    def run_until(self, when: datetime) -> None:
        """Run loops until the virtual time is `when`."""
        while self.now() < when:
            self.step()

    def run_while(self, asked: Callable[[], object], limit: int = 200) -> None:
        """Run loops while `asked()` is true."""
        for _ in range(limit):
            if not asked():
                return
            self.step()
        raise AssertionError(f"still so after {limit} loops, at {self.now()}")

    def after_loop(self, seconds: float) -> None:
        """Sleep until the next loop; here a loop is over and its time has not passed yet."""
        self.sleep(seconds)

    def sleep(self, seconds: float) -> None:
        """Move the clock."""
        self._traveller.shift(timedelta(seconds=max(seconds, 0.001)))

    def __enter__(self) -> "VirtualLive":
        with ExitStack() as stack:
            self._folder = Path(stack.enter_context(TemporaryDirectory()))
            stack.callback(close_memory, self._folder / DATABASE)
            self._traveller = stack.enter_context(time_machine.travel(self.start, tick=False))
            self.exchange = stack.enter_context(AccountExchange(self.markets, WALLET, self._folder))
            public = stack.enter_context(LoopbackExchange(self.markets))
            self._write_config(public.url)
            arguments = ["trade", "-c", str(self._folder / "config.json"), "--userdir", str(self._folder)]
            self._arguments = parsed(arguments)
            for module in (freqtrade.exchange.common, freqtrade.worker):
                stack.callback(setattr, module, "time", module.time)
                module.time = types.SimpleNamespace(sleep=self.sleep, time=time.time)  # type: ignore[attr-defined]
            logging.getLogger("freqtrade").addHandler(self.log)
            stack.callback(logging.getLogger("freqtrade").removeHandler, self.log)
            self.begin()
            stack.callback(self.stop)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def _write_config(self, public_url: str) -> None:
        made = {
            "exchange": self.exchange.freqtrade_block(),
            "context_config": offline_sentiment(self._config, public_url),
            "db_url": f"sqlite:///{self._folder}/live.sqlite",
        }
        (self._folder / "config.json").write_text(json.dumps(self._config | made))


class Lines(logging.Handler):
    """Freqtrade's log lines as (virtual time, text)."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.lines: list[tuple[datetime, str]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append((datetime.now(UTC), record.getMessage()))

    def count(self, words: str) -> int:
        """Return how many lines contain `words`."""
        return sum(words in text for _, text in self.lines)
