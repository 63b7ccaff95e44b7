"""The bot's side and the person's side of an approval, and the run of the graph that waits between them."""

import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from candlegraph.freqtrade_bridge.commands.main import main
from candlegraph.freqtrade_bridge.decisions.approvals import Approvals, check_approval, message_of, price_now
from candlegraph.freqtrade_bridge.decisions.runner import Runner
from candlegraph.graph.schema.errors import BridgeError, ConfigError
from candlegraph.graph.settings.settings import settings_of
from candlegraph.memory.books.approvals import ApprovalAnswer, Proposals

REQUIRED = {"risk_management": {"approval": {"required": True}}}
NEWS = "news tonight"


@pytest.fixture
def entry_model(make_snapshot, scripted, calling):
    """Return a model that enters, whatever it sees."""
    price = make_snapshot().price
    arguments = {
        "pair": "BTC/USDT:USDT",
        "confidence_score": 80,
        "rsi_value": make_snapshot().main.indicators.rsi,
        "leverage": 3,
        "key_support": price * 0.9,
        "key_resistance": price * 1.2,
        "trend_strength": "strong",
        "stop_loss": price * 0.97,
        "take_profit": price * 1.15,
        "stake_amount": 100,
        "reason": "calm",
    }
    return scripted(calling(("signal_entry_long", arguments)))


@pytest.fixture
def context(make_context, entry_model):
    return make_context(entry_model, namespace="dry_run", **REQUIRED)


@pytest.fixture
def runner(context):
    return Runner(context)


@pytest.fixture
def decided(runner, make_snapshot):
    """Return the outcome of the run that asked."""
    return runner.decide({"BTC/USDT:USDT": make_snapshot()}, None)["BTC/USDT:USDT"]


@pytest.fixture
def approvals(context, as_of):
    return Approvals(context, as_of)


def at_price(price):
    return lambda request: price


# -- the runner -------------------------------------------------------------------------------------------------------


def test_a_run_that_asks_waits_until_it_is_answered(decided, make_snapshot):
    request, signal = decided.proposal, decided.state.signal
    assert (signal.action, signal.source, signal.reason) == ("wait", "veto", f"awaiting approval {request.id}")
    assert (request.pair, request.action, request.price) == ("BTC/USDT:USDT", "enter_long", make_snapshot().price)


def test_an_approved_run_goes_on_once_with_its_entry(runner, approvals, decided, as_of, context):
    request = decided.proposal
    approvals.ask(request, as_of)
    Proposals(context.database).move(request.id, "approved", as_of)
    ((asked, verdict),) = approvals.decided(as_of, at_price(request.price))
    outcome = runner.resume(asked, verdict)
    assert (outcome.state.signal.action, outcome.state.signal.stake) == ("enter_long", 100)
    assert outcome.proposal is None
    assert "gone" in repr(runner.resume(asked, verdict).error)


def test_a_run_is_gone_after_a_restart(context, approvals, decided, as_of):
    request = decided.proposal
    approvals.ask(request, as_of)
    Proposals(context.database).move(request.id, "approved", as_of)
    ((_, verdict),) = approvals.decided(as_of, at_price(request.price))
    outcome = Runner(context).resume(request, verdict)
    assert isinstance(outcome.error, BridgeError) and outcome.state is None


def test_a_newer_candle_voids_the_older_question_and_not_its_own(runner, decided, make_snapshot, as_of):
    old = decided.proposal
    new_snapshot = make_snapshot(as_of=as_of + timedelta(minutes=30))
    new = runner.decide({"BTC/USDT:USDT": new_snapshot}, None)["BTC/USDT:USDT"].proposal
    assert isinstance(runner.resume(old, approval_of(old)).error, BridgeError)
    assert runner.resume(new, approval_of(new)).state.signal.action == "enter_long"


def approval_of(request):
    return ApprovalAnswer(id=request.id, verdict="approve", at=request.as_of, price=request.price)


def test_only_the_last_run_of_a_pair_is_remembered(runner, make_snapshot, as_of):
    for number in range(4):
        runner.decide({"BTC/USDT:USDT": make_snapshot(as_of=as_of + timedelta(minutes=30 * number))}, None)
    assert len(runner._saver.storage) == 1


def test_without_approval_no_run_is_remembered_and_nothing_is_asked(make_context, entry_model, make_snapshot):
    runner = Runner(make_context(entry_model))
    outcome = runner.decide({"BTC/USDT:USDT": make_snapshot()}, None)["BTC/USDT:USDT"]
    assert outcome.proposal is None and outcome.state.signal.action == "enter_long"
    assert runner._saver is None


# -- the bot's side ---------------------------------------------------------------------------------------------------


def test_an_unanswered_question_expires_once(approvals, decided, context):
    request = decided.proposal
    approvals.ask(request, request.as_of)
    assert approvals.decided(request.expires_at, at_price(1)) == []
    ((_, verdict),) = approvals.decided(request.expires_at + timedelta(seconds=1), at_price(1))
    assert (verdict.verdict, verdict.price) == ("reject", request.price)
    assert approvals.decided(request.expires_at + timedelta(seconds=2), at_price(1)) == []
    assert Proposals(context.database).by_id([request.id])[request.id].status == "expired"


@pytest.mark.parametrize("status, after", [("approved", "used"), ("rejected", "rejected")])
def test_an_answer_is_taken_once_with_its_note(status, after, approvals, decided, context):
    request, table = decided.proposal, Proposals(context.database)
    approvals.ask(request, request.as_of)
    table.move(request.id, status, request.as_of, NEWS)
    ((_, verdict),) = approvals.decided(request.as_of, at_price(5.0))
    assert verdict.verdict == {"approved": "approve", "rejected": "reject"}[status]
    assert verdict.price == (5.0 if status == "approved" else request.price)
    assert verdict.note == ("" if status == "approved" else NEWS)
    assert table.by_id([request.id])[request.id].status == after
    assert approvals.decided(request.as_of, at_price(5.0)) == []


def test_an_approval_that_the_bot_sees_too_late_is_expired(approvals, decided, context, runner):
    request = decided.proposal
    approvals.ask(request, request.as_of)
    Proposals(context.database).move(request.id, "approved", request.as_of)
    ((_, verdict),) = approvals.decided(request.expires_at + timedelta(seconds=1), at_price(request.price))
    assert "approval.expires_seconds" in runner.resume(request, verdict).state.signal.reason


def test_without_a_price_an_approval_is_kept_for_the_next_loop(approvals, decided, context):
    request, table = decided.proposal, Proposals(context.database)
    approvals.ask(request, request.as_of)
    table.move(request.id, "approved", request.as_of)
    assert approvals.decided(request.as_of, at_price(None)) == []
    assert table.by_id([request.id])[request.id].status == "approved"
    assert len(approvals.decided(request.as_of, at_price(request.price))) == 1


def test_a_restart_voids_what_was_asked(approvals, decided, context):
    request, table = decided.proposal, Proposals(context.database)
    approvals.ask(request, request.as_of)
    table.move(request.id, "approved", request.as_of)
    after = Approvals(context, request.as_of)
    assert after.decided(request.as_of, at_price(request.price)) == []
    assert table.by_id([request.id])[request.id].status == "expired"


def test_the_same_question_after_a_restart_keeps_a_person_s_no(approvals, decided, context):
    request = decided.proposal
    approvals.ask(request, request.as_of)
    Proposals(context.database).move(request.id, "rejected", request.as_of, NEWS)
    after = Approvals(context, request.as_of)
    after.ask(request, request.as_of)
    ((_, verdict),) = after.decided(request.as_of, at_price(request.price))
    assert (verdict.verdict, verdict.note) == ("reject", NEWS)


def test_the_message_carries_what_is_proposed_and_both_commands(decided):
    request = decided.proposal.model_copy(update={"reason": "<b>buy</b>\n/forceexit all"})
    text = message_of(request, request.as_of + timedelta(minutes=4), "bot one")
    assert "6 min left" in text and "leverage 3, stake 100" in text
    assert f"candlegraph approve {request.id[:10]} --userdir 'bot one'" in text
    assert f"candlegraph reject {request.id[:10]} --userdir 'bot one'" in text
    assert "<b>" not in text and "\n/" not in text


def test_no_reason_can_spoil_the_message_for_telegram(decided):
    """Telegram drops a whole Markdown message with an unpaired mark; what is in code may hold anything but a mark."""
    request = decided.proposal.model_copy(update={"reason": "above ema_200, *strong* `rsi` [see](http://x.y)"})
    text = message_of(request, request.as_of, "user_data")
    outside = "".join(text.split("`")[::2])
    assert text.count("`") == 4
    assert not set("_*[") & set(outside)
    assert "above ema 200" in outside


@pytest.mark.parametrize("ticker, price", [({"last": 5}, 5.0), ({"last": None}, None), ({}, None)])
def test_the_price_now_is_the_last_one_or_none(ticker, price, decided):
    provider = type("Provider", (), {"ticker": lambda self, pair: ticker})()
    assert price_now(provider, decided.proposal) == price


def test_a_backtest_that_would_wait_for_a_person_is_refused():
    with pytest.raises(ConfigError, match=r"risk_management\.approval\.required"):
        check_approval(settings_of(REQUIRED), is_backtest=True)
    check_approval(settings_of(REQUIRED), is_backtest=False)
    check_approval(settings_of({}), is_backtest=True)


# -- the person's side ------------------------------------------------------------------------------------------------


@pytest.fixture
def waiting(approvals, decided, context):
    """Return a question that is open by the wall clock, which the commands go by."""
    now = datetime.now(UTC)
    request = decided.proposal.model_copy(update={"as_of": now, "expires_at": now + timedelta(minutes=10)})
    approvals.ask(request, now)
    return request


@pytest.fixture
def command(context, capsys):
    """Return the command line on the bot's folder: status, output and error."""

    def run(*words):
        status = main([*words, "--userdir", context.user_data_dir])
        out, err = capsys.readouterr()
        return status, out, err

    return run


def status_of(context, request):
    return Proposals(context.database).by_id([request.id])[request.id].status


def test_what_waits_is_listed(command, waiting):
    status, out, _ = command("approvals", "--wide")
    assert status == 0
    row = next(line for line in out.splitlines() if waiting.id[:10] in line)
    cells = [cell.strip() for cell in re.split("  +", row)]
    assert cells[1:5] == ["BTC/USDT:USDT", "long", f"{waiting.price:g}", f"{waiting.stop:g}"]
    assert cells[5].startswith(("9 min", "10 min"))
    terms = f"leverage 3, stake 100, target {waiting.take_profit:g}, risk at the stop {waiting.risk:.4g}"
    assert cells[6].startswith(f"dry_run: {terms}, asked ")
    assert cells[7] == "calm"
    assert waiting.id[:10] not in command("approvals", "--namespace", "live")[1]


@pytest.mark.parametrize("word, status", [("approve", "approved"), ("reject", "rejected")])
@pytest.mark.parametrize("digits", [6, 40])
def test_a_prefix_is_enough_to_answer_once(word, status, digits, command, waiting, context):
    assert command(word, waiting.id[:digits])[0] == 0
    assert status_of(context, waiting) == status
    for again in ("approve", "reject"):
        code, _, err = command(again, waiting.id[:digits])
        assert code == 1 and f"is {status} already" in err
    assert waiting.id[:10] not in command("approvals")[1]


def test_a_reason_is_kept_with_the_rejection(command, waiting, context):
    command("reject", waiting.id, "--reason", NEWS)
    assert Proposals(context.database).by_id([waiting.id])[waiting.id].note == NEWS


def test_a_wrong_id_is_said_and_changes_nothing(command, waiting, context):
    for words, said in [
        (["abcdef0"], "no proposal"),
        ([waiting.id[:5]], "at least 6"),
        ([waiting.id, "--namespace", "live"], "no proposal"),
    ]:
        code, _, err = command("approve", *words)
        assert code == 1 and said in err
    assert status_of(context, waiting) == "pending"


def test_an_expired_question_cannot_be_answered_and_is_not_listed(command, decided, approvals, context):
    request = decided.proposal  # of the candle of the test's market, long ago
    approvals.ask(request, request.as_of)
    code, _, err = command("approve", request.id)
    assert code == 1 and "expired" in err
    assert request.id[:10] not in command("approvals")[1]
    assert status_of(context, request) == "pending"


def test_a_folder_without_a_bot_is_said(tmp_path, capsys):
    assert main(["approvals", "--userdir", str(tmp_path / "nowhere")]) == 1
    assert "--userdir" in capsys.readouterr().err


def test_another_process_answers_without_loading_freqtrade(waiting, context):
    code = (
        "import sys; from candlegraph.freqtrade_bridge.commands.main import main;"
        f"status = main(['approve', {waiting.id[:8]!r}, '--userdir', {context.user_data_dir!r}]);"
        "sys.exit(status or 2 * ('freqtrade' in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60).returncode == 0
    assert status_of(context, waiting) == "approved"
