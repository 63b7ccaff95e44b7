"""`candlegraph upgrade --check` shows which prompts and decisions another version changes, and asks nobody."""

import dataclasses
import json

import pytest

from candlegraph.agents import reviewer
from candlegraph.agents.asking.transcript import allowed_tools
from candlegraph.agents.prompt import briefing
from candlegraph.freqtrade_bridge.commands.main import main
from candlegraph.freqtrade_bridge.decisions import kept_answers
from candlegraph.freqtrade_bridge.decisions.records import Records, decision_row
from candlegraph.freqtrade_bridge.decisions.runner import Runner
from candlegraph.graph.settings.places import DATABASE
from candlegraph.memory.books.ledger import Ledger

PAIR = "BTC/USDT:USDT"


def entering(snapshot, **changes):
    price = snapshot.price
    return "signal_entry_long", {
        "pair": PAIR, "confidence_score": 70, "reason": "up", "leverage": 3, "stake_amount": 500, "rsi_value": 50,
        "stop_loss": price * 0.97, "take_profit": price * 1.1, "key_support": price * 0.9,
        "key_resistance": price * 1.2, "trend_strength": "weak",
    } | changes  # fmt: skip


@pytest.fixture
def lived(make_context, make_snapshot, scripted, calling):
    """Return a function that decides one candle as a live bot and writes it down; without a call the rule decides."""

    def go(call=None, snapshot=None, **blocks):
        snapshot = snapshot or make_snapshot()
        context = make_context(scripted(calling(call)) if call else None, namespace="live", **blocks)
        outcome = Runner(context).decide({PAIR: snapshot}, None)[PAIR]
        assert outcome.error is None, repr(outcome.error)
        row = decision_row(context, snapshot, outcome, outcome.state.signal, snapshot.as_of)
        if call:
            row = row.model_copy(update={"model": "some-model"})
        Records(context).decisions([row], {row.decision_id: outcome.state})
        return row

    return go


@pytest.fixture
def check(tmp_path, capsys):
    def run(*words):
        status = main(["upgrade", "--check", "--userdir", str(tmp_path), *words])
        said = capsys.readouterr()
        return status, said.out + said.err

    return run


def another_prompt(monkeypatch):
    fitted = briefing.fitted

    def changed(*arguments):
        for part in fitted(*arguments):
            text = f"{part.text}\nas this version says it" if part.name == "multi_timeframe" else part.text
            yield dataclasses.replace(part, text=text)

    monkeypatch.setattr(briefing, "fitted", changed)


def another_gate(monkeypatch):
    gated = reviewer.size_entry

    def halved(*arguments):
        sized = gated(*arguments)
        return sized.model_copy(update={"leverage": 1.0})

    monkeypatch.setattr(reviewer, "size_entry", halved)


def test_the_same_version_changes_nothing_and_asks_nobody(lived, check, make_snapshot, scripted):
    snapshot = make_snapshot()
    lived(entering(snapshot), snapshot)
    assert check() == (0, (
        "live: 1 decisions, 2025-04-05 13:00 to 2025-04-05 13:00 UTC; of 0 more the inputs were not kept\n"
        "prompts: 1 of 1 that were sent are the same\n"
        "decisions: 1 of 1 are the same, by the answers of then\n"
    ))  # fmt: skip


def test_a_changed_prompt_is_shown_with_its_first_section_and_the_decision_by_the_old_answer(
    lived, check, make_snapshot, monkeypatch
):
    snapshot = make_snapshot()
    row = lived(entering(snapshot), snapshot)
    another_prompt(monkeypatch)
    status, said = check()
    assert status == 1 and "upgrade: 1 prompts and 0 decisions change" in said
    assert f"{PAIR} 2025-04-05 13:00 {row.decision_id[:8]}  prompt from: " in said
    title = said.partition("prompt from: ")[2].partition("\n")[0]
    assert "imeframe" in title, title


def test_a_changed_rule_shows_the_decision_then_and_now(lived, check, make_snapshot, monkeypatch):
    snapshot = make_snapshot()
    lived(entering(snapshot), snapshot)
    another_gate(monkeypatch)
    status, said = check()
    assert status == 1 and "decision: leverage 3 → 1" in said and "0 prompts and 1 decisions change" in said


RECORDED = {"llm_config": {"mode": "record", "model": "some-model"}}


def test_kept_answers_that_a_replay_would_still_find_are_counted(lived, check, make_snapshot):
    snapshot = make_snapshot()
    lived(entering(snapshot), snapshot, **RECORDED)
    status, said = check()
    assert status == 0 and "cassette: 1 of 1 kept answers would be found by a replay" in said


def test_functions_that_read_otherwise_are_seen_by_the_kept_answer(lived, check, make_snapshot, monkeypatch):
    snapshot = make_snapshot()
    lived(entering(snapshot), snapshot, **RECORDED)
    monkeypatch.setattr(kept_answers, "allowed_tools", lambda state: allowed_tools(state)[1:])
    status, said = check()
    assert status == 1 and "cassette: 0 of 1 kept" in said and "prompt from: of what was sent: tools" in said


@pytest.mark.parametrize("side", [None, "long", "short"])
def test_what_the_rule_decided_it_decides_again(lived, check, make_snapshot, side):
    row = lived(None, make_snapshot(side))
    assert row.model == "policy" and (row.calls, row.cost) == (1, 0)  # a rule costs nothing, and that is known
    assert check()[0] == 0


def test_what_needed_no_model_is_decided_again_by_the_snapshot(lived, check, make_snapshot, monkeypatch):
    snapshot = make_snapshot().model_copy(update={"paused": "candlegraph resume: paused by hand"})
    row = lived(entering(snapshot), snapshot)
    assert (row.calls, row.signal.source) == (0, "paused")
    status, said = check()
    assert status == 0 and "0 of 0 that were sent" in said and "decisions: 1 of 1" in said


def test_an_answer_that_is_not_taken_any_more_would_be_asked_anew(lived, check, make_snapshot, monkeypatch):
    snapshot = make_snapshot()
    row = lived(entering(snapshot), snapshot)
    call = row.functions[0].model_copy(update={"arguments": {"pair": PAIR}})  # as if an argument were asked for since
    newest = row.model_copy(update={"functions": (call,)})
    monkeypatch.setattr(Ledger, "rows", lambda self, namespace: (newest,))
    status, said = check()
    assert status == 1 and "decision: enter_long → asked anew: " in said


def test_inputs_that_cannot_be_read_any_more_are_a_change(lived, check, make_snapshot, monkeypatch):
    lived(None)
    monkeypatch.setattr(
        "candlegraph.freqtrade_bridge.commands.operations.upgrade.kept_doc",
        lambda path, key: '{"snapshot": {"candle": 1}, "depth": "fast", "settings": {}}',
    )
    status, said = check()
    assert status == 1 and "its inputs cannot be read any more" in said


def test_the_list_is_there_for_a_program_too(lived, check, make_snapshot, monkeypatch):
    snapshot = make_snapshot()
    row = lived(entering(snapshot), snapshot)
    another_gate(monkeypatch)
    status, said = check("--json")
    (one,) = json.loads(said.partition("]\n")[0] + "]")
    assert status == 1 and one["decision_id"] == row.decision_id and one["decision"] == "leverage 3 → 1"


def test_without_a_live_decision_it_says_so(lived, check, tmp_path):
    Ledger(tmp_path / DATABASE)
    status, said = check()
    assert status == 1 and "no live decision whose inputs were kept" in said
    assert main(["upgrade", "--userdir", str(tmp_path)]) == 1


def test_another_run_can_be_named(lived, check):
    lived(None)
    status, said = check("--namespace", "dry_run")
    assert status == 1 and "no live decision whose inputs were kept" in said
    assert check("--namespace", "live")[0] == 0
