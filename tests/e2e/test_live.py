"""Stock freqtrade with `"dry_run": false` on the loopback account: it books what the exchange booked, to the cent."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import backtests
import pytest
from freqtrade.persistence import Trade
from markets import drawn
from virtual_live import WALLET, VirtualLive

from candlegraph.freqtrade_bridge.loopback.markets import market_of

BTC = "BTC/USDT:USDT"
START = datetime(2025, 11, 20, 6, 0, 2, tzinfo=UTC)
PRICES = {
    "2025-11-20 06:00": 100_000.0,
    "2025-11-20 07:00": 101_000.0,
    "2025-11-20 09:30": 102_000.0,
    "2025-11-20 10:30": 101_500.0,
    "2025-11-20 12:00": 104_500.0,
    "2025-11-20 14:00": 104_500.0,
}
TIMETABLE = {
    "signals": {
        "2025-11-20 06:30": "enter_long",
        "2025-11-20 09:30": "exit_long",
        "2025-11-20 10:30": "enter_short",
    },
    "changes": {"2025-11-20 07:15": 500.0, "2025-11-20 08:15": -600.0},
    "stops": {"2025-11-20 07:45": 100_100.0, "2025-11-20 10:00": 103_000.0},
}


def live(loop_seconds=900, **timetable):
    config = {"strategy": "TimetableStrategy", "strategy_path": str(backtests.TEST_STRATEGIES)}
    config |= {"timetable": {BTC: timetable or TIMETABLE}, "max_open_trades": 1}
    return VirtualLive(config, [market_of(BTC, drawn(PRICES))], START, loop_seconds=loop_seconds)


def fills_of(books, order):
    """Return what the exchange filled of freqtrade's order: a stop was filled through the order that it became."""
    number = int(order.order_id)
    number = books.algos[number].order_id if number in books.algos else number
    done = [fill for fill in books.fills if fill.order_id == number]
    return sum(fill.quantity for fill in done), [fill.price for fill in done]


def test_what_freqtrade_books_is_what_the_exchange_booked_to_the_cent():
    with live() as run:
        run.run_until(START + timedelta(hours=3, minutes=15))
        assert run.books.summary()["stops"] == ["BTCUSDT SELL 0.0446 @ 100100"]
        run.run_until(START + timedelta(hours=7))
        books, (long, short) = run.books, Trade.get_trades().all()
        assert (long.exit_reason, short.exit_reason) == ("exit_signal", "stoploss_on_exchange")
        assert [order.ft_order_side for order in long.orders if order.filled] == ["buy", "buy", "sell", "sell"]
        for order in (*long.orders, *short.orders):
            quantity, prices = fills_of(books, order)
            assert Decimal(str(order.filled)) == quantity
            assert not prices or prices == [Decimal(str(order.average))]
        (funding,) = [row.amount for row in books.income if row.kind == "FUNDING_FEE"]
        assert Decimal(str(long.funding_fees)) == funding < 0
        booked = sum(Decimal(str(trade.close_profit_abs)) for trade in (long, short))
        assert abs(books.wallet - WALLET - booked) < Decimal("0.00001")
        assert books.wallet == sum(row.amount for row in books.income)
        assert not books.positions and not books.summary()["stops"]
        assert not run.exchange.public.state.unknown


def test_the_account_can_be_looked_at_whole_with_one_request_per_kind_through_freqtrades_exchange():
    with live() as run:
        run.run_until(START + timedelta(minutes=46))
        exchange, before = run.bot.exchange, len(run.exchange.log)
        (position,) = exchange.fetch_positions()
        stops = exchange._api.fetch_open_orders(BTC, params={"trigger": True})
        orders = exchange._api.fetch_open_orders(BTC)
        (row,) = exchange._api.fapiPrivateGetOpenAlgoOrders({})
        assert [one.endpoint for one in run.exchange.log[before:]] == [
            "GET /fapi/v3/positionRisk",
            "GET /fapi/v1/openAlgoOrders",
            "GET /fapi/v1/openOrders",
            "GET /fapi/v1/openAlgoOrders",
        ]
        assert (position["symbol"], position["side"], position["contracts"]) == (BTC, "long", 0.0298)
        assert position["liquidationPrice"] < stops[0]["triggerPrice"] < position["entryPrice"]
        assert [(one["side"], one["amount"], one["reduceOnly"]) for one in stops] == [("sell", 0.0298, True)]
        assert (str(row["algoId"]), orders) == (stops[0]["id"], [])  # ccxt reads ids as text


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_the_exchange_outlives_the_bot_and_the_next_bot_takes_its_trade_up(end):
    with live() as run:
        run.run_until(START + timedelta(minutes=46))
        before = run.books.summary()
        getattr(run, end)()
        run.begin()
        run.step()
        assert run.books.summary() == before
        assert len(before["positions"]) == len(before["stops"]) == len(Trade.get_open_trades()) == 1
