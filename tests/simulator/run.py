"""One seed, one run: stock freqtrade in live mode through a storm; every undisturbed loop is examined."""

import logging
from dataclasses import dataclass
from datetime import datetime

import backtests
from freqtrade.enums import State
from freqtrade.persistence import PairLocks, Trade
from pandas import option_context
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
from simulator.money import money
from simulator.storm import KINDS, Kind, blows
from simulator.stormy import FIRST_CLOSE, Report, Stormy
from simulator.world import LENGTH, World

from candlegraph.freqtrade_bridge.loopback.account.books import Books
from candlegraph.freqtrade_bridge.loopback.series import TIMEFRAME_MS

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
LOOPS = (900, 1800, 1800)
"""Seconds between two loops: one of these by the seed."""
TIDIED_AFTER = 4 * LENGTH
"""So long a position that no trade knows stands until a person tidies it up."""
LOOKS = 3
"""So many loops the bot has until a position that no trade knows must be locked."""


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


class Simulation(Stormy):
    """A live run of a world."""

    def __init__(self, world: World, kinds: tuple[Kind, ...] = KINDS) -> None:
        super().__init__(CONFIG, world, blows(world, kinds), LOOPS[world.seed % len(LOOPS)])
        self._strange: dict[str, Strange] = {}
        self._planned: dict[int, float] = {}

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

    def _held(self) -> dict[str, Holding]:
        trades = [trade for trade in Trade.get_open_trades() if trade.has_open_position]
        for trade in trades:
            self._planned.setdefault(trade.id, self.bot.strategy.session.plans.of(trade).stop)
        return {symbol_of(trade.pair): Holding.of(trade, self._planned[trade.id]) for trade in trades}

    def _examine(self, books: Books, held: dict[str, Holding]) -> None:
        self.report.examined += 1
        self.report.checked.update(dict.fromkeys(AT_EACH_LOOP, len(self.markets)))
        closed = FIRST_CLOSE + self._candle() * LENGTH
        forced = {symbol_of(pair) for pair, at in self._forced if at == closed}
        since = int(closed.timestamp() * 1000)
        found = [*books_against(books, held), *one_opening(books, since, person.BY_HAND, forced)]
        found += [one.violation for one in self._strange.values() if one.violation is not None]
        if self.bot.state != State.RUNNING:
            found.append(Violation("the bot runs", "", self.bot.state.name))
        self._want_decisions()
        if self.now() >= self._ledger_until + LENGTH:
            found += self._of_all_books(books, held)
        self._tell(found)

    def _of_all_books(self, books: Books, held: dict[str, Holding]) -> list[Violation]:
        """Return what is wrong with the ledger and with the memory, against the exchange's books."""
        context, rows = self.bot.strategy.session.context, self._rows()
        flat = [pair for pair in self.world.names if self._is_settled(books, symbol_of(pair), held)]
        self.report.checked["the memory holds the true money"] += len(flat)
        self.report.checked["a fate is true"] += sum(row.acts for row in rows)
        found = [*self._of_ledger(rows), *ledger_rules.true(rows, books, self._forced)]
        return [*found, *money(books, context, flat)]

    def _is_settled(self, books: Books, symbol: str, held: dict[str, Holding]) -> bool:
        return symbol not in self._impure and not books.position(symbol).amount and symbol not in held

    def _watch_strangers(self, books: Books, held: dict[str, Holding]) -> None:
        """Follow what no trade knows; after a while a person tidies it up."""
        before, self._strange = self._strange, {}
        for symbol in books.positions:
            if not stranger(books, symbol, held.get(symbol)):
                continue
            known = before.get(symbol, Strange(self.now()))
            orders = self._own_orders(books, symbol)
            self._strange[symbol] = known.seen_again(symbol, orders, is_locked=self._is_locked(symbol))
            if self.now() - known.since >= TIDIED_AFTER:
                self._impure.add(symbol)
                self.note(f"a person tidies {symbol} up: {person.flatten(books, symbol)}")

    def _own_orders(self, books: Books, symbol: str) -> int:
        """Return how many opening orders the bot has had filled, but for candles in which a person forced an entry."""
        forced = {int(at.timestamp() * 1000) for pair, at in self._forced if symbol_of(pair) == symbol}
        placed = [one.created_at for one in openings(books, 0, person.BY_HAND).get(symbol, [])]
        return sum(at - at % TIMEFRAME_MS["30m"] not in forced for at in placed)

    def _is_locked(self, symbol: str) -> bool:
        pair = next(market.pair for market in self.markets if market.symbol == symbol)
        return bool(PairLocks.get_pair_locks(pair, self.now()))


def simulate(world: World, kinds: tuple[Kind, ...] = KINDS, *, is_wired: bool = True) -> Report:
    """Run a world and return what came of it.

    Nothing is logged, which costs a tenth of the time; nor do labels of columns become Arrow arrays, which freqtrade's
    many small frames pay another tenth for. The option ends with the run: with it `Series.dt.day_name()` of pandas
    3.1.1 ends the process.
    """
    logging.disable(logging.CRITICAL)
    try:
        with option_context("mode.string_storage", "python"), Simulation(world, kinds) as run:
            return run.run(is_wired=is_wired)
    finally:
        logging.disable(logging.NOTSET)
