"""One seed, one run: stock freqtrade in live mode, and what a storm does to it; every undisturbed loop is examined.

blows of the candle -> a loop of the worker, perhaps killed in it -> rules, while time stands still -> sleep -> ...
"""

import logging
import time
from collections import Counter
from collections.abc import Iterable
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import backtests
import script
from ccxt import BaseError
from freqtrade.enums import State
from freqtrade.exceptions import FreqtradeException
from freqtrade.persistence import PairLocks, Trade
from freqtrade.rpc import RPC
from simulator import ledger_rules, person
from simulator.invariants import (
    AT_EACH_LOOP,
    Holding,
    Violation,
    books_against,
    one_opening,
    openings,
    stranger,
    symbol_of,
)
from simulator.killing import Killed, kill_at_answer, killed_at
from simulator.mind import Mind
from simulator.money import money
from simulator.storm import KINDS, WAITS, Blow, Kind, blows
from simulator.world import LENGTH, START, World
from virtual_live import VirtualLive

from candlegraph.freqtrade_bridge.loopback.account.books import Books
from candlegraph.memory.books.ledger import DecisionRow, Ledger
from candlegraph.memory.store import close_memory

CONFIG = {
    "strategy": "SimulatedStrategy",
    "strategy_path": str(backtests.TEST_STRATEGIES),
    "max_open_trades": 4,
    "force_entry_enable": True,
    "llm_config": {"retry_times": 0},
    "context_config": {"timeframes": ["30m"], "required_indicators": [], "sentiment": {"sources": []}},
    "risk_management": {"emergency_stop_loss": -1, "max_daily_loss_pct": 100, "allow_add_to_loser": True},
    "experience_config": {"log_decisions": False, "log_trades": False},
}
FIRST_CLOSE = START - timedelta(seconds=2)
LOOPS = (900, 1800, 1800)
"""Seconds between two loops: one of these by the seed."""
MOST_BEGINS, PAUSE = 60, 60
"""How often a bot that does not come up is begun anew, and seconds between."""
TIDIED_AFTER = 4 * LENGTH
"""So long a position that no trade knows stands until a person tidies it up."""
LOOKS = 3
"""So many loops the bot has until a position that no trade knows must be locked."""


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


@dataclass(frozen=True)
class Strange:
    """A position, or a part of one, that no trade knows, loop after loop."""

    since: datetime
    loops: int = 0
    orders: int = 0
    violation: Violation | None = None

    def seen_again(self, symbol: str, orders: int, *, is_locked: bool) -> "Strange":
        """Return it a loop later; `orders` is how many opening orders the bot has had filled in all."""
        text = None
        if self.loops >= LOOKS and not is_locked:
            text = f"not locked after {self.loops} loops"
        if self.loops >= LOOKS and orders > self.orders:
            text = "the bot traded while it stood"
        broken = None if text is None else Violation("a stranger is locked and not traded", symbol, text)
        return Strange(self.since, self.loops + 1, orders, broken)


class Simulation(VirtualLive):
    """A live run of a world; `report` fills while it runs."""

    def __init__(self, world: World, kinds: tuple[Kind, ...] = KINDS) -> None:
        loop = LOOPS[world.seed % len(LOOPS)]
        super().__init__(CONFIG, world.markets(), START, loop_seconds=loop)
        self.world, self.report = world, Report(world.seed)
        self._due = blows(world, kinds)
        self._armed: list[Blow] = []
        self._ends: list[tuple[datetime, str]] = []
        self._line, self._logged, self._happened = 0, 0, 0
        self._is_disturbed = True
        self._standing: set[Violation] = set()
        self._impure: set[str] = set()
        self._forced: set[tuple[str, datetime]] = set()
        self._strange: dict[str, Strange] = {}
        self._planned: dict[int, float] = {}
        self._ledger_until = FIRST_CLOSE
        self._seen: set[str] = set()
        self._wanted: set[tuple[str, datetime]] = set()

    # -- the run ------------------------------------------------------------------------------------------------------

    def run(self) -> Report:
        """Run to the end."""
        began = time.process_time()
        script.decide = Mind(self.world, self.sleep).decide
        while self.now() < self.world.end:
            self._deliver()
            self._loop()
        self.report.loops, self.report.cpu_seconds = self.loops, time.process_time() - began
        close_memory(self.bot.strategy.session.context.database)
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
            self._impure |= {symbol} if blow.kind in ("added_by_hand", "opened_by_hand") else set()
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
        is_disturbed = self._was_disturbed()
        books, held = self.books, self._held()
        self.note(f"  {books.summary()}{' (disturbed)' if is_disturbed else ''}")
        if not is_disturbed:
            self._examine(books, held)
        self._watch_strangers(books, held)
        stopped = {algo.symbol for algo in books.algos.values() if algo.is_open}
        self.report.naked_seconds += seconds * len(set(books.positions) - stopped)
        self.sleep(seconds)

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

    def _held(self) -> dict[str, Holding]:
        trades = [trade for trade in Trade.get_open_trades() if trade.has_open_position]
        for trade in trades:
            self._planned.setdefault(trade.id, self.bot.strategy.session.plans.of(trade).stop)
        return {symbol_of(trade.pair): Holding.of(trade, self._planned[trade.id]) for trade in trades}

    def _examine(self, books: Books, held: dict[str, Holding]) -> None:
        self.report.examined += 1
        self.report.checked.update(dict.fromkeys(AT_EACH_LOOP, len(self.markets)))
        found = [*books_against(books, held), *one_opening(books, self._closed_at(), person.BY_HAND)]
        found += [one.violation for one in self._strange.values() if one.violation is not None]
        if self.bot.state != State.RUNNING:
            found.append(Violation("the bot runs", "", self.bot.state.name))
        self._want_decisions()
        if self.now() >= self._ledger_until + LENGTH:
            found += self._of_ledger(books, held)
        self._tell(found)

    def _closed_at(self) -> int:
        """Return when the newest candle closed, epoch ms."""
        return int((FIRST_CLOSE + self._candle() * LENGTH).timestamp() * 1000)

    def _want_decisions(self) -> None:
        """Note that the last candle must have its decision: an undisturbed loop saw it, and the running one behind it.

        Freqtrade takes the newest candle that it is shown for the running one, also in a hole.
        """
        opened = FIRST_CLOSE + (self._candle() - 1) * LENGTH
        times = [int((opened + number * LENGTH).timestamp() * 1000) for number in (0, 1)]
        for market in self.markets:
            if set(times) <= set(market.series.time.tolist()):
                self._wanted.add((market.pair, opened))

    def _of_ledger(self, books: Books, held: dict[str, Holding]) -> list[Violation]:
        now, context = self.now(), self.bot.strategy.session.context
        self._ledger_until = FIRST_CLOSE + self._candle() * LENGTH
        passed = {one for one in self._wanted if one[1] + 2 * LENGTH <= now}
        since = min((candle for _, candle in passed), default=now) - 2 * LENGTH
        rows = Ledger(context.database).rows(context.namespace, since=since)
        self._note_rows(rows)
        self._wanted -= passed
        found = [*ledger_rules.decided(rows, sorted(passed)), *ledger_rules.fated(rows, now)]
        flat = [pair for pair in self.world.names if self._is_settled(books, symbol_of(pair), held)]
        self.report.checked["the memory holds the true money"] += len(flat)
        self.report.checked["every candle has its decision"] += len(passed)
        for rule in ("every decision has its fate", "a fate is true"):
            self.report.checked[rule] += sum(row.acts for row in rows)
        return [*found, *ledger_rules.true(rows, books, self._forced), *money(books, context, flat)]

    def _is_settled(self, books: Books, symbol: str, held: dict[str, Holding]) -> bool:
        return symbol not in self._impure and not books.position(symbol).amount and symbol not in held

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

    def _watch_strangers(self, books: Books, held: dict[str, Holding]) -> None:
        """Follow what no trade knows; after a while a person tidies it up."""
        before, self._strange = self._strange, {}
        for symbol in books.positions:
            if not stranger(books, symbol, held.get(symbol)):
                continue
            known = before.get(symbol, Strange(self.now()))
            orders = len(openings(books, 0, person.BY_HAND).get(symbol, []))
            self._strange[symbol] = known.seen_again(symbol, orders, is_locked=self._is_locked(symbol))
            if self.now() - known.since >= TIDIED_AFTER:
                self._impure.add(symbol)
                self.note(f"a person tidies {symbol} up: {person.flatten(books, symbol)}")

    def _is_locked(self, symbol: str) -> bool:
        pair = next(market.pair for market in self.markets if market.symbol == symbol)
        return bool(PairLocks.get_pair_locks(pair, self.now()))

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
