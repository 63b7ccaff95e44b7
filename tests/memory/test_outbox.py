import sqlite3
from datetime import timedelta

import pytest

from candlegraph.graph.errors import MemoryStoreError
from candlegraph.memory import outbox
from candlegraph.memory.review import experience_of


def test_drained_in_order_of_time_pair_and_key(memory, make_trade):
    trades = [
        make_trade(2),
        make_trade(1, pair="B", trade_key="0"),
        make_trade(1, pair="A", trade_key="9"),
        make_trade(1, pair="A"),
    ]
    for trade in trades:
        memory.enqueue(trade)
    learnt = memory.drain("backtest:a", before=make_trade(2).known_at)
    assert [experience.source for experience in learnt] == [trades[3], trades[2], trades[1], trades[0]]
    assert learnt[0] == experience_of(trades[3]) == memory.get(1)


def test_only_what_is_known_by_then_and_only_the_own_namespace(memory, make_trade):
    memory.enqueue(make_trade(1))
    memory.enqueue(make_trade(2))
    memory.enqueue(make_trade(1, namespace="live"))
    known_at = make_trade(1).known_at
    assert memory.drain("backtest:a", before=known_at - timedelta(microseconds=1)) == []
    assert len(memory.drain("backtest:a", before=known_at)) == 1
    assert (memory.waiting("backtest:a"), memory.waiting("live")) == (1, 1)


def test_no_trade_is_learnt_twice(memory, make_trade):
    late = make_trade(9).known_at
    memory.enqueue(make_trade(1))
    memory.enqueue(make_trade(1))
    assert len(memory.drain("backtest:a", before=late)) == 1
    assert memory.drain("backtest:a", before=late) == []
    memory.enqueue(make_trade(1))  # a fill reported again after a restart
    assert memory.drain("backtest:a", before=late) == []
    assert memory.waiting("backtest:a") == 0
    assert memory.stats("backtest:a")["total_experiences"] == 1


def test_a_failure_half_way_leaves_the_outbox_whole(memory, make_trade, monkeypatch):
    for number in range(3):
        memory.enqueue(make_trade(number))
    real, calls = outbox.insert_experience, []

    def fails_at_the_third(*args):
        calls.append(args)
        if len(calls) == 3:
            raise MemoryStoreError("disk full")
        return real(*args)

    monkeypatch.setattr(outbox, "insert_experience", fails_at_the_third)
    with pytest.raises(MemoryStoreError):
        memory.drain("backtest:a", before=make_trade(9).known_at)
    assert (memory.waiting("backtest:a"), memory.stats("backtest:a")["total_experiences"]) == (3, 0)
    monkeypatch.undo()
    assert len(memory.drain("backtest:a", before=make_trade(9).known_at)) == 3


def test_a_row_that_cannot_be_read_stays_and_the_others_are_learnt_from(memory, path, make_trade, caplog):
    memory.enqueue(make_trade(1))
    memory.enqueue(make_trade(2))
    with sqlite3.connect(path) as raw:
        raw.execute('update outbox set doc = \'{"of": "another version"}\' where id = 1')
    learnt = memory.drain("backtest:a", before=make_trade(9).known_at)
    assert [experience.source for experience in learnt] == [make_trade(2)]
    assert memory.waiting("backtest:a") == 1
    assert "outbox row 1 cannot be read" in caplog.text
