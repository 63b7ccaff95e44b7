"""A decision that ends after its deadline: a late exit counts while its candle lasts, what adds risk is dropped."""

import asyncio
import threading
import time
from datetime import UTC, datetime

import backtests
import pytest
import script
from freqtrade.persistence import Trade
from virtual_dry_run import VirtualDryRun

from candlegraph.freqtrade_bridge.decisions.runner import Runner
from candlegraph.freqtrade_bridge.loopback.markets import market_of
from candlegraph.freqtrade_bridge.loopback.sample_market import sample_series

PAIR = "BTC/USDT:USDT"
START = datetime(2025, 11, 15, 0, 30, 2, tzinfo=UTC)
CONFIG = {
    "risk_management": {"allow_add_to_loser": True},
    "strategy": "ScriptStrategy",
    "strategy_path": str(backtests.TEST_STRATEGIES),
    "llm_config": {"decision": {"deadline_seconds": 20}},
}


class Gated(Runner):
    """Runs the graph once its gate is open, with all the time that the model wants."""

    def __init__(self, context):
        super().__init__(context)
        self.gate = threading.Event()
        self.gate.set()

    async def _invoke(self, snapshot, context):
        await asyncio.to_thread(self.gate.wait)
        return await super()._invoke(snapshot, context.for_candle())

    def decide(self, snapshots, deadline, *allowance):
        return super().decide(snapshots, deadline if self.gate.is_set() else 0.05, *allowance)

    def finish(self):
        """Open the gate, and wait for what was held up."""
        self.gate.set()
        while not all(future.done() for _, future in self._pending.values()):
            time.sleep(0.01)


def enter(facts):
    return script.enter(facts, stake=300.0, leverage=2.0, stop_atr=10.0)


def add(facts):
    return script.adjust(facts, 50.0)


@pytest.fixture
def bot(monkeypatch):
    monkeypatch.setattr(script, "decide", script.stay)
    with VirtualDryRun(CONFIG, [market_of(PAIR, sample_series(PAIR))], START, loop_seconds=300) as run:
        run.step()
        run.bot.strategy.session._runner = Gated(run.bot.strategy.session.context)
        yield run


def next_candle(run):
    """Run loops until one has seen a new candle."""
    half = run.now().minute // 30
    while run.now().minute // 30 == half:
        run.step()
    run.step()


def decided_late(run, monkeypatch, decide):
    """Let the next candle be decided after its deadline, and run two loops more of it; return what is in force."""
    session = run.bot.strategy.session
    monkeypatch.setattr(script, "decide", decide)
    session._runner.gate.clear()
    next_candle(run)
    session._runner.finish()
    run.step()
    run.step()
    return session.book.at(PAIR, run.now())


def test_a_late_exit_is_used_and_a_late_entry_or_addition_is_dropped(bot, caplog, monkeypatch):
    monkeypatch.setattr(script, "decide", enter)
    next_candle(bot)
    bot.step()
    (trade,) = Trade.get_trades().all()

    signal = decided_late(bot, monkeypatch, add)
    assert "no decision within" in caplog.text and "late adjust, dropped" in caplog.text
    assert (signal.action, trade.nr_of_successful_entries) == ("hold", 1)

    signal = decided_late(bot, monkeypatch, script.leave)
    assert "late exit, used" in caplog.text
    assert (signal.action, trade.is_open) == ("exit", False)

    signal = decided_late(bot, monkeypatch, enter)
    assert "late enter_long, dropped" in caplog.text
    assert (signal.action, Trade.get_trades().all()) == ("wait", [trade])
