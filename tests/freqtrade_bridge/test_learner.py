"""The outbox through the reflection graph: in order, and live in nobody's way."""

import asyncio
import sqlite3
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from learnt import waiting

from candlegraph.freqtrade_bridge.trades.learner import RETRY_AFTER, Learner
from candlegraph.graph.nodes import loop_thread
from candlegraph.graph.schema.errors import BridgeError
from candlegraph.graph.schema.experience import ClosedTrade

NOW = datetime(2025, 3, 1, 12, tzinfo=UTC)


def trade(key, namespace, known_at=NOW, pair="BTC/USDT:USDT"):
    known = {"side": "long", "leverage": 5, "stake": 100, "entry_price": 100, "exit_price": 101, "planned_stop": 95}
    times = {"opened_at": known_at - timedelta(hours=1), "closed_at": known_at, "known_at": known_at}
    marks = {"profit_pct": 4, "profit_abs": 4, "mfe_pct": 5, "mae_pct": -2, "candle_minutes": 30}
    texts = {"exit_reason": "roi", "entry_reason": "r", "model": "m", "prompt_version": "1", "decision_id": ""}
    rest = {"regime": "range", "trend_strength": "weak", "entry_rsi": 45, "situation": (1.0, 0.5), "space": "t"}
    flags = {"liquidated": False, "forced": False, "model_score": None, "events": ()}
    return ClosedTrade(
        namespace=namespace, trade_key=f"{pair}|{key}", pair=pair, **known | times | marks | texts | rest | flags
    )


@pytest.fixture
def learner(make_context):
    """Return a factory of learners with what they learnt: `learner(namespace, **blocks)`."""

    def make(namespace="dry_run", spent=None, **blocks):
        context, learnt = make_context(namespace=namespace, **blocks), []
        is_backtest = namespace.startswith("backtest")
        return (
            Learner(context, learnt.append, lambda now: spent, lambda *_: None, is_backtest=is_backtest),
            context,
            learnt,
        )

    return make


def keys_of(learnt):
    return [state.experience.key.partition("|")[2] for state in learnt]


def spoil(context, key):
    with closing(sqlite3.connect(context.database)) as raw:
        raw.execute("update outbox set doc = '{}' where trade_key like ?", (f"%{key}",))
        raw.commit()


def test_a_backtest_learns_at_once_in_the_order_of_time_pair_and_key(learner):
    one, context, learnt = learner("backtest:a")
    later = NOW + timedelta(hours=1)
    for closed in (
        trade("1", "backtest:a", later),
        trade("3", "backtest:a", pair="B"),
        trade("4", "backtest:a", pair="A"),
        trade("2", "backtest:a", pair="A"),
        trade("9", "backtest:a", later + timedelta(microseconds=1)),
    ):
        context.memory.enqueue(closed)
    one.learn(later)
    assert keys_of(learnt) == ["2", "4", "3", "1"]
    assert len(waiting(context.memory, "backtest:a")) == 1


def test_a_backtest_stops_at_the_first_trade_that_fails(learner):
    one, context, learnt = learner("backtest:a")
    context.memory.enqueue(trade("1", "backtest:a"))
    spoil(context, "1")
    with pytest.raises(BridgeError, match=r"BTC/USDT:USDT\|1: the reflection failed: MemoryStoreError"):
        one.learn(NOW)


@pytest.mark.parametrize("spent, asked", [(None, 1), ("llm_config.budget.daily_cost: 2 of 2 spent", 0)])
def test_a_spent_budget_asks_no_model_for_a_lesson(learner, server, spent, asked):
    report = {"lesson": "wait", "went_well": "", "to_improve": ""}
    server.script = [{"tools": [("report_trade", report)]}]
    llm = {"api_base": server.url, "api_key": "k", "model": "m"}
    one, context, learnt = learner(
        "backtest:a", spent, llm_config=llm, experience_config={"reflection": {"mode": "llm"}}
    )
    context.memory.enqueue(trade("1", "backtest:a"))
    one.learn(NOW)
    assert len(server.seen) == asked and len(learnt) == 1
    assert (learnt[0].insight is not None) == bool(asked)


def test_live_a_trade_that_fails_waits_and_the_others_are_learnt_from(learner, caplog):
    one, context, learnt = learner()
    for key in ("1", "2"):
        context.memory.enqueue(trade(key, "dry_run"))
    spoil(context, "1")
    for now in (NOW, NOW + RETRY_AFTER - timedelta(seconds=1), NOW + RETRY_AFTER):
        one.learn(now)
        one.wait(10)
    assert keys_of(learnt) == ["2"]
    assert caplog.text.count("cannot be read and stays") == 2  # at once, and after the pause


def test_live_a_slow_reviewer_is_in_nobodys_way(learner, server):
    server.script = [{"sleep": 1.5, "tools": [("report_trade", {"lesson": "Wait for the retest."})]}]
    llm = {"api_base": server.url, "api_key": "k", "model": "m"}
    one, context, learnt = learner(llm_config=llm, experience_config={"reflection": {"mode": "llm"}})
    context.memory.enqueue(trade("1", "dry_run"))
    started = time.monotonic()
    one.learn(NOW)
    assert loop_thread().submit(asyncio.sleep(0, "decided")).result(1) == "decided"
    one.learn(NOW)  # the next loop of the bot
    assert time.monotonic() - started < 1
    assert one.is_busy and learnt == []
    one.wait(10)
    assert keys_of(learnt) == ["1"]
    assert learnt[0].experience.lesson.endswith("Wait for the retest.")
    assert len(server.seen) == 1


def test_nothing_due_starts_nothing(learner):
    one, context, learnt = learner()
    context.memory.enqueue(trade("1", "dry_run", NOW + timedelta(seconds=1)))
    context.memory.enqueue(trade("2", "live"))
    one.learn(NOW)
    assert not one.is_busy and learnt == []
