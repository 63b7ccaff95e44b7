"""Who looks at weeks of the ledger inside a running bot holds a few of its rows at a time, however many there are."""

import json
import tracemalloc
from datetime import UTC, datetime, timedelta

import pytest
from drifting import LENGTH, decided

from candlegraph.freqtrade_bridge.monitoring.decided import DecidedCandles
from candlegraph.freqtrade_bridge.monitoring.drift_watch import DriftWatch
from candlegraph.freqtrade_bridge.monitoring.sums import LedgerSums
from candlegraph.graph.settings.experience import SnapshotKeeping
from candlegraph.graph.settings.llm import Budget
from candlegraph.memory.books.ledger import Ledger
from candlegraph.memory.books.snapshots import SnapshotBook
from candlegraph.memory.books.spending import Spending
from candlegraph.memory.storage.database import close_engine

END = datetime(2025, 3, 31, tzinfo=UTC)  # a Monday
FIRST, ROWS = END - timedelta(days=18), 18 * 48
TEXT = "a long way to say why, " * 200
"""A row has 5 kB, and what it was decided from as many."""
MOST = 3_500_000
"""Bytes at once; all the rows take more than twice that."""


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("weeks") / "l.sqlite"
    (row, *_) = decided(END, days=1)
    signal = row.signal.model_copy(update={"action": "hold", "reason": TEXT})
    times = [FIRST + number * LENGTH for number in range(ROWS)]
    same = {"signal": signal, "state": "long"}
    told = [{"decision_id": str(one), "candle": one, "as_of": one + LENGTH} for one in times]
    Ledger(path).append([row.model_copy(update=same | one) for one in told])
    doc = json.dumps({"snapshot": {"position": {"stop": 1.0}}, "text": TEXT})
    SnapshotBook(path, SnapshotKeeping()).keep({one["decision_id"]: doc for one in told}, END)
    yield path
    close_engine(path)


def spent(path):
    return Spending.of(Budget(), Ledger(path), "live", END - timedelta(hours=1)).unpriced


def compared(path):
    found = []
    watch = DriftWatch(Ledger(path), "live", found.append, found.append, None)
    watch.decided(END + LENGTH)
    watch.wait(60)
    return len(found) * ROWS


def summed(path):
    return sum(LedgerSums(Ledger(path), "live", LENGTH).now().decisions.values())


def shown(path):
    return sum(one.stop == 1.0 for one in DecidedCandles(path, "live").of("BTC", FIRST).values())


def peak_of(work):
    tracemalloc.start()
    try:
        return work(), tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("read", [spent, compared, summed, shown])
def test_a_bot_holds_few_rows_at_once_when_it_looks_at_all(path, read):
    assert peak_of(lambda: Ledger(path).rows("live"))[1] > 2 * MOST
    counted, peak = peak_of(lambda: read(path))
    assert counted == ROWS and peak < MOST
