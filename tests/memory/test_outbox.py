import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from learnt import course_of, learn, waiting

from candlegraph.graph.schema.errors import MemoryStoreError
from candlegraph.memory import outbox
from candlegraph.memory.learning.report import experience_of
from candlegraph.memory.learning.track import PositionTracker, Track
from candlegraph.memory.storage.database import open_engine, writing
from candlegraph.memory.storage.rows import delete_experiences

BOTH_DATABASES = True
LATE = datetime(2025, 1, 2, tzinfo=UTC)


@pytest.fixture
def engine(memory, path):
    """Return the bot's own file, which holds the outbox wherever the memory is."""
    return open_engine(path)


def test_drained_in_order_of_time_pair_and_key(memory, make_trade):
    trades = [
        make_trade(2, pair="0"),
        make_trade(1, pair="B", trade_key="0"),
        make_trade(1, pair="A", trade_key="9"),
        make_trade(1, pair="A"),
    ]
    for trade in trades:
        memory.enqueue(trade)
    learnt = learn(memory, "backtest:a", before=make_trade(2).known_at)
    assert [experience.source for experience in learnt] == [trades[3], trades[2], trades[1], trades[0]]
    assert learnt[0] == experience_of(trades[3]) == memory.get(1)


def test_only_what_is_known_by_then_and_only_the_own_namespace(memory, engine, make_trade):
    memory.enqueue(make_trade(1))
    memory.enqueue(make_trade(2))
    memory.enqueue(make_trade(1, namespace="live"))
    memory.enqueue(make_trade(0, namespace="live"))
    known_at = make_trade(1).known_at
    assert learn(memory, "backtest:a", before=known_at - timedelta(microseconds=1)) == []
    assert outbox.due(engine, "backtest:a", known_at) == ["1"]
    assert len(learn(memory, "backtest:a", before=known_at)) == 1
    assert (len(waiting(memory, "backtest:a")), len(waiting(memory, "live"))) == (1, 2)


def test_no_trade_is_learnt_twice(memory, make_trade):
    late = make_trade(9).known_at
    memory.enqueue(make_trade(1))
    memory.enqueue(make_trade(1))
    assert len(learn(memory, "backtest:a", before=late)) == 1
    assert learn(memory, "backtest:a", before=late) == []
    memory.enqueue(make_trade(1))  # a fill reported again after a restart
    assert learn(memory, "backtest:a", before=late) == []
    assert waiting(memory, "backtest:a") == []
    assert memory.stats("backtest:a")["total_experiences"] == 1


def test_a_row_that_cannot_be_read_is_said_and_stays(memory, path, make_trade):
    memory.enqueue(make_trade(1))
    memory.enqueue(make_trade(2))
    with closing(sqlite3.connect(path)) as raw:
        raw.execute('update outbox set doc = \'{"of": "another version"}\' where id = 1')
        raw.commit()
    with pytest.raises(MemoryStoreError, match="closed trade 1 of backtest:a cannot be read and stays"):
        memory.take("backtest:a", "1")
    assert memory.take("backtest:a", "2") == (make_trade(2), None)
    assert waiting(memory, "backtest:a") == ["1", "2"]


def track(trade):
    known = trade.model_dump(include={"namespace", "trade_key", "pair", "side", "leverage", "entry_price", "opened_at"})
    return Track(**known, best=105, worst=98, decisions=4)


def test_how_a_trade_went_waits_with_it_and_is_kept_beside_the_experience(memory, engine, make_trade):
    trade = make_trade(1)
    foreign = track(make_trade(1, namespace="live"))
    PositionTracker(engine, "live", is_durable=True).put(foreign)
    outbox.enqueue(engine, trade, track(trade))
    assert outbox.take(engine, "backtest:a", "1") == (trade, track(trade))
    (learnt,) = learn(memory, "backtest:a", before=LATE)
    assert learnt.source == trade
    assert course_of(memory, 1) == track(trade)
    assert PositionTracker(engine, "backtest:a", is_durable=True).open() == ()
    assert PositionTracker(engine, "live", is_durable=True).open() == (foreign,)


def test_only_what_waits_can_be_taken(engine, make_trade):
    outbox.enqueue(engine, make_trade(1))
    assert outbox.take(engine, "backtest:a", "1") == (make_trade(1), None)
    assert outbox.take(engine, "live", "1") is None
    assert outbox.take(engine, "backtest:a", "2") is None


def test_a_trade_that_another_process_settled_is_not_stored_again(memory, engine, make_trade):
    outbox.enqueue(engine, make_trade(1))
    experience = experience_of(make_trade(1))
    assert memory.settle(experience, None, is_queued=True) == 1
    with writing(memory.engine, "experiences") as (connection, revision):
        delete_experiences(connection, revision, [1])  # a cleanup came between
    assert memory.settle(experience, None, is_queued=True) is None
    assert memory.settle(experience, None, is_queued=False) == 2  # from Studio, where no outbox is asked
    assert memory.stats("backtest:a")["total_experiences"] == 1


def test_how_a_trade_went_that_is_stored_already_changes_nothing(memory, make_trade):
    experience, went = experience_of(make_trade(1)), track(make_trade(1))
    assert memory.settle(experience, went, is_queued=False) == 1
    other = went.model_copy(update={"best": 300})
    assert memory.settle(experience, other, is_queued=False) is None
    assert (course_of(memory, 1), course_of(memory, 2)) == (went, None)
