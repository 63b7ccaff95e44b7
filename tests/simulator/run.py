"""One seed, one run: stock freqtrade in live mode, and what a storm does to it; every undisturbed loop is examined.

blows of the candle -> a loop of the worker, perhaps killed in it -> rules, while time stands still -> sleep -> ...
"""

import logging
import time
from collections import Counter
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import backtests
import script
from ccxt import BaseError
from freqtrade.enums import State
from freqtrade.exceptions import FreqtradeException
from freqtrade.persistence import Trade
from freqtrade.rpc import RPC
from simulator import ledger_rules, person
from simulator.invariants import Violation, books_against, holdings, one_opening, symbol_of
from simulator.killing import Killed, kill_at_answer, killed_at
from simulator.mind import Mind
from simulator.storm import KINDS, WAITS, Blow, Kind, blows
from simulator.world import LENGTH, START, World
from virtual_live import VirtualLive

from candlegraph.memory.books.ledger import Ledger

CONFIG = {
    "strategy": "ScriptStrategy",
    "strategy_path": str(backtests.TEST_STRATEGIES),
    "max_open_trades": 4,
    "force_entry_enable": True,
    "llm_config": {"retry_times": 0},
    "context_config": {"timeframes": ["30m"], "required_indicators": [], "sentiment": {"sources": []}},
    "risk_management": {"emergency_stop_loss": -1, "max_daily_loss_pct": 100, "allow_add_to_loser": True},
    "experience_config": {"log_decisions": False, "log_trades": False},
}
FIRST_CLOSE = START - timedelta(seconds=2)
LOOPS = (900, 900, 600, 1800)
"""Seconds between two loops: one of these by the seed."""
MOST_BEGINS, PAUSE = 60, 60
"""How often a bot that does not come up is begun anew, and seconds between."""
TIDIED_AFTER = 4 * LENGTH
"""So long a position that no trade knows stands until a person tidies it up."""


@dataclass
class Report:
    """What one run came to."""

    seed: int
    events: list[str] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    injected: Counter[str] = field(default_factory=Counter)
    loops: int = 0
    examined: int = 0
    naked_seconds: float = 0
    cpu_seconds: float = 0


class Simulation(VirtualLive):
    """A live run of a world; `report` fills while it runs."""

    def __init__(self, world: World, kinds: tuple[Kind, ...] = KINDS) -> None:
        loop = LOOPS[world.random("loop").randrange(len(LOOPS))]
        super().__init__(CONFIG, world.markets(), START, loop_seconds=loop)
        self.world, self.report = world, Report(world.seed)
        self._due = blows(world, kinds)
        self._armed: list[Blow] = []
        self._ends: list[tuple[datetime, str]] = []
        self._line, self._logged, self._happened = 0, 0, 0
        self._is_disturbed = True
        self._standing: set[Violation] = set()
        self._touched: set[str] = set()
        self._forced: set[tuple[str, datetime]] = set()
        self._strange_since: dict[str, datetime] = {}
        self._examined_candle = START
        self._seen: set[tuple[str, datetime]] = set()
        self._decided: list[tuple[str, datetime]] = []

    # -- the run ------------------------------------------------------------------------------------------------------

    def run(self) -> Report:
        """Run to the end."""
        began = time.process_time()
        script.decide = Mind(self.world, self.sleep).decide
        while self.now() < self.world.end:
            self._deliver()
            self._loop()
        self.report.loops, self.report.cpu_seconds = self.loops, time.process_time() - began
        return self.report

    def _loop(self) -> None:
        try:
            with killed_at(self._line) if self._line else nullcontext():
                self.step()
        except Killed as error:
            self._restart(f"killed: {error}", 1)
        except (FreqtradeException, BaseError) as error:
            self._is_disturbed = True
            self._restart(f"the process ended: {type(error).__name__}", PAUSE)
        self._line = 0

    def _restart(self, why: str, pause: float) -> None:
        self.note(why)
        self._wait_for_learner()
        self.kill()
        self.sleep(pause)
        for _ in range(MOST_BEGINS):
            self._end_troubles()
            try:
                self.begin()
                return
            except (FreqtradeException, BaseError) as error:
                self.note(f"not begun: {type(error).__name__}")
                self.sleep(PAUSE)
        raise AssertionError(f"seed {self.world.seed}: the bot does not come up again, at {self.now()}")

    def _wait_for_learner(self) -> None:
        session = getattr(self.bot.strategy, "session", None)
        if session is not None:
            session.learner.wait(60)

    # -- what goes wrong ----------------------------------------------------------------------------------------------

    def _candle(self) -> int:
        return int((self.now() - FIRST_CLOSE) / LENGTH)

    def _is_second_half(self) -> bool:
        return (self.now() - FIRST_CLOSE) % LENGTH >= LENGTH / 2

    def _deliver(self) -> None:
        self._end_troubles()
        now = (self._candle(), self._is_second_half())
        while self._due and (self._due[0].candle, self._due[0].is_late) <= now:
            blow = self._due.pop(0)
            self.note(blow.line)
            self._strike(blow)
        self._armed = [one for one in self._armed if one.candle + WAITS > self._candle()]
        self._plan()

    def _plan(self) -> None:
        """Plan the faults that still wait for their call."""
        waiting = [fault for blow in self._armed for fault in blow.faults]
        if list(self.exchange.door.plan.faults) != waiting:
            self.exchange.plan(*waiting)
            self._happened = 0

    def _strike(self, blow: Blow) -> None:
        symbol = symbol_of(blow.pair)
        if blow.faults:
            self._armed.append(blow)
            return
        self.report.injected[blow.kind] += 1
        if "by_hand" in blow.kind:
            self._touched.add(symbol)
            self.note(f"  {person.act(self.books, blow.kind, symbol, blow.number)}")
        elif blow.kind == "forced_entry":
            self._forced.add((blow.pair, FIRST_CLOSE + self._candle() * LENGTH))
            self.note(f"  {person.force_entry(RPC(self.bot), blow.pair, blow.number)}")
        elif blow.kind in ("maintenance", "clock_skew", "stale_candles"):
            self._trouble(blow, symbol)
        else:
            self._end_process(blow)

    def _trouble(self, blow: Blow, symbol: str) -> None:
        trouble = self.exchange.trouble
        self._ends.append((self.now() + timedelta(minutes=2 + 70 * blow.number), blow.kind))
        if blow.kind == "maintenance":
            trouble.is_down = True
        elif blow.kind == "clock_skew":
            trouble.skew_ms = int(120_000 * (blow.number - 0.5))
        else:
            trouble.stale_ms[symbol] = int(2_400_000 * blow.number)

    def _end_troubles(self) -> None:
        trouble = self.exchange.trouble
        for _, kind in [one for one in self._ends if one[0] <= self.now()]:
            trouble.is_down = trouble.is_down and kind != "maintenance"
            trouble.skew_ms = 0 if kind == "clock_skew" else trouble.skew_ms
            if kind == "stale_candles":
                trouble.stale_ms.clear()
            self.note(f"{kind} is over")
        self._ends = [one for one in self._ends if one[0] > self.now()]

    def _end_process(self, blow: Blow) -> None:
        if blow.kind == "killed_at_a_line":
            self._line = int(10 ** (1 + 3.5 * blow.number))
        elif blow.kind == "killed_after_an_order":
            kill_at_answer(self.bot.exchange._api.session, _is_order)
        elif blow.kind == "reloaded":
            self.bot.state = State.RELOAD_CONFIG
        elif blow.kind == "killed_between_loops":
            self._restart("killed", 3 * 3600 * blow.number**2)
        else:
            self.stop()
            self._restart("stopped", 60 * blow.number)

    # -- what must hold -----------------------------------------------------------------------------------------------

    def after_loop(self, seconds: float) -> None:
        """Examine the loop while time stands still, then sleep."""
        self._wait_for_learner()
        self._note_requests()
        happened = self.exchange.door.plan.happened
        is_disturbed = self._is_disturbed or len(happened) > self._happened or self.exchange.trouble.is_any
        for blow in [one for one in self._armed if any(fault in happened for fault in one.faults)]:
            self.report.injected[blow.kind] += 1
            self._armed.remove(blow)
        self._happened, self._is_disturbed = len(happened), False
        books = self.books
        self.note(f"  {books.summary()}{' (disturbed)' if is_disturbed else ''}")
        if not is_disturbed:
            self._examine()
        naked = [
            name for name in books.positions if not any(a.is_open and a.symbol == name for a in books.algos.values())
        ]
        self.report.naked_seconds += seconds * len(naked)
        self._tidy()
        self.sleep(seconds)

    def _examine(self) -> None:
        self.report.examined += 1
        books, now = self.books, self.now()
        self._touched &= set(books.positions)
        found = [
            *books_against(books, holdings(), self._touched),
            *one_opening(books, self._candle_began(), person.BY_HAND),
        ]
        if self.bot.state != State.RUNNING:
            found.append(Violation("the bot runs", "", self.bot.state.name))
        if now >= self._examined_candle + LENGTH:
            found += self._of_ledger(now)
        self._tell(found)

    def _candle_began(self) -> int:
        return int((FIRST_CLOSE + self._candle() * LENGTH).timestamp() * 1000)

    def _of_ledger(self, now: datetime) -> list[Violation]:
        self._examined_candle += (now - self._examined_candle) // LENGTH * LENGTH
        context = self.bot.strategy.session.context
        rows = Ledger(context.database).rows(context.namespace, since=now - 4 * LENGTH)
        self._note_rows(rows)
        return [*ledger_rules.fated(rows, now), *ledger_rules.true(rows, self.books, self._forced)]

    def _note_rows(self, rows) -> None:
        for row in rows:
            if row.acts and row.fate is not None and (row.decision_id, row.candle) not in self._seen:
                self._seen.add((row.decision_id, row.candle))
                self.note(f"  {row.pair} {row.candle:%H:%M} {row.signal.wanted.name}: {row.fate.line}")

    def _tell(self, found: list[Violation]) -> None:
        """Write down what is new; what stands on is told once."""
        for one in found:
            if not any((one.rule, one.symbol) == (old.rule, old.symbol) for old in self._standing):
                self.report.violations.append(f"{self.now():%m-%d %H:%M:%S} {one.line}")
                self.note(one.line)
        self._standing = set(found)

    def _tidy(self) -> None:
        """Let a person flatten what no trade has known for long."""
        known = {symbol_of(trade.pair) for trade in Trade.get_open_trades()}
        strange = {symbol for symbol in self.books.positions if symbol not in known}
        self._strange_since = {symbol: self._strange_since.get(symbol, self.now()) for symbol in sorted(strange)}
        for symbol, since in self._strange_since.items():
            if self.now() - since >= TIDIED_AFTER:
                self.note(f"a person tidies {symbol} up: {person.flatten(self.books, symbol)}")

    # -- what happened ------------------------------------------------------------------------------------------------

    def note(self, text: str) -> None:
        """Write an event down."""
        self.report.events.append(f"{self.now():%m-%d %H:%M:%S} {text}")

    def _note_requests(self) -> None:
        for one in self.exchange.log[self._logged :]:
            if one.status != 200 or not one.endpoint.startswith("GET"):
                asked = {name: value for name, value in one.query.items() if "lient" not in name}
                told = one.answer[:80] if one.status != 200 else ""
                self.report.events.append(f"    {one.endpoint} {asked} {one.status} {told}".rstrip())
        self._logged = len(self.exchange.log)


def _is_order(method: str, url: str) -> bool:
    return method == "POST" and url.split("?")[0].endswith(("/order", "/algoOrder"))


def simulate(world: World, kinds: tuple[Kind, ...] = KINDS) -> Report:
    """Run a world and return what came of it; nothing is logged, since that costs a tenth of the time."""
    logging.disable(logging.CRITICAL)
    try:
        with Simulation(world, kinds) as run:
            return run.run()
    finally:
        logging.disable(logging.NOTSET)
