"""The sums of the ledger, whichever rows have changed since they were last read."""

from datetime import timedelta

import pytest

from candlegraph.freqtrade_bridge.monitoring.sums import LedgerSums, sums_of
from candlegraph.graph.schema.calls import CallRecord, Try
from candlegraph.graph.schema.fate import Fate
from candlegraph.graph.schema.signal import TradeSignal
from candlegraph.memory.books.ledger import DecisionRow, Ledger

LENGTH = timedelta(minutes=30)


@pytest.fixture
def row(as_of):
    """Return a factory of decisions, by the number of their candle."""

    def make(number, action="wait", **changes):
        candle = as_of + number * LENGTH
        call = CallRecord(role="decision", model="m", tokens_in=10, tokens_out=2, cost=0.5, tries=(tried(),))
        known = {
            "decision_id": str(number), "namespace": "live", "pair": "BTC", "candle": candle, "as_of": candle + LENGTH,
            "recorded_at": candle, "state": "flat", "price": 1.0, "regime": None, "model": "m", "prompt_version": "1",
            "prompt_hash": "h", "calls": 1, "repairs": 1, "tokens_in": 10, "tokens_out": 2, "latency_ms": 1500.0,
            "case_ids": (), "similarities": (), "error": None, "model_calls": (call,),
            "signal": TradeSignal(action=action, confidence=60, reason="r", source="model"),
        }  # fmt: skip
        return DecisionRow(**known | changes)

    return make


def tried():
    return Try(model="m", error="away", seconds=1)


class Noting(Ledger):
    """Notes how many rows each look has read."""

    def __init__(self, path, read):
        super().__init__(path)
        self._read = read

    def pieces(self, *asked, **named):
        self._read.append(0)
        for piece in super().pieces(*asked, **named):
            self._read[-1] += len(piece)
            yield piece


def test_the_sums_are_those_of_all_rows_though_old_ones_are_read_once(tmp_path, row):
    ledger = Ledger(tmp_path / "l.sqlite")
    read = []
    ledger_sums, rows_of = LedgerSums(Noting(tmp_path / "l.sqlite", read), "live", LENGTH), ledger.rows
    assert ledger_sums.now() == sums_of(())
    for number in range(20):
        ledger.append([row(number, "enter_long" if number == 4 else "wait")])
        assert ledger_sums.now() == sums_of(rows_of("live"))
    assert read[-1] == 16  # the entry waits for its fate
    ledger.settle("4", Fate(kind="expired", at=row(5).candle, why="no order"))
    assert ledger_sums.now() == sums_of(rows_of("live"))
    ledger_sums.now()
    assert read[-1] == 4
    assert ledger_sums.now().fates == {"expired": 1}


def test_an_order_that_stays_open_keeps_two_days_of_rows_at_most(tmp_path, row):
    ledger = Ledger(tmp_path / "l.sqlite")
    ledger_sums = LedgerSums(ledger, "live", LENGTH)
    ledger.append([row(0, "enter_long"), *(row(number) for number in range(1, 200))])
    assert ledger_sums.now() == ledger_sums.now() == sums_of(ledger.rows("live"))
    assert ledger_sums._from > row(0).candle


def test_what_is_counted_is_what_the_rows_say(row):
    rows = [
        row(0),
        row(1, "enter_long", fate=Fate(kind="expired", at=row(1).candle)),
        row(2, error="e", tries=(tried(),)),
    ]
    found = sums_of(rows)
    assert found.decisions == {("wait", "model"): 2, ("enter_long", "model"): 1}
    assert found.sums == {
        "failures": 1, "attempts_failed": 4, "repairs": 3, "calls": 3, "unpriced_calls": 0, "tokens_in": 30,
        "tokens_out": 6,
    }  # fmt: skip
    assert (found.cost, found.seconds, found.buckets) == (1.5, 4.5, {2.0: 3})
