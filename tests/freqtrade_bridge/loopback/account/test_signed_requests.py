"""The door over TLS as ccxt sees it: its error classes are those that freqtrade branches on."""

from collections.abc import Callable
from typing import Any

import ccxt
import pytest

from candlegraph.freqtrade_bridge.loopback.account.faults import (
    Endpoint,
    Late,
    Partial,
    PartlyFilled,
    PlannedFault,
    PlannedRefusal,
    Throttled,
    Unanswered,
)
from candlegraph.freqtrade_bridge.loopback.account.refusals import Code
from candlegraph.freqtrade_bridge.loopback.account.server import AccountExchange

BTC = "BTC/USDT:USDT"
POST: Endpoint = "POST /fapi/v1/order"
# ccxt warns of things of its own
pytestmark = pytest.mark.filterwarnings("ignore::Warning", "error::Warning:candlegraph")
Plan = Callable[..., None]


def buy(client: Any, amount: float = 0.01, **params: Any) -> Any:
    return client.create_order(BTC, "market", "buy", amount, None, params)


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (-1007, ccxt.RequestTimeout),
        (-1021, ccxt.InvalidNonce),
        (-1022, ccxt.AuthenticationError),
        (-2011, ccxt.OrderNotFound),
        (-2013, ccxt.OrderNotFound),
        (-2019, ccxt.InsufficientFunds),
        (-2021, ccxt.OrderImmediatelyFillable),
        (-2022, ccxt.InvalidOrder),
        (-2027, ccxt.OperationRejected),
        (-4120, ccxt.InvalidOrder),
        (-4131, ccxt.OperationRejected),
        (-4164, ccxt.InvalidOrder),
    ],
)
def test_a_refusal_has_the_class_that_ccxt_gives_it_at_the_real_exchange(
    client: Any, exchange: AccountExchange, planned: Plan, code: Code, error: type[Exception]
) -> None:
    planned(PlannedFault(endpoint=POST, what=PlannedRefusal(code=code)))
    before = exchange.books.summary()
    with pytest.raises(error) as raised:
        buy(client)
    assert raised.type is error and str(code) in str(raised.value)
    assert exchange.books.summary() == before


@pytest.mark.parametrize("has_acted", [True, False])
@pytest.mark.parametrize(
    ("status", "error"),
    [
        (0, ccxt.NetworkError),
        (408, ccxt.RequestTimeout),
        (500, ccxt.ExchangeNotAvailable),
        (502, ccxt.ExchangeNotAvailable),
        (503, ccxt.ExchangeNotAvailable),
        (504, ccxt.RequestTimeout),
    ],
)
def test_an_answer_may_be_lost_after_or_without_the_deed(
    client: Any, exchange: AccountExchange, planned: Plan, status: Any, error: type[Exception], has_acted: bool
) -> None:
    planned(PlannedFault(endpoint=POST, what=Unanswered(status=status, has_acted=has_acted)))
    held = exchange.books.position("BTCUSDT").amount
    with pytest.raises(ccxt.NetworkError) as raised:
        buy(client, 0.001)
    assert raised.type is error
    assert (exchange.books.position("BTCUSDT").amount - held != 0) is has_acted
    assert exchange.log[-1].status == status


@pytest.mark.parametrize("status", [418, 429])
def test_too_many_requests_say_when_to_come_back(client: Any, planned: Plan, status: Any) -> None:
    planned(PlannedFault(endpoint="GET /fapi/v3/account", what=Throttled(status=status, retry_after_seconds=7)))
    with pytest.raises(ccxt.DDoSProtection, match=str(status)):
        client.fetch_balance()
    assert client.last_response_headers["Retry-After"] == "7"


def test_a_fault_happens_to_its_calls_of_its_endpoint_and_to_no_others(client: Any, planned: Plan) -> None:
    planned(PlannedFault(endpoint="GET /fapi/v3/positionRisk", nth=2, times=2, what=PlannedRefusal(code=-1021)))
    seen = []
    for _ in range(5):
        client.fetch_balance()
        try:
            client.fetch_positions()
            seen.append("answered")
        except ccxt.InvalidNonce:
            seen.append("refused")
    assert seen == ["answered", "refused", "refused", "answered", "answered"]


def test_an_order_may_be_found_by_its_own_and_by_the_clients_number_once_it_is_visible(
    client: Any, planned: Plan
) -> None:
    made = buy(client, 0.001, newClientOrderId="mine-1")
    assert client.fetch_order(made["id"], BTC)["clientOrderId"] == "mine-1"
    assert client.fetch_order("", BTC, {"clientOrderId": "mine-1"})["id"] == made["id"]
    planned(PlannedFault(endpoint="GET /fapi/v1/order", what=Late(seconds=5)))
    with pytest.raises(ccxt.OrderNotFound):
        client.fetch_order(made["id"], BTC)
    assert client.fetch_order(made["id"], BTC)["status"] == "closed"


def test_a_market_order_that_is_filled_in_part_expires_with_the_rest(client: Any, planned: Plan) -> None:
    planned(PlannedFault(endpoint=POST, what=PartlyFilled(partial=Partial(ratio="0.25"))))
    made = buy(client, 0.004)
    assert (made["filled"], made["remaining"], made["status"]) == (0.001, 0.003, "expired")


@pytest.mark.parametrize(
    ("code", "order"),
    [
        (-1102, {"quantity": "-1"}),
        (-1102, {"type": "LIMIT"}),
        (-1111, {"quantity": "0.00001"}),
        (-1121, {"symbol": "NOPEUSDT"}),
        (-2019, {"quantity": "3"}),
        (-2022, {"side": "BUY", "reduceOnly": "true"}),
        (-4120, {"type": "STOP_MARKET", "triggerPrice": "90000"}),
        (-4164, {"type": "LIMIT", "price": "40000", "quantity": "0.0001"}),
    ],
)
def test_an_order_against_a_rule_is_refused(client: Any, code: int, order: dict[str, str]) -> None:
    buy(client, 0.001)
    known = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.001"}
    with pytest.raises(ccxt.BaseError, match=f'"code":{code},'):
        client.fapiPrivatePostOrder(known | order)


@pytest.mark.parametrize(
    ("code", "endpoint", "asked"),
    [
        (-1116, "PostAlgoOrder", {"type": "TAKE_PROFIT_MARKET"}),
        (-2021, "PostAlgoOrder", {"triggerPrice": "100001"}),
        (-2011, "DeleteOrder", {"orderId": "1"}),
        (-2011, "DeleteAlgoOrder", {"algoId": "1"}),
        (-2013, "GetOrder", {"orderId": "1"}),
        (-2013, "GetAlgoOrder", {"algoId": "1"}),
        (-4028, "PostLeverage", {"leverage": "500"}),
        (-4048, "PostMarginType", {"marginType": "ISOLATED"}),
    ],
)
def test_a_request_against_a_rule_is_refused(client: Any, code: int, endpoint: str, asked: dict[str, str]) -> None:
    buy(client, 0.001)
    known = {"symbol": "BTCUSDT"}
    if endpoint == "PostAlgoOrder":
        known |= {"side": "SELL", "type": "STOP_MARKET", "quantity": "0.001", "triggerPrice": "90000"}
    with pytest.raises(ccxt.BaseError, match=f'"code":{code},'):
        getattr(client, f"fapiPrivate{endpoint}")(known | asked)


def test_a_client_number_that_waits_is_not_taken_twice(client: Any) -> None:
    stop = {"symbol": "BTCUSDT", "side": "SELL", "type": "STOP_MARKET", "quantity": "0.001", "triggerPrice": "90000"}
    made = client.fapiPrivatePostAlgoOrder(stop | {"clientAlgoId": "stop-1"})
    with pytest.raises(ccxt.BaseError, match='"code":-4116,'):
        client.fapiPrivatePostAlgoOrder(stop | {"clientAlgoId": "stop-1"})
    client.fapiPrivateDeleteAlgoOrder({"algoId": made["algoId"]})
    assert client.fapiPrivateGetAlgoOrder({"clientAlgoId": "stop-1"})["algoStatus"] == "CANCELED"


@pytest.mark.parametrize(
    ("code", "changed"),
    [(-2015, {"apiKey": "other"}), (-1022, {"secret": "other"}), (-1021, {"options": {"timeDifference": 60_000}})],
)
def test_another_key_a_wrong_signature_and_an_old_request_are_refused(
    client: Any, monkeypatch: pytest.MonkeyPatch, code: int, changed: dict[str, Any]
) -> None:
    for name, value in changed.items():
        monkeypatch.setattr(client, name, client.options | value if name == "options" else value)
    with pytest.raises(ccxt.BaseError, match=f'"code":{code},'):
        client.fapiPrivateV3GetAccount()
