"""`candlegraph calibration`: confidence against what was won, and stops and targets against the market."""

import json
from datetime import timedelta

import pytest
from lived import lived

from candlegraph.freqtrade_bridge.commands.main import main
from candlegraph.freqtrade_bridge.truth.calibration import SaidAndDone, calibration_of
from candlegraph.graph.schema.signal import TradeSignal
from candlegraph.graph.settings.places import DATABASE
from candlegraph.memory.books.ledger import DecisionRow, Ledger
from candlegraph.memory.store import close_memory, open_memory


def trades(*groups):
    """Return trades by confidence, how many of them were won, and how many were lost."""
    return [SaidAndDone(confidence=said, won=won > n) for said, won, lost in groups for n in range(won + lost)]


@pytest.mark.parametrize(
    ("groups", "judgement"),
    [
        ([(0.4, 16, 24), (0.8, 32, 8)], "as confident as it wins"),
        ([(0.8, 16, 24)], "overconfident"),
        ([(0.3, 32, 8)], "underconfident"),
        ([(0.9, 1, 9)], "too little data to tell"),
    ],
)
def test_confidence_is_held_against_the_share_that_is_won(groups, judgement):
    assert calibration_of(trades(*groups)).judgement == judgement


def test_the_brier_score_is_the_sum_of_its_parts_and_that_of_a_worked_example():
    found = calibration_of(trades((0.9, 3, 1), (0.3, 1, 3)))
    # (3 * 0.01 + 0.81 + 0.49 + 3 * 0.09) / 8; bins 0.9 -> 0.75 and 0.3 -> 0.25 around 0.5
    assert found.brier.score == pytest.approx(0.2)
    assert found.brier.reliability == pytest.approx((0.15**2 + 0.05**2) / 2)
    assert found.brier.resolution == pytest.approx(0.25**2) and found.brier.uncertainty == 0.25
    assert found.brier.rest == pytest.approx(0)
    assert [(one.said, one.won.count, one.won.of) for one in found.bins] == [(0.3, 1, 4), (0.9, 3, 4)]
    assert found.auc == pytest.approx(0.75)


def test_many_confidences_share_five_bins_and_what_differs_within_is_the_rest():
    many = [SaidAndDone(confidence=(n + 0.5) / 100, won=n * 37 % 100 < n) for n in range(100)]
    found = calibration_of(many)
    assert [one.won.of for one in found.bins] == [20] * 5 and found.brier.rest != 0
    parts = found.brier
    assert parts.score == pytest.approx(parts.reliability - parts.resolution + parts.uncertainty + parts.rest)
    assert found.auc > 0.6 and found.auc_p < 0.05


def test_stops_and_targets_are_counted_where_the_market_reached_them():
    known = {"confidence": 0.5, "target_r": 2.0}
    found = calibration_of(
        [
            SaidAndDone(won=True, best_r=2.1, worst_r=-0.4, result_r=2.0, **known),
            SaidAndDone(won=False, best_r=0.5, worst_r=-1.0, result_r=-1.0, **known),
            SaidAndDone(won=True, best_r=1.0, worst_r=-0.9, result_r=0.5, **known),
        ]
    ).excursions
    assert (found.stopped.count, found.reached.count, found.targets) == (1, 1, 3)
    assert found.best_r == 1.0 and found.given_back_r == pytest.approx(0.5)
    assert found.winners_worst_r == pytest.approx(-0.85)


@pytest.fixture
def userdir(tmp_path, make_snapshot):
    """Return the folder of a bot that closed thirty trades, of which it was sure and lost half."""
    snapshot, database = make_snapshot(), tmp_path / DATABASE
    memory = open_memory(database)
    rows = []
    for number in range(30):
        profit = 4.0 if number % 2 else -4.0
        memory.add(lived(snapshot, number, profit, namespace="dry_run", decision_id=f"d{number}", model_score=80.0))
        rows.append(row(f"d{number}", snapshot, 95.0 if number < 15 else 85.0, number))
    Ledger(database).append(rows)
    yield tmp_path
    close_memory(database)


def row(decision_id, snapshot, confidence, number):
    at, length = snapshot.candle - timedelta(days=number + 1), timedelta(minutes=30)
    signal = TradeSignal(
        action="enter_long", side="long", confidence=confidence, reason="r", source="model", stop=95, take_profit=110
    )
    return DecisionRow(
        decision_id=decision_id, namespace="dry_run", pair="ETH/USDT:USDT", candle=at, as_of=at + length,
        recorded_at=at, state="flat", price=100, regime="range", model="m", prompt_version="1", prompt_hash="h",
        calls=1, repairs=0, tokens_in=1, tokens_out=1, latency_ms=1, case_ids=(), similarities=(), signal=signal,
        error=None,
    )  # fmt: skip


def test_a_run_is_told_what_its_confidence_was_worth(userdir, capsys):
    assert main(["calibration", "dry_run", "--userdir", str(userdir)]) == 0
    told = capsys.readouterr().out
    assert told.startswith("Overconfident: 30 closed trades of dry_run")
    assert "said on average    90%" in told and "won                50%" in told
    assert "against the evaluator's, 30 trades" in told and "by confidence" in told
    assert main(["calibration", "--userdir", str(userdir), "--json"]) == 0
    known = json.loads(capsys.readouterr().out)
    assert known["won"]["count"] == 15 and known["self_scores"]["trades"] == 30
    assert [one["said"] for one in known["bins"]] == pytest.approx([0.85, 0.95])
    assert known["excursions"]["targets"] == 30


def test_a_run_without_a_closed_trade_is_told_so(tmp_path, make_snapshot, capsys):
    Ledger(tmp_path / DATABASE).append([row("d", make_snapshot(), 90.0, 1)])
    assert main(["calibration", "--userdir", str(tmp_path)]) == 1
    assert "no closed trade whose entry stated a confidence" in capsys.readouterr().err
    close_memory(tmp_path / DATABASE)
