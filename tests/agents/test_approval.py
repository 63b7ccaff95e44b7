"""Approval: an answer counts for exactly the entry that was asked about, in time and near its price, or for nothing."""

import asyncio
import warnings
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command

from candlegraph.agents.approval import answered, drift_pct, request_of, risk_at_stop
from candlegraph.graph.builder import builder, graph
from candlegraph.graph.context import Context
from candlegraph.graph.schema.signal import TradeSignal
from candlegraph.graph.settings.risk import Approval, RiskManagement
from candlegraph.graph.settings.settings import settings_of
from candlegraph.graph.state import CandleInput, CandleState
from candlegraph.memory.books.approvals import ApprovalAnswer
from candlegraph.tools.risk.gate import Limits

REQUIRED = {"risk_management": {"approval": {"required": True}}}
CHANGES = {
    "namespace": "live",
    "pair": "ETH/USDT:USDT",
    "action": "enter_short",
    "side": "short",
    "leverage": 4.0,
    "stake": 101.0,
    "stop": 1.0,
    "take_profit": None,
    "price": 1.0,
}


@pytest.fixture
def rules():
    return Approval(required=True)


@pytest.fixture
def context():
    return Context(settings=settings_of(REQUIRED), namespace="dry_run")


@pytest.fixture
def signal(make_snapshot):
    price = make_snapshot().price
    return TradeSignal(
        action="enter_long",
        side="long",
        leverage=3,
        stake=100,
        stop=price * 0.98,
        take_profit=price * 1.05,
        confidence=70,
        reason="pull-back",
        source="model",
        warnings=("trend: against 4h",),
    )


@pytest.fixture
def request_made(signal, make_snapshot, context):
    return request_of(signal, make_snapshot(), context)


def verdict_on(request, **changes):
    known = {"id": request.id, "verdict": "approve", "at": request.as_of, "price": request.price}
    return ApprovalAnswer(**known | changes)


def test_an_approved_entry_is_the_same_signal(signal, request_made, rules):
    assert answered(signal, request_made, verdict_on(request_made), rules) is signal


def test_a_rejected_entry_waits_with_the_person_s_reason_and_keeps_no_plan(signal, request_made, rules):
    found = answered(signal, request_made, verdict_on(request_made, verdict="reject", note="news tonight"), rules)
    assert (found.action, found.source) == ("wait", "veto")
    assert "approval.required" in found.reason and "news tonight" in found.reason
    assert {found.side, found.leverage, found.stake, found.stop, found.take_profit} == {None}
    assert (found.confidence, found.warnings) == (signal.confidence, signal.warnings)


@pytest.mark.parametrize("field", [*CHANGES, "candle"])
def test_an_answer_to_anything_else_makes_no_trade(field, signal, request_made, rules):
    value = CHANGES.get(field, request_made.candle - timedelta(minutes=30))
    other = request_made.model_copy(update={field: value})
    assert other.id != request_made.id
    found = answered(signal, request_made, verdict_on(other, price=request_made.price), rules)
    assert found.action == "wait" and "approval.required" in found.reason


@pytest.mark.parametrize("field, value", [("reason", "other words"), ("confidence", 1), ("risk", 5.0)])
def test_words_about_an_entry_do_not_change_its_id(field, value, request_made):
    assert request_made.model_copy(update={field: value}).id == request_made.id


def test_an_id_survives_json(request_made):
    assert type(request_made).model_validate_json(request_made.model_dump_json()).id == request_made.id


@pytest.mark.parametrize("seconds, action", [(-1, "enter_long"), (0, "enter_long"), (0.001, "wait"), (3600, "wait")])
def test_an_approval_counts_until_it_expires(seconds, action, signal, request_made, rules):
    at = request_made.expires_at + timedelta(seconds=seconds)
    found = answered(signal, request_made, verdict_on(request_made, at=at), rules)
    assert found.action == action
    assert ("approval.expires_seconds" in found.reason) == (action == "wait")


@pytest.mark.parametrize("seconds, minutes", [(600, 10), (1800, 30), (7200, 30)])
def test_a_request_expires_with_its_candle_at_the_latest(seconds, minutes, signal, make_snapshot):
    block = {"approval": {"required": True, "expires_seconds": seconds}}
    request = request_of(signal, make_snapshot(), Context(settings=settings_of({"risk_management": block})))
    assert request.expires_at - request.as_of == timedelta(minutes=minutes)


@pytest.mark.parametrize("direction", [1, -1])
@pytest.mark.parametrize("moved, action", [(0.499, "enter_long"), (0.501, "wait")])
def test_a_price_that_moved_too_far_either_way_makes_no_trade(direction, moved, action, signal, request_made, rules):
    price = request_made.price * (1 + direction * moved / 100)
    found = answered(signal, request_made, verdict_on(request_made, price=price), rules)
    assert found.action == action
    assert ("approval.max_drift_pct" in found.reason) == (action == "wait")


PRICES = st.floats(1e-8, 1e8)


@given(PRICES, PRICES, st.floats(-1e6, 1e6), st.sampled_from(["approve", "reject"]), st.booleans())
def test_only_an_approval_in_time_near_the_price_and_of_this_id_trades(
    make_snapshot, proposed, price, seconds, verdict, is_ours
):
    rules = Approval(required=True)
    entry = TradeSignal(
        action="enter_short", side="short", leverage=2, stop=proposed * 1.1, confidence=60, reason="", source="model"
    )
    request = request_of(entry, make_snapshot(), Context()).model_copy(update={"price": proposed})
    at = request.expires_at + timedelta(seconds=seconds)
    given_id = request.id if is_ours else "0" * 40
    found = answered(entry, request, ApprovalAnswer(id=given_id, verdict=verdict, at=at, price=price), rules)
    may = is_ours and verdict == "approve" and at <= request.expires_at
    assert (found is entry) == (may and drift_pct(proposed, price) <= rules.max_drift_pct)
    assert found is entry or (found.action, found.source) == ("wait", "veto")


def test_the_risk_shown_is_the_loss_at_the_stop_with_fees(signal, make_snapshot):
    limits = Limits(rules=RiskManagement(max_risk_per_trade_pct=2))
    assert risk_at_stop(signal, make_snapshot(), limits) == pytest.approx(100 * 3 * (0.02 + 2 * 0.0005))
    open_stake = signal.model_copy(update={"stake": None})
    assert risk_at_stop(open_stake, make_snapshot(), limits) == pytest.approx(200)  # 2 % of 10,000


# -- the graph --------------------------------------------------------------------------------------------------------


@pytest.fixture
def calls(make_snapshot):
    """Return arguments of an entry and of a wait."""
    price = make_snapshot().price
    wait = {
        "pair": "BTC/USDT:USDT",
        "confidence_score": 80,
        "rsi_value": make_snapshot().main.indicators.rsi,
        "reason": "calm",
    }
    entry = wait | {
        "leverage": 3,
        "key_support": price * 0.9,
        "key_resistance": price * 1.2,
        "trend_strength": "strong",
        "stop_loss": price * 0.97,
        "take_profit": price * 1.15,
        "stake_amount": 100,
    }
    return {"signal_entry_long": entry, "signal_wait": wait, "signal_hold": wait}


async def journey(context, snapshot, verdicts):
    """Run to the question and resume with what `verdicts` makes of it; return question and state."""
    saved = builder.compile(checkpointer=InMemorySaver())
    thread = {"configurable": {"thread_id": "1"}}
    values = await saved.ainvoke(CandleInput(snapshot=snapshot), thread, context=context)
    (question,) = values.pop("__interrupt__")
    answer = verdicts(question.value)
    after = await saved.ainvoke(Command(resume=answer), thread, context=context)
    return CandleState.model_validate(values), CandleState.model_validate(after)


@pytest.mark.parametrize(
    "word, action",
    [(True, "enter_long"), ("Yes ", "enter_long"), ("是", "enter_long"), (False, "wait"), ("no", "wait")],
)
def test_a_plain_yes_or_no_answers_as_the_dictionary_does(
    word, action, make_context, make_snapshot, scripted, calling, calls
):
    context = make_context(scripted(calling(("signal_entry_long", calls["signal_entry_long"]))), **REQUIRED)
    asked = []
    _, after = asyncio.run(journey(context, make_snapshot(), lambda question: asked.append(question) or word))
    assert after.signal.action == action and (action != "wait" or "rejected" in after.signal.reason)
    assert "yes or no" in asked[0]["question"]
    assert ApprovalAnswer.model_validate(asked[0]["example"]).id == asked[0]["id"]


def answer_to(question, **changes):
    known = {"id": question["id"], "verdict": "approve", "at": question["as_of"], "price": question["price"]}
    return known | changes


@pytest.mark.parametrize(
    "changes, action, reason",
    [
        ({}, "enter_long", "calm"),
        ({"verdict": "reject"}, "wait", "approval.required"),
        ({"id": "0" * 40}, "wait", "approval.required"),
        ({"at": "2100-01-01T00:00:00Z"}, "wait", "approval.expires_seconds"),
        ({"price": 1.0}, "wait", "approval.max_drift_pct"),
        ({"verdict": "yes, do it"}, "wait", "approval.required"),
        ({"price": float("nan")}, "wait", "approval.required"),
    ],
)
def test_an_entry_is_interrupted_and_the_answer_decides(
    changes, action, reason, make_context, make_snapshot, scripted, calling, calls
):
    model = scripted(calling(("signal_entry_long", calls["signal_entry_long"])))
    context = make_context(model, **REQUIRED)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a value that strict msgpack does not know is a warning
        before, after = asyncio.run(journey(context, make_snapshot(), lambda question: answer_to(question, **changes)))
    assert before.signal.action == "enter_long"
    assert after.signal.action == action and reason in after.signal.reason
    assert action == "wait" or after.signal == before.signal
    assert len(model.seen) == 1  # resuming asks no model again
    assert after.snapshot == before.snapshot and after.facts == before.facts


@pytest.mark.parametrize(
    "name, side, blocks",
    [
        ("signal_entry_long", None, {}),
        ("signal_wait", None, REQUIRED),
        ("signal_hold", "long", REQUIRED),
    ],
)
def test_what_needs_no_approval_passes(name, side, blocks, make_context, make_snapshot, scripted, calling, calls):
    context = make_context(scripted(calling((name, calls[name]))), **blocks)
    values = asyncio.run(graph.ainvoke(CandleInput(snapshot=make_snapshot(side)), context=context))
    assert "__interrupt__" not in values
    assert values["signal"].action == {"signal_entry_long": "enter_long"}.get(name, name.removeprefix("signal_"))
