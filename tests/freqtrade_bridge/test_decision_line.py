"""What the main log says of a decision."""

from datetime import UTC, datetime, timedelta

import pytest

from candlegraph.freqtrade_bridge.decisions.line import REASON_LENGTH, decision_line, figure, short_names
from candlegraph.graph.schema.calls import CallRecord, Try
from candlegraph.graph.schema.signal import TradeSignal
from candlegraph.memory.books.ledger import DecisionRow

AT = datetime(2025, 3, 1, tzinfo=UTC)
ENTRY = {"action": "enter_short", "side": "short", "leverage": 5, "stake": 66.0, "stop": 87944.0}
CALL = CallRecord(role="decision", model="m", tokens_in=3000, tokens_out=100, cost=0.004, seconds=0.7)
FAILED = Try(model="m", error="500", seconds=1)


def line(signal=None, **changes):
    known = {"action": "wait", "confidence": 75, "reason": "weak rally into resistance", "source": "model"}
    row = {
        "decision_id": "d", "namespace": "live", "pair": "BTC/USDT:USDT", "candle": AT,
        "as_of": AT + timedelta(minutes=30), "recorded_at": AT, "state": "flat", "price": 87000.0, "regime": "range",
        "model": "m", "prompt_version": "1", "prompt_hash": "h", "calls": 1, "repairs": 0, "tokens_in": 3000,
        "tokens_out": 100, "latency_ms": 812.0, "case_ids": (1, 2, 3, 4, 5), "similarities": (), "error": None,
        "signal": TradeSignal(**known | (signal or {})), "model_calls": (CALL,),
    }  # fmt: skip
    return decision_line(DecisionRow(**row | changes), "BTC")


def test_an_entry_says_what_will_be_ordered_why_and_at_what_cost():
    assert line(ENTRY) == (
        "BTC enter_short 5x stake 66 stop 87944 conf 75: weak rally into resistance "
        "| model 0.8 s, 3,100 tokens, $0.004 | cases 5"
    )


@pytest.mark.parametrize(
    ("signal", "begins"),
    [
        ({}, "BTC wait conf 75: weak"),
        ({"action": "hold", "side": "long"}, "BTC hold conf 75: weak"),
        ({"action": "exit", "side": "long"}, "BTC exit conf 75: weak"),
        ({"action": "adjust", "side": "long", "adjustment_pct": -50}, "BTC adjust -50 % conf 75: weak"),
        ({"action": "adjust", "side": "long", "adjustment_pct": 25}, "BTC adjust +25 % conf 75: weak"),
        (ENTRY | {"stake": None}, "BTC enter_short 5x stop 87944 conf 75: weak"),
        ({"confidence": 0}, "BTC wait: weak"),
    ],
)
def test_every_action_has_the_same_form(signal, begins):
    assert line(signal).startswith(begins)


@pytest.mark.parametrize("source", ["triage", "budget", "veto"])
def test_who_decided_instead_of_a_model_is_said(source):
    told = line({"source": source}, model_calls=(), calls=0, tokens_in=0, tokens_out=0, case_ids=(), latency_ms=2)
    assert told.endswith(f" | {source} 0.0 s, no call | cases 0")


def test_an_error_is_said_with_the_attempts_that_failed():
    signal = {"source": "fallback", "reason": "the graph failed: ModelError: m: 500", "confidence": 0}
    told = line(signal, error="ModelError: m: 500", model_calls=(), tries=(FAILED, FAILED))
    assert (
        told
        == "BTC wait: the graph failed: ModelError: m: 500 | fallback 0.8 s, no answer, failed attempts 2 | cases 5"
    )


def test_what_went_wrong_before_the_answer_is_counted():
    told = line(model_calls=(CALL.model_copy(update={"tries": (FAILED,), "cost": None}),), repairs=2)
    assert "3,100 tokens, cost unknown, failed attempts 1, sent back 2 |" in told


def test_tokens_that_a_server_did_not_count_are_not_called_none():
    assert "s, tokens unknown, $0.004 |" in line(tokens_in=0, tokens_out=0)


@pytest.mark.parametrize("reason", ["one\ntwo\r\nthree\x1b[31m\u202e\u2028\x00", "word " * 200])
def test_no_reason_breaks_the_line_or_fills_the_log(reason):
    told = line({"reason": reason})
    assert told.isprintable()
    assert len(told) < REASON_LENGTH + 90


def test_a_pair_is_short_where_no_other_has_its_base():
    pairs = ["BTC/USDT:USDT", "1000PEPE/USDT:USDT", "ETH/USDT:USDT", "ETH/USDC:USDC"]
    assert list(short_names(pairs).values()) == ["BTC", "1000PEPE", "ETH/USDT:USDT", "ETH/USDC:USDC"]


@pytest.mark.parametrize(
    ("value", "told"),
    [(66.0, "66"), (87944.13, "87944.1"), (0.0000123456789, "0.0000123457"), (1234567890.4, "1234567890"), (0, "0")],
)
def test_a_number_never_has_an_exponent(value, told):
    assert figure(value) == told
