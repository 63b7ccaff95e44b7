"""A memory that cannot be read: live every pair is decided without it, and a backtest stops."""

import sqlite3
from contextlib import closing

import pytest

from candlegraph.freqtrade_bridge.decisions.runner import Runner
from candlegraph.graph.schema.errors import MemoryStoreError

WAIT = {"pair": "BTC/USDT:USDT", "confidence_score": 60, "reason": "the facts say so"}
LIVE, BACKTEST = "dry_run", "backtest:a"


def tables_gone(context):
    """Damage the database behind the back of a memory that is open."""
    assert context.memory.stats(context.namespace)["total_experiences"] == 0
    with closing(sqlite3.connect(context.database)) as raw:
        raw.execute("drop table vectors")
        raw.execute("drop table experiences")
        raw.execute("update meta set value = value + 1 where key = 'experiences'")
        raw.commit()


def no_database(context):
    context.database.parent.mkdir(parents=True)
    context.database.write_bytes(b"not a database" * 1000)


def folder_in_its_place(context):
    context.database.mkdir(parents=True)


AWAY = [tables_gone, no_database, folder_in_its_place]


@pytest.fixture
def decided(make_context, make_snapshot, scripted, calling):
    """Return the outcome of one pair, and what the model saw: `decided(namespace, harm, (function, arguments))`."""

    def go(namespace, harm, *calls):
        snapshot = make_snapshot()
        wait = WAIT | {"rsi_value": round(snapshot.main.indicators.rsi, 1)}
        model = scripted(*(calling(call) for call in [*calls, ("signal_wait", wait)]))
        context = make_context(model, namespace=namespace)
        harm(context)
        return Runner(context).decide({snapshot.pair: snapshot}, 30)[snapshot.pair], model

    return go


@pytest.mark.parametrize("harm", AWAY)
def test_live_a_memory_that_cannot_be_read_leaves_a_decision_all_the_same(decided, harm, caplog):
    outcome, model = decided(LIVE, harm)
    assert outcome.error is None and outcome.state.signal.source == "model"
    assert outcome.state.lessons.unavailable == "the memory could not be read"
    assert 'unavailable: "the memory could not be read"' in model.seen[0][1].content
    assert "decided without memory" in caplog.text


@pytest.mark.parametrize("harm", AWAY)
def test_in_a_backtest_a_memory_that_cannot_be_read_is_an_error_before_any_model_is_asked(decided, harm):
    outcome, model = decided(BACKTEST, harm)
    assert isinstance(outcome.error, MemoryStoreError) and outcome.state is None
    assert model.seen == []


@pytest.mark.parametrize("harm", AWAY)
def test_live_a_model_that_asks_an_unreadable_memory_is_told_so_and_decides(decided, harm):
    outcome, model = decided(LIVE, harm, ("query_rag_stats", {}))
    assert outcome.error is None and outcome.state.signal.source == "model"
    assert model.seen[1][-1].content == "unavailable: the memory could not be read. Decide without it."
