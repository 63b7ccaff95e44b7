"""`candlegraph why`: one candle's story in plain words, or why there was no trade since the last one."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from candlegraph.freqtrade_bridge.commands.main import main
from candlegraph.graph.context import DATABASE
from candlegraph.graph.schema.fate import Fate, Refusal
from candlegraph.graph.schema.signal import Clamp, Move, TradeSignal
from candlegraph.memory.books.ledger import DecisionRow, FunctionCall, Ledger
from candlegraph.memory.store import close_memory

START, LENGTH = datetime(2025, 3, 1, tzinfo=UTC), timedelta(minutes=30)
UNSURE = Refusal(door="gate", key="min_confidence", why="confidence 30 is below 40")
LOCK = Refusal(door="lock", key="Cooldown", why="freqtrade had locked the pair", until=START + 20 * LENGTH)
CLAMP = Clamp(key="max_leverage", before=20, after=10, reason="leverage limited by max_leverage")
FILLED = {"price": 101.0, "amount": 2.0, "stake": 20.2, "leverage": 10.0, "slippage_pct": 1.0, "seconds": 4.0}


def signal(action, source="model", **changes):
    return TradeSignal(
        **{"action": action, "confidence": 60, "reason": f"because {action}", "source": source} | changes
    )


def row(number, signal, fate=None, **changes):
    candle = START + number * LENGTH
    known = {
        "decision_id": f"{number:04}-aaaa", "namespace": "dry_run", "pair": "BTC/USDT:USDT", "candle": candle,
        "as_of": candle + LENGTH, "recorded_at": START, "state": "flat", "price": 100.0, "regime": "range",
        "model": "m", "prompt_version": "1", "prompt_hash": "h", "calls": 1, "repairs": 0, "tokens_in": 1,
        "tokens_out": 1, "latency_ms": 1000.0, "case_ids": (), "similarities": (), "error": None, "signal": signal,
    }  # fmt: skip
    return DecisionRow(**known | changes | {"fate": fate})


def refused(refusal, number):
    return Fate(kind="refused", at=START + number * LENGTH, refusal=refusal)


VETO = signal("wait", "veto", instead_of=Move(action="enter_short"), refusal=UNSURE)
ROWS = [
    row(0, signal("enter_long", clamps=(CLAMP,)), Fate(kind="filled", at=START, order_id="7", **FILLED),
        functions=(FunctionCall(name="signal_entry_long", arguments={}, accepted=True),)),
    row(1, signal("exit"), Fate(kind="no_order_needed", at=START, why="the position was closed by stop_loss"),
        state="long"),
    row(2, signal("wait")),
    row(3, VETO, refused(UNSURE, 3)),
    row(4, VETO, refused(UNSURE, 4)),
    row(5, signal("wait", "locked"), calls=0),
    row(6, signal("enter_long"), refused(LOCK, 6)),
    row(7, signal("enter_long")),
]  # fmt: skip


@pytest.fixture
def why(tmp_path, capsys):
    """Return what the command prints."""
    Ledger(tmp_path / DATABASE).append(ROWS)

    def go(*words, status=0):
        assert main(["why", *words, "--userdir", str(tmp_path)]) == status
        told = capsys.readouterr()
        return told.out if status == 0 else told.err

    yield go
    close_memory(tmp_path / DATABASE)


def test_the_decisions_that_it_tells_of_are_there_for_a_program(why):
    told = [json.loads(why("BTC/USDT:USDT", "--json", *words)) for words in ([], ["--at", "2025-03-01T00:30"])]
    assert [[one["decision_id"] for one in rows] for rows in told] == [
        [one.decision_id for one in ROWS[1:]], [ROWS[0].decision_id]
    ]  # fmt: skip


def test_a_candle_tells_what_was_decided_changed_and_what_became_of_it(why):
    told = why("BTC/USDT:USDT", "--at", "2025-03-01T00:30")
    for line in (
        "BTC/USDT:USDT, candle closed 2025-03-01 00:30 UTC (dry_run): 100, regime range, no position",
        "m was asked",
        "It called signal_entry_long.",
        "The decision: enter_long. Reason: because enter_long",
        "Changed on the way: max_leverage: 20 -> 10 (leverage limited by max_leverage)",
        "What became of enter_long: filled at 101, amount 2, stake 20.2, 10x, slippage +1.000 %, 4 s after the close",
        "ledger show --namespace dry_run --decision 0000",
    ):
        assert line in told


@pytest.mark.parametrize(
    "number, told",
    [
        (1, "What became of exit: no order needed: the position was closed by stop_loss"),
        (3, "What became of enter_short: refused (gate): min_confidence: confidence 30 is below 40"),
        (5, "No model was asked: the pair was locked."),
        (6, "refused (lock): Cooldown: freqtrade had locked the pair, until 2025-03-01 10:00 UTC"),
        (7, "What became of enter_long: not known yet"),
    ],
)
def test_the_story_names_the_door(why, number, told):
    as_of = START + (number + 1) * LENGTH + timedelta(minutes=7)  # any moment at which the decision was in force
    assert told in why("BTC/USDT:USDT", "--at", f"{as_of:%Y-%m-%dT%H:%M}")


def test_without_a_time_it_counts_what_kept_the_pair_flat_since_the_last_entry(why):
    lines = why("BTC/USDT:USDT").splitlines()
    assert "the last entry, enter_long of 2025-03-01 00:30 UTC, was filled at 101" in lines[0]
    assert lines[1] == "Candles without a position since then: 6"
    counted = {line.split(";")[0].strip() for line in lines[2:]}
    assert counted == {
        "2  enter_short refused: gate min_confidence",
        "1  wait by model",
        "1  locked: the pair was locked",
        "1  enter_long refused: lock Cooldown",
        "1  enter_long not known yet",
    }


def test_what_is_not_there_is_said(why):
    assert "decided pairs: BTC/USDT:USDT" in why("ETH/USDT:USDT", status=1)
    assert "decided: 2025-03-01 00:30 to 2025-03-01 04:00 UTC" in why("BTC/USDT:USDT", "--at", "2025-04-01", status=1)
