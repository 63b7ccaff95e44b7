"""Who adds up weeks of the ledger inside a running bot holds a few of its rows at a time, however many there are."""

import tracemalloc
from datetime import UTC, datetime, timedelta

import pytest
from drifting import LENGTH, decided

from candlegraph.freqtrade_bridge.monitoring.drift_watch import DriftWatch
from candlegraph.freqtrade_bridge.monitoring.sums import LedgerSums
from candlegraph.graph.schema.signal import TradeSignal
from candlegraph.graph.settings.llm import Budget
from candlegraph.memory.books.ledger import Ledger
from candlegraph.memory.books.spending import Spending
from candlegraph.memory.storage.database import close_engine

END = datetime(2025, 3, 31, tzinfo=UTC)  # a Monday
PAIRS, REASON = 12, "a long way to say why, " * 200
"""A row has 5 kB, most of it text."""
ROWS = 7 * 12 * PAIRS
MOST = 3_500_000
"""Bytes at once; all the rows take more than twice that."""


@pytest.fixture(scope="module")
def ledger(tmp_path_factory):
    path = tmp_path_factory.mktemp("weeks") / "l.sqlite"
    made = Ledger(path)
    signal = TradeSignal(action="wait", confidence=50, reason=REASON, source="model")
    for pair in map(str, range(PAIRS)):
        rows = decided(END, days=7, pair=pair, signal=signal)
        made.append([one.model_copy(update={"decision_id": f"{pair} {one.candle}"}) for one in rows])
    yield made
    close_engine(path)


def spent(ledger):
    return Spending.of(Budget(), ledger, "live", END - timedelta(hours=1)).unpriced


def compared(ledger):
    found = []
    watch = DriftWatch(ledger, "live", found.append, found.append, None)
    watch.decided(END + LENGTH)
    watch.wait(60)
    return len(found) * ROWS


def summed(ledger):
    return sum(LedgerSums(ledger, "live", LENGTH).now().decisions.values())


def peak_of(work):
    tracemalloc.start()
    try:
        return work(), tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("read", [spent, compared, summed])
def test_a_bot_holds_few_rows_at_once_when_it_looks_at_all(ledger, read):
    assert peak_of(lambda: ledger.rows("live"))[1] > 2 * MOST
    counted, peak = peak_of(lambda: read(ledger))
    assert counted == ROWS and peak < MOST
