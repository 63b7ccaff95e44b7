from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from candlegraph.graph.schema.signal import Clamp, TradeSignal
from candlegraph.memory.books.ledger import DecisionRow, Ledger
from candlegraph.memory.store import close_memory, open_memory

START = datetime(2025, 1, 1, tzinfo=UTC)


def row(number: int = 0, **changes) -> DecisionRow:
    candle = START + timedelta(minutes=30 * number)
    facts = {
        "decision_id": f"d{number}",
        "namespace": "backtest:a",
        "pair": "BTC/USDT:USDT",
        "candle": candle,
        "as_of": candle + timedelta(minutes=30),
        "recorded_at": START + timedelta(days=400),
        "state": "flat",
        "price": 100,
        "regime": "range",
        "model": "policy",
        "prompt_version": "1",
        "prompt_hash": "abc",
        "calls": 1,
        "repairs": 0,
        "tokens_in": 900,
        "tokens_out": 60,
        "latency_ms": 12.5,
        "case_ids": (3, 1),
        "similarities": (0.9, 0.8),
        "signal": TradeSignal(action="wait", confidence=50, reason="no edge", source="model"),
        "error": None,
    }
    return DecisionRow(**(facts | changes))


@pytest.fixture
def ledger(path):
    return Ledger(path)


def test_rows_come_back_whole_by_candle_and_pair(ledger):
    rows = [row(2), row(1, pair="B", decision_id="b"), row(1, pair="A", decision_id="a")]
    assert ledger.append(rows) == 3
    assert ledger.rows("backtest:a") == (rows[2], rows[1], rows[0])
    assert ledger.rows("live") == ()
    assert ledger.append([]) == 0


def test_there_is_one_decision_per_id_and_the_first_stays(ledger):
    assert ledger.append([row(1, price=1), row(1, price=2), row(2)]) == 2
    assert ledger.append([row(1, price=3), row(3)]) == 1
    assert [(r.decision_id, r.price) for r in ledger.rows("backtest:a")] == [("d1", 1), ("d2", 100), ("d3", 100)]


def test_threads_that_decide_the_same_candle_store_it_once(ledger):
    with ThreadPoolExecutor(8) as pool:
        added = sum(pool.map(lambda number: ledger.append([row(number % 5)]), range(40)))
    assert added == len(ledger.rows("backtest:a")) == 5


def test_ledger_and_memory_share_one_file_and_survive_a_restart(ledger, path, make_experience):
    ledger.append([row(1), row(2, namespace="live")])
    open_memory(path).add(make_experience())
    close_memory(path)
    assert Ledger(path).rows("backtest:a") == (row(1),)
    assert Ledger(path).namespaces() == ("live", "backtest:a")
    assert open_memory(path).stats("backtest:a")["total_experiences"] == 1


def test_the_newest_namespace_is_the_one_written_to_last_whatever_its_candles(ledger):
    ledger.append([row(5, namespace="backtest:a"), row(6, namespace="backtest:c")])
    ledger.append([row(3, namespace="backtest:b")])
    assert ledger.namespaces() == ("backtest:b", "backtest:c", "backtest:a")
    ledger.append([row(7, namespace="backtest:a")])
    assert ledger.namespaces()[0] == "backtest:a"


def test_a_late_clamp_is_added_to_the_rows_signal_and_an_unknown_id_changes_nothing(ledger):
    ledger.append([row(1), row(2)])
    late = Clamp(key="max_risk_per_trade_pct", before=10, after=5, reason="late")
    ledger.add_clamps(row(1).decision_id, [late])
    ledger.add_clamps("unknown", [late])
    first, second = ledger.rows(row(1).namespace)
    assert first.signal.clamps == (*row(1).signal.clamps, late)
    assert second == row(2)
