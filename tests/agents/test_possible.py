"""What cannot be done now: no model is asked in vain, and a function without effect is not offered."""

from datetime import timedelta

import pytest

from candlegraph.freqtrade_bridge.decisions.runner import Runner
from candlegraph.graph.schema.market import Account, Lock, OrderLimits
from candlegraph.memory.books.spending import Allowance

PAIR = "BTC/USDT:USDT"
MEMORY = {"query_rag_stats", "cleanup_rag_history"}
ENTRIES = {"signal_entry_long", "signal_entry_short"}


def account(**changes):
    return Account(**{"equity": 1000, "free": 1000, "open_positions": 0} | changes)


def lock(as_of, side="*", candles=3):
    return Lock(side=side, name="Cooldown", until=as_of + candles * timedelta(minutes=30))


WAIT = ("signal_wait", {"pair": PAIR, "confidence_score": 60, "reason": "calm"})
HOLD = ("signal_hold", {"pair": PAIR, "confidence_score": 60, "reason": "calm"})


def adjusting(snapshot, pct):
    levels = {"key_support": snapshot.price * 0.9, "key_resistance": snapshot.price * 1.1}
    return "adjust_position", {"pair": PAIR, "adjustment_pct": pct, "confidence_score": 80, "reason": "x"} | levels


def entering(snapshot, **changes):
    rsi = snapshot.main.indicators.rsi
    levels = {"key_support": snapshot.price * 0.9, "key_resistance": snapshot.price * 1.1, "trend_strength": "weak"}
    size = {"leverage": 2, "stake_amount": 40, "stop_loss": snapshot.price * 0.97}
    known = {"pair": PAIR, "confidence_score": 80, "reason": "x", "rsi_value": rsi}
    return "signal_entry_long", known | levels | size | changes


@pytest.fixture
def decided(make_context, scripted, calling):
    """Return signal, what the model was offered (None: not asked) and what it read."""

    def go(snapshot, call, **blocks):
        model = scripted(calling(call))
        outcome = Runner(make_context(model, **blocks)).decide({PAIR: snapshot}, None)[PAIR]
        assert outcome.error is None, repr(outcome.error)
        offered = set(model.offered[0]) - MEMORY if model.offered else None
        return outcome.state.signal, offered, model.seen[0][1].content if model.seen else ""

    return go


@pytest.mark.parametrize(
    "changes, source, why",
    [
        ({"account": account(halted="stopped")}, "halted", "emergency_stop_loss: stopped"),
        ({"account": account(day_profit_pct=-50)}, "halted", "max_daily_loss_pct"),
        ({"paused": "a person said so"}, "paused", "a person said so"),
        ({"locks": "both"}, "locked", "Cooldown: freqtrade has locked the pair, until 2025-04-05 14:30 UTC"),
        ({"locks": "each"}, "locked", "Cooldown"),
        ({"account": account(open_positions=5)}, "triage", "max_open_trades: 5 of 5 slots in use"),
        ({"limits": OrderLimits(min_entry=1e6)}, "triage", "below the minimum 1e+06"),
        ({"account": account(free=0)}, "triage", "free"),
    ],
)
def test_a_flat_pair_that_nothing_can_be_opened_for_asks_no_model(decided, make_snapshot, as_of, changes, source, why):
    sides = {"both": (lock(as_of),), "each": (lock(as_of, "long"), lock(as_of, "short"))}
    changes = {name: sides[value] if name == "locks" else value for name, value in changes.items()}
    signal, offered, _ = decided(make_snapshot().model_copy(update=changes), WAIT)
    assert offered is None
    assert (signal.action, signal.source) == ("wait", source)
    assert why in signal.reason


def test_a_spent_budget_hides_no_lock(make_snapshot, make_context, scripted, calling, as_of):
    model = scripted(calling(WAIT))
    runner = Runner(make_context(model))
    locked = make_snapshot().model_copy(update={"locks": (lock(as_of),)})
    outcome = runner.decide({PAIR: locked}, None, Allowance(spent="budget"))[PAIR]
    assert outcome.state.signal.source == "locked"


@pytest.mark.parametrize("side, gone", [("long", "signal_entry_long"), ("short", "signal_entry_short")])
def test_locked_on_one_side_that_entry_is_not_offered_and_the_facts_say_so(decided, make_snapshot, as_of, side, gone):
    locked = make_snapshot().model_copy(update={"locks": (lock(as_of, side),)})
    signal, offered, read = decided(locked, WAIT)
    assert signal.source == "model"
    assert offered == ENTRIES - {gone} | {"signal_wait"}
    assert f"\nclosed.enter_{side}: locked for 3 candles\n" in read


def test_where_everything_can_be_done_nothing_is_said(decided, make_snapshot):
    _, offered, read = decided(make_snapshot(), WAIT)
    assert offered == ENTRIES | {"signal_wait"}
    assert "closed" not in read


def test_a_call_of_what_was_not_offered_is_sent_back(decided, make_snapshot, as_of):
    snapshot = make_snapshot()
    locked = snapshot.model_copy(update={"locks": (lock(as_of, "long"),)})
    signal, _, _ = decided(locked, entering(snapshot), llm_config={"decision": {"max_repairs": 0}})
    assert (signal.action, signal.source) == ("wait", "fallback")
    assert "signal_entry_long is not allowed now" in signal.reason


@pytest.mark.parametrize(
    "least, profit, closed, adjusts",
    [
        (0, 2, {}, True),
        (500, 2, {"reduce": "above 80 %"}, True),
        (500, -2, {"reduce": "above 80 %", "add": "allow_add_to_loser"}, True),
        (2600, 2, {"reduce": "exchange_minimum"}, True),
        (2600, -2, {"reduce": "exchange_minimum", "add": "allow_add_to_loser"}, False),
    ],
)
def test_adjusting_is_offered_while_one_of_its_directions_is_open(
    decided, make_snapshot, least, profit, closed, adjusts
):
    held = make_snapshot("long", profit_pct=profit).model_copy(update={"limits": OrderLimits(min_left=least)})
    _, offered, read = decided(held, HOLD)
    assert ("adjust_position" in offered) == adjusts
    assert {line for line in read.splitlines() if line.startswith("closed.")} == {
        f"closed.{name}: {told}" for name, told in closed.items()
    }


def test_a_reduction_that_leaves_too_little_is_refused_by_the_reviewer(decided, make_snapshot):
    held = make_snapshot("long").model_copy(update={"limits": OrderLimits(min_left=500)})
    signal, _, _ = decided(held, adjusting(held, -90.0))
    assert (signal.action, signal.source, signal.refusal.door) == ("hold", "veto", "exchange_minimum")
    assert signal.reason == "reduction refused: 251.256 USDT would remain, the exchange's minimum is 500"
    assert (signal.wanted.action, signal.wanted.adjustment_pct) == ("adjust", -90)
    assert decided(held, adjusting(held, -79.0))[0].adjustment_pct == -79


@pytest.mark.parametrize("stake, is_taken", [(40, True), (24, False)])
def test_an_entry_below_the_minimum_is_refused_by_the_reviewer(decided, make_snapshot, stake, is_taken):
    flat = make_snapshot().model_copy(update={"limits": OrderLimits(min_entry=50), "account": account()})
    signal, _, _ = decided(flat, entering(flat, stake_amount=stake))
    assert signal.acts == is_taken
    if not is_taken:
        assert signal.refusal.door == "exchange_minimum"
        assert "stake 24 is below the minimum 25" in signal.reason


@pytest.mark.parametrize("least, is_taken", [(500, True), (2500, False)])
def test_a_stake_that_freqtrade_will_propose_is_refused_only_where_no_proposal_can_pass(
    decided, make_snapshot, least, is_taken
):
    flat = make_snapshot().model_copy(update={"limits": OrderLimits(min_entry=least), "account": account()})
    open_stake = {name: value for name, value in entering(flat)[1].items() if name != "stake_amount"}
    assert decided(flat, ("signal_entry_long", open_stake))[0].acts == is_taken


def test_an_entry_above_what_the_exchange_takes_is_lowered_by_the_reviewer(decided, make_snapshot):
    flat = make_snapshot().model_copy(update={"limits": OrderLimits(max_order=60), "account": account()})
    signal, _, _ = decided(flat, entering(flat, stake_amount=40))
    assert (signal.stake, [clamp.key for clamp in signal.clamps]) == (30, ["exchange"])
