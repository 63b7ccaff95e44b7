"""`candlegraph brief --decision` writes the prompt of a decision again, `decide --decision` decides it again."""

from dataclasses import replace

import pytest

from candlegraph.agents.prompt import briefing
from candlegraph.freqtrade_bridge.commands.main import main
from candlegraph.freqtrade_bridge.decisions.records import Records, decision_row
from candlegraph.freqtrade_bridge.decisions.replayed import signal_hash
from candlegraph.freqtrade_bridge.decisions.runner import Runner
from candlegraph.graph.schema.fate import LastCall
from candlegraph.graph.schema.market import OrderLimits
from candlegraph.graph.settings.places import DATABASE
from candlegraph.memory.books.ledger import Ledger

PAIR = "BTC/USDT:USDT"
LAST = LastCall(function="signal_exit", kind="expired", why="no order", candles_ago=1)
SETTINGS = {
    "context_config": {"language": "zh", "max_context_tokens": 4000},
    "risk_management": {"max_leverage": 3},
    "llm_config": {"decision": {"max_memory_calls": 0}, "api_key": "sk-very-secret"},
}


@pytest.fixture
def decided(make_context, make_snapshot, scripted, calling):
    """Return the row of a decision that was taken and written down."""

    def go(side, **experience):
        call = ("signal_hold" if side else "signal_wait", {"pair": PAIR, "confidence_score": 60, "reason": "calm"})
        context = make_context(scripted(calling(call)), namespace="dry_run", experience_config=experience, **SETTINGS)
        snapshot = make_snapshot(side).model_copy(update={"limits": OrderLimits(min_left=500), "last_call": LAST})
        outcome = Runner(context).decide({PAIR: snapshot}, None)[PAIR]
        row = decision_row(context, snapshot, outcome, outcome.state.signal, snapshot.as_of)
        Records(context).decisions([row], {row.decision_id: outcome.state})
        return row

    return go


@pytest.mark.parametrize("side", [None, "long", "short"])
def test_the_prompt_of_a_decision_has_the_same_hash_again(decided, tmp_path, capsys, side):
    row = decided(side)
    assert main(["brief", "--decision", row.decision_id[:8], "--userdir", str(tmp_path)]) == 0
    told = capsys.readouterr().out
    assert f"prompt hash {row.prompt_hash}: the very prompt of decision {row.decision_id}" in told
    assert "functions: " + ("signal_exit, adjust_position" if side else "signal_entry_long") in " ".join(told.split())


def test_what_is_kept_holds_no_secret(decided, tmp_path):
    decided("long")
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and b"sk-very" in path.read_bytes()]


def test_a_decision_that_was_not_kept_names_the_key(decided, tmp_path, capsys):
    row = decided(None, snapshots={"keep": False})
    assert main(["brief", "--decision", row.decision_id, "--userdir", str(tmp_path)]) == 1
    assert "experience_config.snapshots" in capsys.readouterr().err
    assert main(["brief", "--decision", "ffff", "--userdir", str(tmp_path)]) == 1
    assert "no decision begins with it" in capsys.readouterr().err


def test_a_namespace_without_experiences_is_refused(decided, tmp_path, capsys):
    decided(None)
    words = ["--pair", PAIR, "--at", "2025-03-01T12:00", "--userdir", str(tmp_path), "--namespace", "backtest:x"]
    for command in ("brief", "decide"):
        assert main([command, *words]) == 1
        assert "--namespace 'backtest:x' has no experiences" in capsys.readouterr().err


def again(decided_row, tmp_path, capsys):
    status = status_of(["decide", "--decision", decided_row.decision_id[:8], "--userdir", str(tmp_path)])
    return status, capsys.readouterr().out.splitlines()


def status_of(words):
    try:
        return main(words)
    except SystemExit as e:
        return e.code


@pytest.mark.parametrize("side", [None, "long"])
def test_a_decision_is_decided_again_and_its_hashes_are_the_same(decided, tmp_path, capsys, side):
    row = decided(side)
    status, told = again(row, tmp_path, capsys)
    assert status == 0
    assert told == [
        f"Prompt: the same, hash {row.prompt_hash}.",
        f"Signal: the same, {row.signal.action}, hash {signal_hash(row.signal)}.",
    ]


def test_a_decision_that_comes_out_otherwise_names_the_first_difference(decided, tmp_path, capsys, monkeypatch):
    row = decided(None)
    stored = row.signal.model_copy(update={"action": "enter_long", "side": "long", "leverage": 2.0})
    Ledger(tmp_path / DATABASE).answer(row.decision_id, stored)
    fitted = briefing.fitted
    monkeypatch.setattr(
        briefing, "fitted", lambda *given: [replace(one, text=one.text + " ") for one in fitted(*given)]
    )
    status, (prompt, signal) = again(row, tmp_path, capsys)
    assert status == 1
    assert (
        prompt.startswith(f"Prompt: not the same, hash {row.prompt_hash} then, ") and "it first differs in: " in prompt
    )
    assert f"hash {signal_hash(stored)} then" in signal and "enter_long → wait, leverage 2 → none" in signal


def test_a_candle_and_a_decision_are_not_asked_for_together(tmp_path, capsys):
    for words, told in (
        ([], "expected --pair and --at, or --decision"),
        (["--decision", "a", "--pair", PAIR], "--pair"),
    ):
        assert main(["decide", *words, "--userdir", str(tmp_path)]) == 1
        assert f"decide: {told}" in capsys.readouterr().err
