"""A long dry-run of many pairs with a model, embeddings and an exchange that fail, killed or stopped now and then.

Nothing may be missed: no stop, no decision, no fate; and neither memory nor threads may grow.
"""

import gc
import logging
import sys
import threading
from pathlib import Path

from embedding_server import EmbeddingServer
from freqtrade.persistence import Trade
from simulator.invariants import Violation, symbol_of
from simulator.run import CONFIG
from simulator.storm import Blow, blows
from simulator.stormy import Report, Stormy
from simulator.world import LENGTH, World

RESTARTED_EVERY = 300
"""Candles between two ends of the process, a kill and a stop in turn."""
PUBLIC = ("maintenance", "stale_candles", "killed_at_a_line")
"""What a storm brings to a dry-run: it sends no orders, and nobody else trades its account."""
OUTAGE, OUTAGE_OF = 5, 60
"""The embeddings fail for so many candles in so many."""
SHOWN_EVERY = 100


class DryRun(Stormy):
    """A dry-run of a world; `server` gives the embeddings."""

    def __init__(self, world: World, server: EmbeddingServer, every: int) -> None:
        embedding = {"provider": "openai", "api_base": f"{server.url}/v1", "model": "loopback"}
        memory = {"experience_config": {**CONFIG["experience_config"], "rag_config": {"embedding": embedding}}}
        ends = [_end(world, number, candle) for number, candle in enumerate(range(every, world.candles, every))]
        due = sorted([*blows(world, PUBLIC), *ends], key=lambda blow: (blow.candle, blow.is_late))
        super().__init__(CONFIG | memory | {"max_open_trades": world.pairs}, world, due, 1800)
        self._config |= {"dry_run": True}
        self._server, self._shown = server, 0

    def after_loop(self, seconds: float) -> None:
        """Examine the loop while time stands still, then sleep."""
        self._wait_for_learner()
        candle = self._candle()
        self._server.status = 500 if candle % OUTAGE_OF < OUTAGE else 200
        self._server.seen.clear()  # it would grow for ever
        if not self._was_disturbed():
            self.report.examined += 1
            self._want_decisions()
            found = [*self._missed_stops()]
            if self.now() >= self._ledger_until + LENGTH:
                found += self._of_ledger(self._rows())
            self._tell(found)
        if candle >= self._shown:
            self._shown += SHOWN_EVERY
            self.note(f"candle {candle}: {_held()}, {threading.active_count()} threads")
        self.sleep(seconds)

    def _missed_stops(self) -> list[Violation]:
        """Return the open trades whose price is beyond their planned stop: a loop has seen it, and did nothing."""
        found, plans = [], self.bot.strategy.session.plans
        prices = {market.pair: market.series.price(int(self.now().timestamp() * 1000)) for market in self.markets}
        for trade in Trade.get_open_trades():
            stop, price = plans.of(trade).stop, prices[trade.pair]
            self.report.checked["no stop is missed"] += 1
            if (price > stop) if trade.is_short else (price < stop):
                text = f"trade {trade.id}: {price:.6g} is beyond {stop:.6g}"
                found.append(Violation("no stop is missed", symbol_of(trade.pair), text))
        return found


def _end(world: World, number: int, candle: int) -> Blow:
    kind = "killed_between_loops" if number % 2 == 0 else "stopped_and_begun"
    return Blow(candle, True, kind, world.names[0], 0.1)


def _held() -> str:
    """Return what is resident and Python's blocks in use: without more of these the rest is room nobody gave back."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return f"{pages * 4096 / 1e6:.0f} MB, {sys.getallocatedblocks() / 1e6:.3f} million blocks"


def dry_run(world: World, every: int = RESTARTED_EVERY) -> Report:
    """Run a world and return what came of it."""
    logging.disable(logging.CRITICAL)
    try:
        with EmbeddingServer() as server, DryRun(world, server, every) as run:
            return run.run()
    finally:
        logging.disable(logging.NOTSET)
