"""The account's arithmetic along the clock, without HTTP between."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from markets import drawn, scaled

from candlegraph.freqtrade_bridge.loopback.account.books import Books
from candlegraph.freqtrade_bridge.loopback.account.matching import advance
from candlegraph.freqtrade_bridge.loopback.account.orders import AlgoRequest, OrderRequest, Partial
from candlegraph.freqtrade_bridge.loopback.account.placing import cancel, close_by_hand, place, place_algo
from candlegraph.freqtrade_bridge.loopback.account.refusals import Refused
from candlegraph.graph.schema.errors import CandleError

SYMBOL = "BTCUSDT"
UP_AND_DOWN = {"2025-11-20 00:00": 100_000.0, "2025-11-20 12:00": 112_000.0, "2025-11-20 23:00": 90_000.0}
"""1,000 up an hour until noon, then 2,000 down an hour."""
MakeBooks = Callable[..., Books]


def order(side: str, quantity: str, **more: Any) -> OrderRequest:
    return OrderRequest.model_validate({"symbol": SYMBOL, "side": side, "type": "MARKET", "quantity": quantity} | more)


def stop(side: str, quantity: str, trigger: str, **more: Any) -> AlgoRequest:
    known = {"symbol": SYMBOL, "side": side, "type": "STOP_MARKET", "quantity": quantity, "triggerPrice": trigger}
    return AlgoRequest.model_validate(known | {"reduceOnly": True} | more)


def ms(clock: str) -> int:
    return pd.Timestamp(f"2025-11-20 {clock}", tz="UTC").value // 10**6


def go(books: Books, clock: str) -> None:
    books.clock.move(f"2025-11-20 {clock}")  # type: ignore[attr-defined]
    advance(books)


def marked(factor: float) -> Any:
    series = drawn(UP_AND_DOWN)
    return scaled(series, np.full(len(series.time), factor))


def test_a_resting_order_is_filled_as_maker_at_its_price_when_the_path_crosses_it(make_books: MakeBooks) -> None:
    books = make_books()
    made = place(books, order("BUY", "0.01", type="LIMIT", price="95000"))
    assert books.available == 10_000 - Decimal("0.01") * 95_000 / 20
    go(books, "20:19")
    assert books.orders[made.id].status == "NEW"
    go(books, "22:00")
    (fill,) = books.fills
    assert (fill.price, fill.is_maker, fill.fee) == (95_000, True, Decimal("0.19"))
    assert abs(fill.at - ms("20:20")) < 1000  # the third leg of its candle begins


def test_the_rest_of_a_partly_filled_order_waits_and_can_be_cancelled(make_books: MakeBooks) -> None:
    books = make_books()
    request = order("BUY", "0.01", type="LIMIT", price="95000")
    patient, cancelled = (place(books, request, Partial(ratio=Decimal("0.3"), rest_seconds=3600)) for _ in "ab")
    go(books, "20:30")
    assert books.orders[patient.id].status == "PARTIALLY_FILLED"
    assert cancel(books, books.orders[cancelled.id]).filled == Decimal("0.003")
    go(books, "21:30")
    assert books.orders[patient.id].status == "FILLED"
    assert [(fill.quantity, fill.at) for fill in books.fills][2:] == [(Decimal("0.007"), books.fills[0].at + 3_600_000)]


@pytest.mark.parametrize(("working", "fired"), [("CONTRACT_PRICE", "18:20"), ("MARK_PRICE", "18:50")])
def test_a_stop_fires_at_the_price_that_it_watches(make_books: MakeBooks, working: str, fired: str) -> None:
    books = make_books(mark=marked(1.01))
    place(books, order("BUY", "0.01"))
    made = place_algo(books, stop("SELL", "0.01", "99000", workingType=working))
    go(books, "20:00")
    algo = books.algos[made.id]
    assert algo.status == "FINISHED" and algo.order_id is not None and not books.positions
    assert abs(algo.triggered_at - ms(fired)) < 120_000
    price = books.markets[SYMBOL].series.price(algo.triggered_at)
    assert abs(books.orders[algo.order_id].average - Decimal(price)) < 20  # at the bid


def test_a_stop_closes_what_is_there_and_never_opens_the_other_side(make_books: MakeBooks) -> None:
    books = make_books()
    place(books, order("BUY", "0.01"))
    first = place_algo(books, stop("SELL", "0.05", "99500"))
    second = place_algo(books, stop("SELL", "0.01", "99000"))
    go(books, "22:00")
    assert not books.positions
    assert books.orders[books.algos[first.id].order_id or 0].filled == Decimal("0.01")
    assert books.algos[second.id].status == "REJECTED"


def test_what_a_person_closes_leaves_its_stops(make_books: MakeBooks) -> None:
    books = make_books()
    place(books, order("BUY", "0.01"))
    made = place_algo(books, stop("SELL", "0.01", "99000"))
    close_by_hand(books, SYMBOL)
    assert not books.positions and books.algos[made.id].is_open


def test_an_order_through_the_position_closes_it_and_opens_the_other_side(make_books: MakeBooks) -> None:
    books = make_books()
    place(books, order("BUY", "0.01"))
    go(books, "05:00")
    place(books, order("SELL", "0.03"))
    position = books.position(SYMBOL)
    assert (position.amount, position.entry) == (Decimal("-0.02"), 104_990)
    assert [row.amount for row in books.income if row.kind == "REALIZED_PNL"] == [Decimal("0.01") * (104_990 - 100_010)]


@pytest.mark.parametrize(("factor", "hour"), [(1.0, 14), (0.97, 12)])
def test_a_liquidation_follows_the_mark_price_and_costs_the_whole_margin(
    make_books: MakeBooks, factor: float, hour: int
) -> None:
    books = make_books(mark=marked(factor))
    go(books, "12:00")
    place(books, order("BUY", "0.1"))
    margin, fee = books.position(SYMBOL).margin, books.fills[0].fee
    go(books, "22:00")
    (liquidated,) = books.fills[1:]
    assert not books.positions and ms(f"{hour}:00") < liquidated.at < ms(f"{hour + 1}:00")
    assert books.orders[liquidated.order_id].client_id.startswith("autoclose-")
    assert books.wallet == 10_000 - fee - margin - sum(-row.amount for row in books.income if row.kind == "FUNDING_FEE")


def test_funding_is_paid_at_the_rates_of_the_data_on_the_mark_price(make_books: MakeBooks) -> None:
    books = make_books(mark=marked(1.001), funding={ms("08:00"): 0.0003, ms("16:00"): -0.0001})
    books.set_leverage(SYMBOL, 5)
    place(books, order("SELL", "0.01"))
    go(books, "17:00")
    paid = [(row.at, row.amount) for row in books.income if row.kind == "FUNDING_FEE"]
    assert paid == [
        (ms("08:00"), Decimal("0.01") * Decimal("108108") * Decimal("0.0003")),
        (ms("16:00"), -Decimal("0.01") * Decimal("104104") * Decimal("0.0001")),
    ]


def test_a_funding_rate_that_the_data_do_not_have_is_no_zero(make_books: MakeBooks) -> None:
    books = make_books(funding={ms("16:00"): 0.0001})
    place(books, order("BUY", "0.01"))
    with pytest.raises(CandleError, match="no funding rate at"):
        go(books, "09:00")


DEEDS = st.tuples(st.sampled_from(["buy", "sell", "limit", "stop", "close"]), st.integers(1, 900), st.integers(0, 120))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(deeds=st.lists(DEEDS, max_size=20))
@example(deeds=[("sell", 1, 0), ("sell", 697, 0), ("sell", 900, 0), ("limit", 774, 0)])
def test_whatever_is_done_the_wallet_is_the_sum_of_its_incomes_and_the_position_that_of_its_fills(
    make_books: MakeBooks, clock: Any, deeds: list[tuple[str, int, int]]
) -> None:
    clock.move("2025-11-20 00:00")
    books, minute = make_books(), 0
    for deed, size, wait in deeds:
        minute = min(minute + wait, 22 * 60)
        go(books, f"{minute // 60:02d}:{minute % 60:02d}")
        try:
            do(books, deed, Decimal(size) / 1000)
        except Refused:
            continue
    go(books, "22:59")
    signed = sum(fill.quantity * (1 if fill.side == "BUY" else -1) for fill in books.fills)
    assert books.position(SYMBOL).amount == signed
    assert books.wallet == sum(row.amount for row in books.income)
    assert books.wallet == 10_000 + sum(fill.profit - fill.fee for fill in books.fills) + sum(
        row.amount for row in books.income if row.kind in ("FUNDING_FEE", "INSURANCE_CLEAR")
    )
    assert books.position(SYMBOL).margin >= 0 and books.wallet >= 0


def do(books: Books, deed: str, size: Decimal) -> None:
    price = round(books.last_price(SYMBOL, books.clock.now()))
    if deed in ("buy", "sell"):
        place(books, order(deed.upper(), str(size)))
    elif deed == "limit":
        place(books, order("BUY", str(size), type="LIMIT", price=str(price - 500)), Partial(ratio=Decimal("0.5")))
    elif deed == "stop":
        place_algo(books, stop("SELL", str(size), str(price - 700)))
    elif books.positions:
        close_by_hand(books, SYMBOL)
