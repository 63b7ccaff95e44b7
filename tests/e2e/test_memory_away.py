"""The memory goes away under a dry-run, as it trades: it is said, and every candle is decided all the same."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from itertools import count

import backtests
import script
from freqtrade.persistence import Trade
from virtual_dry_run import VirtualDryRun

from candlegraph.freqtrade_bridge.loopback.markets import market_of
from candlegraph.freqtrade_bridge.loopback.sample_market import sample_series
from candlegraph.memory.ledger import Ledger

START = datetime(2025, 11, 15, 0, 30, 2, tzinfo=UTC)
CONFIG = {"strategy": "ScriptStrategy", "strategy_path": str(backtests.TEST_STRATEGIES)}
CLEANUP = ("cleanup_rag_history", {"strategy": "compress", "reason": "tidy up"})


def test_a_dry_run_trades_on_while_its_memory_is_away(sample, monkeypatch, caplog):
    turns = count()
    # Each decision first asks for a cleanup, so that the memory is also written to.
    monkeypatch.setattr(script, "decide", lambda facts: CLEANUP if next(turns) % 2 == 0 else acted(facts))
    pair = sample.pairs[0]
    with VirtualDryRun(CONFIG, [market_of(pair, sample_series(pair))], START) as run:
        run.step()
        context = run.bot.strategy.session.context
        decided = len(Ledger(context.database).rows(context.namespace))
        with closing(sqlite3.connect(context.database)) as raw:
            raw.execute("drop table vectors")
            raw.execute("drop table experiences")
            raw.commit()
        for _ in range(4):
            run.step()
        rows = Ledger(context.database).rows(context.namespace)[decided:]
        assert [(row.signal.source, row.error) for row in rows] == [("model", None)] * 4
        assert run.bot.strategy.failure is None
        trades = Trade.get_trades().all()
        assert trades and all(trade.stop_loss for trade in trades)
    assert "decided without memory" in caplog.text
    assert "what the model wanted remembered or removed is lost" in caplog.text


def acted(facts):
    return script.stay(facts) if facts.position else script.enter(facts, stake=200.0, leverage=2.0)
