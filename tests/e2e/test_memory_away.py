"""The memory goes away under a dry-run, as it trades: it is said, and every candle is decided all the same."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from itertools import count

import backtests
import postgres
import script
from freqtrade.persistence import Trade
from virtual_dry_run import VirtualDryRun

from candlegraph.freqtrade_bridge.loopback.markets import market_of
from candlegraph.freqtrade_bridge.loopback.sample_market import sample_series
from candlegraph.memory.books.ledger import Ledger
from candlegraph.memory.store import close_memory

START = datetime(2025, 11, 15, 0, 30, 2, tzinfo=UTC)
CONFIG = {"strategy": "ScriptStrategy", "strategy_path": str(backtests.TEST_STRATEGIES)}
CLEANUP = ("cleanup_rag_history", {"strategy": "compress", "reason": "tidy up"})


def test_a_dry_run_trades_on_while_its_memory_is_away(sample, monkeypatch, caplog):
    turns = count()
    # Each decision first asks for a cleanup, which looks into the memory for what it would take out.
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
    assert "the model asked a memory that cannot be read" in caplog.text


def test_a_dry_run_starts_while_its_shared_memory_is_away_and_uses_it_once_it_is_there(
    own_server, sample, monkeypatch, caplog
):
    folder, url = own_server
    postgres.stop(folder)
    monkeypatch.setattr(script, "decide", acted)
    shared = {"experience_config": {"rag_config": {"database_url": url.render_as_string(hide_password=False)}}}
    pair = sample.pairs[0]
    with VirtualDryRun(CONFIG | shared, [market_of(pair, sample_series(pair))], START) as run:
        run.step()
        context = run.bot.strategy.session.context
        assert "started without the memory" in caplog.text
        assert [row.error for row in Ledger(context.database).rows(context.namespace)] == [None]
        assert all(trade.stop_loss for trade in Trade.get_trades().all())
        postgres.start(folder, url.port)
        caplog.clear()
        run.step()
        assert "without memory" not in caplog.text
        assert run.bot.strategy.failure is None
        assert context.memory.stats(context.namespace)["storage"]["path"].startswith("postgresql")
        close_memory(context.database)


def acted(facts):
    return script.stay(facts) if facts.position else script.enter(facts, stake=200.0, leverage=2.0)
