"""What a running bot keeps of its decisions for its charts."""

import pickle
from datetime import timedelta

import pytest

from candlegraph.freqtrade_bridge.monitoring.decided import DecidedCandles
from candlegraph.graph.schema.calls import CallRecord
from candlegraph.graph.schema.signal import TradeSignal
from candlegraph.memory.books.ledger import DecisionRow, Ledger

LENGTH, CANDLES = timedelta(minutes=30), 50


@pytest.fixture
def rows(as_of):
    """Return decisions with all that a talkative model leaves in the ledger."""
    thoughts, call = "so it goes on " * 300, CallRecord(role="decision", model="m", tokens_in=10, tokens_out=2)
    signal = TradeSignal(action="wait", confidence=60, reason=thoughts[:500], source="model")
    return [
        DecisionRow(
            decision_id=f"{number:036}", namespace="live", pair="BTC", candle=as_of + number * LENGTH,
            as_of=as_of + (number + 1) * LENGTH, recorded_at=as_of, state="flat", price=1.0, regime=None, model="m",
            prompt_version="1", prompt_hash="h", calls=1, repairs=0, tokens_in=10, tokens_out=2, latency_ms=1.0,
            case_ids=(), similarities=(), signal=signal, error=None, model_calls=(call,) * 4, reasoning=thoughts,
        )
        for number in range(CANDLES)
    ]  # fmt: skip


def size(one):
    return len(pickle.dumps(one))


def test_a_candle_that_is_shown_for_weeks_costs_little_memory(tmp_path, rows, as_of):
    Ledger(tmp_path / "l.sqlite").append(rows)
    shown = DecidedCandles(tmp_path / "l.sqlite", "live").of("BTC", as_of)
    assert len(shown) == CANDLES
    assert min(map(size, rows)) > 5_000
    assert max(map(size, shown.items())) < 500
