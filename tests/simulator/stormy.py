"""A run of a bot through a storm: what goes wrong when, the starts after each end, and what the ledger must show.

blows of the candle -> a loop of the worker, perhaps killed in it -> after_loop, while time stands still -> sleep -> ...
"""

import time
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import script
from ccxt import BaseError
from freqtrade.enums import State
from freqtrade.exceptions import FreqtradeException
from freqtrade.rpc import RPC
from simulator import ledger_rules, person
from simulator.invariants import Violation, symbol_of
from simulator.killing import Killed, kill_at_answer, killed_at
from simulator.mind import Mind
from simulator.storm import WAITS, Blow
from simulator.wire import wire
from simulator.world import LENGTH, START, World
from starlette.types import ASGIApp
from virtual_live import VirtualLive

from candlegraph.memory.books.ledger import DecisionRow, Ledger
from candlegraph.memory.store import close_memory

FIRST_CLOSE = START - timedelta(seconds=2)
MOST_BEGINS, PAUSE = 60, 60
"""How often a bot that does not come up is begun anew, and seconds between."""


@dataclass
class Report:
    """What one run came to."""

    seed: int
    events: list[str] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    injected: Counter[str] = field(default_factory=Counter)
    checked: Counter[str] = field(default_factory=Counter)
    loops: int = 0
    examined: int = 0
    naked_seconds: float = 0
    cpu_seconds: float = 0


class Stormy(VirtualLive):
    """A run of a world; `report` fills while it runs. What is looked at after a loop is for `after_loop` to say."""

    def __init__(self, config: Mapping[str, Any], world: World, due: Iterable[Blow], loop_seconds: int) -> None:
        super().__init__(config, world.markets(), START, loop_seconds=loop_seconds)
        self.world, self.report = world, Report(world.seed)
        self._due = list(due)
        self._armed: list[Blow] = []
        self._ends: list[tuple[datetime, str]] = []
        self._line, self._logged, self._happened = 0, 0, 0
        self._is_disturbed = True
        self._impure: set[str] = set()
        self._forced: set[tuple[str, datetime]] = set()
        self._standing: set[Violation] = set()
        self._ledger_until = FIRST_CLOSE
        self._seen: set[str] = set()
        self._wanted: set[tuple[str, datetime]] = set()
        self._app: ASGIApp | None = None

    # -- the run ------------------------------------------------------------------------------------------------------

    def run(self, *, is_wired: bool = True) -> Report:
        """Run to the end; `is_wired` says whether a bot that has begun reaches the exchange without sockets."""
        began = time.process_time()
        self._app = self.exchange.door.app(self.exchange.public) if is_wired else None
        script.decide = Mind(self.world, self.sleep).decide
        while self.now() < self.world.end:
            self._deliver()
            self._loop()
        self.report.loops, self.report.cpu_seconds = self.loops, time.process_time() - began
        close_memory(self.bot.strategy.session.context.database)
        return self.report

    def _loop(self) -> None:
        self._rewire()
        try:
            with killed_at(self._line) if self._line else nullcontext():
                self.step()
        except Killed as error:
            self._restart(f"killed: {error}", 1)
        except (FreqtradeException, BaseError) as error:
            self._is_disturbed = True
            self._restart(f"the process ended: {type(error).__name__}", PAUSE)
        self._line = 0

    def _rewire(self) -> None:
        """Let the bot of now reach the exchange without sockets: each start makes a new one."""
        if self._app is not None:
            wire(self.bot.exchange, self._app)

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
            self._act(blow, symbol)
        elif blow.kind == "forced_entry":
            self._force(blow)
        elif blow.kind in ("maintenance", "clock_skew", "stale_candles"):
            self._trouble(blow, symbol)
        else:
            self._end_process(blow)

    def _act(self, blow: Blow, symbol: str) -> None:
        """Do what a person does; only what they really added is theirs, and excuses the money of the pair."""
        before = len(self.books.fills)
        self.note(f"  {person.act(self.books, blow.kind, symbol, blow.number)}")
        if blow.kind in ("added_by_hand", "opened_by_hand") and len(self.books.fills) > before:
            self._impure.add(symbol)

    def _force(self, blow: Blow) -> None:
        self._forced.add((blow.pair, FIRST_CLOSE + self._candle() * LENGTH))
        try:
            self.note(f"  {person.force_entry(RPC(self.bot), blow.pair, blow.number)}")
        except Killed as error:  # the death that waits for the next order
            self._restart(f"killed: {error}", 1)

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
            self._rewire()
            kill_at_answer(self.bot.exchange._api.session, _is_order)
        elif blow.kind == "reloaded":
            self.bot.state = State.RELOAD_CONFIG
        elif blow.kind == "killed_between_loops":
            self._restart("killed", 3 * 3600 * blow.number**2)
        else:
            self.stop()
            self._restart("stopped", 60 * blow.number)

    # -- what must hold of every ledger -------------------------------------------------------------------------------

    def _was_disturbed(self) -> bool:
        """Return whether a fault hit this loop; count what was injected."""
        happened = self.exchange.door.plan.happened
        is_disturbed = self._is_disturbed or len(happened) > self._happened or self.exchange.trouble.is_any
        for blow in [one for one in self._armed if any(fault in happened for fault in one.faults)]:
            self.report.injected[blow.kind] += 1
            if all(happened.count(fault) >= fault.times for fault in blow.faults):
                self._armed.remove(blow)
        self._happened, self._is_disturbed = len(happened), False
        return is_disturbed

    def _want_decisions(self) -> None:
        """Note that the last candle must have its decision: an undisturbed loop saw it, and the running one behind it.

        Freqtrade takes the newest candle that it is shown for the running one, also in a hole.
        """
        opened = FIRST_CLOSE + (self._candle() - 1) * LENGTH
        times = [int((opened + number * LENGTH).timestamp() * 1000) for number in (0, 1)]
        for market in self.markets:
            if set(times) <= set(market.series.time.tolist()):
                self._wanted.add((market.pair, opened))

    def _note_rows(self, rows: Iterable[DecisionRow]) -> None:
        for row in rows:
            if row.acts and row.fate is not None and row.decision_id not in self._seen:
                self._seen.add(row.decision_id)
                self.note(f"  {row.pair} {row.candle:%H:%M} {row.signal.wanted.name}: {row.fate.line}")

    def _tell(self, found: list[Violation]) -> None:
        """Write down what is new; what stands on is told once."""
        for one in found:
            if not any((one.rule, one.symbol) == (old.rule, old.symbol) for old in self._standing):
                self.report.violations.append(f"{self.now():%m-%d %H:%M:%S} {one.line}")
                self.note(one.line)
        self._standing = set(found)

    def _rows(self) -> tuple[DecisionRow, ...]:
        """Return the newest rows of the ledger, among them those of the candles whose decisions are to be looked at."""
        context = self.bot.strategy.session.context
        since = min((candle for _, candle in self._wanted), default=self.now()) - 2 * LENGTH
        return Ledger(context.database).rows(context.namespace, since=since)

    def _of_ledger(self, rows: tuple[DecisionRow, ...]) -> list[Violation]:
        """Return what is wrong with the candles that have passed."""
        self._ledger_until = FIRST_CLOSE + self._candle() * LENGTH
        passed = {one for one in self._wanted if one[1] + 2 * LENGTH <= self.now()}
        self._wanted -= passed
        self.report.checked["every candle has its decision"] += len(passed)
        self.report.checked["every decision has its fate"] += sum(row.acts for row in rows)
        self._note_rows(rows)
        return [*ledger_rules.decided(rows, sorted(passed)), *ledger_rules.fated(rows, self.now())]

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
