"""A process that enqueues trades and takes them through the reflection graph until it is killed.

Each line of stdin is `FOLDER START`: fork a writer of trades START, START+1, … that says so after each commit. Forking
saves the seconds that importing costs; each writer opens the database itself, after the fork.
"""

import asyncio
import multiprocessing
import os
import signal
import sys
from datetime import UTC, datetime, timedelta
from itertools import count

from candlegraph.graph.context import Context
from candlegraph.graph.reflection import ReflectionInput, reflection
from candlegraph.graph.schema.experience import ClosedTrade
from candlegraph.memory import outbox
from candlegraph.memory.learning.track import Track
from candlegraph.memory.storage.database import open_engine

NAMESPACE = "dry_run"
START = datetime(2025, 1, 1, tzinfo=UTC)


def say(text: str) -> None:
    os.write(1, f"{text}\n".encode())


def trade(number: int) -> ClosedTrade:
    opened_at = START + timedelta(hours=number)
    return ClosedTrade(
        namespace=NAMESPACE,
        trade_key=str(number),
        pair="BTC/USDT:USDT",
        side="long",
        leverage=5,
        stake=100,
        entry_price=100,
        exit_price=101,
        planned_stop=95,
        opened_at=opened_at,
        closed_at=opened_at + timedelta(hours=1),
        known_at=opened_at + timedelta(hours=1),
        candle_minutes=30,
        profit_pct=4,
        profit_abs=4,
        mfe_pct=5,
        mae_pct=-2,
        exit_reason="graph_exit",
        liquidated=False,
        forced=False,
        entry_reason="r",
        regime="range",
        trend_strength="weak",
        entry_rsi=45,
        situation=(1.0, float(number), 0.5),
        space="test",
        model_score=None,
        model="policy",
        prompt_version="1",
        decision_id="",
        events=(),
    )


def track(one: ClosedTrade) -> Track:
    known = one.model_dump(include={"namespace", "trade_key", "pair", "side", "leverage", "entry_price", "opened_at"})
    return Track(**known, best=105, worst=98)


def reflect_for_ever(folder: str, start: int) -> None:
    context = Context(namespace=NAMESPACE, user_data_dir=folder)
    engine = open_engine(context.database)
    for key in outbox.due(engine, NAMESPACE, START + timedelta(days=9999)):  # what the killed one left
        asyncio.run(reflection.ainvoke(ReflectionInput(trade_key=key), context=context))
    for number in count(start):
        outbox.enqueue(engine, trade(number), track(trade(number)))
        say(f"enqueued {number}")
        asyncio.run(reflection.ainvoke(ReflectionInput(trade_key=str(number)), context=context))
        say(f"learnt {number}")


FORK = multiprocessing.get_context("fork")

for line in sys.stdin:
    folder, number = line.split()
    child = FORK.Process(target=reflect_for_ever, args=(folder, int(number)))
    child.start()
    say(f"started {child.pid}")
    child.join()
    if child.exitcode != -signal.SIGKILL:
        say("failed")
    say("over")
