"""Limits of money and tokens: first fast, then nobody is asked; by the candles' own days; known after a restart."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from candlegraph.graph.schema.calls import CallRecord
from candlegraph.graph.schema.signal import TradeSignal
from candlegraph.graph.settings.llm import Budget
from candlegraph.memory.books.ledger import DecisionRow, Ledger
from candlegraph.memory.books.spending import FREE, Spending

NOON = datetime(2025, 3, 30, 12, tzinfo=UTC)


def call(cost, tokens=10):
    return CallRecord(role="decision", model="m", tokens_in=tokens, tokens_out=0, cost=cost)


def after(costs, **budget):
    spending = Spending(Budget(**budget))
    spending.add(NOON, [call(cost) for cost in costs])
    return spending


@pytest.mark.parametrize("limit", ["run_cost", "daily_cost", "monthly_cost"])
@pytest.mark.parametrize(
    "costs, depth, is_spent",
    [
        ([], None, False),
        ([7.9], None, False),
        ([4, 4], "fast", False),
        ([9.9], "fast", False),
        ([10], "fast", True),
        ([50], "fast", True),
    ],
)
def test_from_the_share_on_the_depth_is_fast_and_at_the_limit_nobody_is_asked(limit, costs, depth, is_spent):
    found = after(costs, **{limit: 10}).at(NOON)
    assert (found.depth, found.spent is not None) == (depth, is_spent)
    assert not is_spent or found.spent.startswith(f"llm_config.budget.{limit}: {sum(costs):g} of 10 spent")


def test_the_share_is_a_setting():
    assert after([5], run_cost=10, degrade_at=0.5).at(NOON).depth == "fast"


def test_tokens_need_no_price():
    spending = Spending(Budget(daily_tokens=100))
    spending.add(NOON, [call(None, tokens=100)])
    assert spending.at(NOON).spent == "llm_config.budget.daily_tokens: 100 of 100 spent"


def test_what_cannot_be_priced_is_counted_apart():
    spending = after([None, None, 1.0], run_cost=10)
    assert (spending.unpriced, spending.at(NOON)) == (2, FREE)


@pytest.mark.parametrize(
    "limit, later, is_spent",
    [
        ("daily_cost", timedelta(hours=11), True),
        ("daily_cost", timedelta(hours=12), False),
        ("monthly_cost", timedelta(hours=35), True),
        ("monthly_cost", timedelta(hours=36), False),
        ("run_cost", timedelta(days=400), True),
    ],
)
def test_days_and_months_are_those_of_the_candles(limit, later, is_spent):
    assert (after([10], **{limit: 10}).at(NOON + later).spent is not None) == is_spent


@given(
    st.lists(st.lists(st.floats(0, 5), max_size=4), max_size=20),
    st.floats(0.1, 20),
    st.sampled_from(["run_cost", "daily_cost", "monthly_cost"]),
)
def test_no_more_is_ever_spent_than_the_limit_and_one_candle(candles, limit, name):
    spending, spent, dearest = Spending(Budget(**{name: limit})), 0.0, 0.0
    for costs in candles:
        if spending.at(NOON).spent is None:
            spending.add(NOON, [call(cost) for cost in costs])
            spent, dearest = spent + sum(costs), max(dearest, sum(costs))
    assert spent <= limit + dearest + 1e-9


def stored_rows(as_of, cost, namespace="live"):
    signal = TradeSignal(action="wait", confidence=50, reason="r", source="model")
    return [
        DecisionRow(
            decision_id=f"{namespace} {as_of}", namespace=namespace, pair="P", candle=as_of - timedelta(minutes=30),
            as_of=as_of, recorded_at=as_of, state="flat", price=1, regime=None, model="m", prompt_version="1",
            prompt_hash="", calls=1, repairs=0, tokens_in=0, tokens_out=0, latency_ms=0, case_ids=(), similarities=(),
            signal=signal, error=None, model_calls=(call(cost),),
        )
    ]  # fmt: skip


def test_a_bot_that_was_started_again_knows_what_it_spent_this_month_and_not_before(path):
    ledger = Ledger(path)
    ledger.append([*stored_rows(NOON, 4.0), *stored_rows(NOON - timedelta(days=2), 3.0)])
    ledger.append([*stored_rows(NOON - timedelta(days=40), 90.0), *stored_rows(NOON, 500.0, namespace="other")])
    spending = Spending.of(Budget(daily_cost=4, monthly_cost=8, run_cost=1), ledger, "live", NOON)
    assert "daily_cost: 4 of 4" in spending.at(NOON).spent
    assert spending.at(NOON + timedelta(days=1)).depth == "fast", "7 of the month's 8"
    assert Spending.of(Budget(run_cost=1), ledger, "live", NOON).at(NOON) == FREE
