"""Fills to memory, with freqtrade's own trades and orders."""

from datetime import UTC, datetime, timedelta

import pytest
from freqtrade.enums import TradingMode
from freqtrade.persistence import LocalTrade, Order
from hypothesis import given, settings
from hypothesis import strategies as st

from candlegraph.freqtrade_bridge.trades.fills import (
    closed_trade_of,
    is_final_exit,
    partial_exit_of,
    realised_by,
    trade_key_of,
)
from candlegraph.freqtrade_bridge.trades.plan import Plan
from candlegraph.graph.schema.signal import TradeSignal

OPENED = datetime(2025, 3, 1, 12, tzinfo=UTC)
LENGTH = timedelta(minutes=30)
FEE, LEVERAGE = 0.0005, 4.0
IDENTITY = {"namespace": "backtest:a", "model": "m", "prompt_version": "1"}


def trade_of(fills, is_short=False):
    """Return freqtrade's trade after fills of (is entry, amount, price, funding fee), in a backtest's way."""
    trade = LocalTrade(
        id=7,
        pair="BTC/USDT:USDT",
        base_currency="BTC",
        stake_currency="USDT",
        is_open=True,
        open_date=OPENED,
        open_rate=fills[0][2],
        amount=fills[0][1],
        stake_amount=fills[0][1] * fills[0][2] / LEVERAGE,
        max_stake_amount=fills[0][1] * fills[0][2] / LEVERAGE,
        fee_open=FEE,
        fee_close=FEE,
        leverage=LEVERAGE,
        is_short=is_short,
        trading_mode=TradingMode.FUTURES,
        exchange="binance",
        orders=[],
    )
    for number, (is_entry, amount, price, funding) in enumerate(fills):
        side = trade.entry_side if is_entry else trade.exit_side
        order = Order(
            id=number,
            ft_trade_id=7,
            ft_is_open=False,
            ft_order_side=side,
            ft_pair=trade.pair,
            ft_amount=amount,
            ft_price=price,
            ft_order_tag="graph_add" if is_entry else "graph_reduce",
            order_id=str(number),
            side=side,
            status="closed",
            amount=amount,
            filled=amount,
            remaining=0,
            price=price,
            average=price,
            funding_fee=funding,
            order_date=OPENED,
            order_filled_date=OPENED + number * LENGTH,
        )
        trade.orders.append(order)
        trade.recalc_trade_from_orders()
    return trade


def closed(fills=((True, 1, 100, 0), (False, 1, 110, 0)), *, reason="graph_exit", now=None, live=False, **changes):
    trade = trade_of(list(fills))
    trade.orders[-1].ft_order_tag = reason
    if live:
        trade.close(fills[-1][2])
    plan = Plan(side="long", stop=95, initial_stop=95, reason="r", confidence=50, decision_id="d")
    known = {
        "extremes": (112, 97),
        "now": now or OPENED + 2 * LENGTH,
        "length": LENGTH,
        "is_backtest": not live,
        "judged": None,
        "risk_pct": None,
        "beside": 2,
        "identity": IDENTITY,
    }
    return closed_trade_of(trade, trade.orders[-1], plan, **known | changes)


REASONS = [  # reason, inside its candle, liquidated, by the end of the data
    ("graph_exit", False, False, False),
    ("graph_stop_missing", False, False, False),
    ("graph_stop_passed", False, False, False),
    ("emergency_stop", False, False, False),
    ("stop_loss", True, False, False),
    ("trailing_stop_loss", True, False, False),
    ("stoploss_on_exchange", True, False, False),
    ("roi", True, False, False),
    ("liquidation", True, True, False),
    ("force_exit", False, False, True),
    ("emergency_exit", False, False, False),
]


@pytest.mark.parametrize(("reason", "inside", "liquidated", "forced"), REASONS)
def test_every_exit_becomes_a_closed_trade(reason, inside, liquidated, forced):
    now = OPENED + 2 * LENGTH
    back = closed(reason=reason)
    assert (back.exit_reason, back.liquidated, back.forced) == (reason, liquidated, forced)
    assert back.known_at == (now + LENGTH - timedelta(microseconds=1) if inside else now)
    live = closed(reason=reason, live=True)
    assert (live.exit_reason, live.liquidated, live.known_at) == (reason, liquidated, now)
    assert not live.forced  # a person's force exit teaches as any other
    assert back.profit_pct == pytest.approx(live.profit_pct)


def test_the_exit_price_joins_the_extremes_net_of_fees():
    one = closed(extremes=(105, 97))
    assert one.mfe_pct == pytest.approx(one.profit_pct) and one.profit_pct < 40
    assert closed(extremes=(112, 97)).mfe_pct > one.mfe_pct
    assert one.mae_pct < 100 * LEVERAGE * (97 / 100 - 1)


def test_one_trade_with_its_adds_and_reductions_as_events():
    fills = [(True, 1, 100, 0), (True, 1, 104, 0), (False, 1, 110, -0.5), (False, 1, 108, 0)]
    one = closed(fills)
    fees = FEE * (102 + 110)
    assert one.events == ("graph_add at 104", f"graph_reduce at 110, realised {8 - fees - 0.5:+.6g}")
    rest = 108 - 102 - FEE * (102 + 108)
    assert one.profit_abs == pytest.approx(8 - fees - 0.5 + rest)


def test_additions_are_kept_by_time_and_share_of_what_was_open():
    fills = [(True, 1, 100, 0), (True, 1, 104, 0), (False, 1, 110, 0), (True, 0.5, 109, 0), (False, 1.5, 108, 0)]
    told = [(one.after_minutes, one.share) for one in closed(fills).additions]
    assert told == [(30, pytest.approx(1)), (90, pytest.approx(0.5))]
    assert closed().additions == ()


def test_what_the_model_says_of_its_trade_at_the_exit_is_kept_apart():
    judged = TradeSignal(
        action="exit", confidence=70, reason="wrong: too early", source="model", trade_score=61, trade_id=7
    )
    one = closed(judged=judged)
    assert (one.model_score, one.self_evaluation, one.entry_reason) == (61, "wrong: too early", "r")
    assert (closed().model_score, closed().self_evaluation) == (None, "")


def test_only_the_last_exit_closes_a_trade():
    part = trade_of([(True, 2, 100, 0), (False, 1, 110, 0)])
    assert not is_final_exit(part, part.orders[0], is_backtest=True)
    part.amount = 2  # a backtest asks before it has taken the order off
    assert not is_final_exit(part, part.orders[1], is_backtest=True)
    part.amount = 1
    assert is_final_exit(part, part.orders[1], is_backtest=True)


def test_the_key_tells_trades_apart():
    one, other = trade_of([(True, 1, 100, 0)]), trade_of([(True, 1, 100, 0)])
    assert trade_key_of(one) == trade_key_of(other) == "BTC/USDT:USDT|2025-03-01T12:00:00+00:00|7"
    other.id = 8
    assert trade_key_of(one) != trade_key_of(other)


PRICES = st.floats(50, 150)
FUNDING = st.floats(-2, 2)


@st.composite
def fills(draw):
    """Return an entry, adds and reductions in any order, and the exit of the rest; amounts are whole."""
    found, held = [(True, draw(st.integers(2, 6)), draw(PRICES), 0.0)], 0
    held = found[0][1]
    for _ in range(draw(st.integers(0, 4))):
        is_add = held < 2 or draw(st.booleans())
        size = draw(st.integers(1, 4)) if is_add else draw(st.integers(1, held - 1))
        held += size if is_add else -size
        found.append((is_add, size, draw(PRICES), draw(FUNDING)))
    return [*found, (False, held, draw(PRICES), draw(FUNDING))]


@given(fills(), st.booleans())
@settings(max_examples=80, deadline=None)
def test_what_the_exits_realised_sums_up_to_freqtrades_own_profit(steps, is_short):
    trade = trade_of(steps, is_short)
    exits = [order for order in trade.orders if order.ft_order_side == trade.exit_side]
    trade.recalc_trade_from_orders(is_closing=True)
    assert sum(realised_by(trade, order) for order in exits) == pytest.approx(trade.close_profit_abs, abs=1e-6)


@pytest.mark.parametrize("is_backtest", [True, False])
@pytest.mark.parametrize("is_short", [True, False])
def test_a_partial_exit_is_the_same_lesson_live_and_in_a_backtest(is_backtest, is_short):
    sign = -1 if is_short else 1
    trade = trade_of([(True, 4, 100, 0), (False, 1, 100 + 10 * sign, 0.5)], is_short)
    if is_backtest:
        trade.amount += 1  # freqtrade's backtester counts the order after the callback
    plan = Plan(side="long", stop=95, initial_stop=95, reason="r", confidence=50, decision_id="d")
    part = partial_exit_of(
        trade, trade.orders[-1], plan, now=OPENED + LENGTH, is_backtest=is_backtest, namespace="live"
    )
    assert part.share == pytest.approx(0.25)
    fees = FEE * (100 + 100 + 10 * sign)
    assert part.profit_pct == pytest.approx(LEVERAGE * (10 - fees + 0.5))  # of a margin of 100 / LEVERAGE
    assert (part.known_at, part.reason, part.exit_price) == (OPENED + LENGTH, "graph_reduce", 100 + 10 * sign)
    assert part.key == f"{trade_key_of(trade)}|part 1"
