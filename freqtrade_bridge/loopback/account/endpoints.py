"""What answers each signed request."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import ValidationError

from candlegraph.freqtrade_bridge.loopback.account.answers import (
    JsonRow,
    account_row,
    algo_row,
    fill_row,
    income_row,
    order_row,
    position_row,
)
from candlegraph.freqtrade_bridge.loopback.account.books import Books
from candlegraph.freqtrade_bridge.loopback.account.faults import Endpoint
from candlegraph.freqtrade_bridge.loopback.account.orders import (
    AlgoOrder,
    AlgoRequest,
    AnyOrderRequest,
    Order,
    OrderRequest,
    Partial,
)
from candlegraph.freqtrade_bridge.loopback.account.placing import cancel, cancel_algo, place, place_algo
from candlegraph.freqtrade_bridge.loopback.account.refusals import Refused

AskedT = TypeVar("AskedT", bound=AnyOrderRequest)
MAX_LEVERAGE_NOTIONAL = "1000000"


@dataclass(frozen=True)
class ApiCall:
    """One signed request at `now`; the answer knows nothing that happened after `seen_until`."""

    query: Mapping[str, str]
    now: int
    seen_until: int
    partial: Partial | None = None


Answer = Callable[[Books, ApiCall], Any]


def _order(books: Books, call: ApiCall) -> JsonRow:
    found = _found(books.orders.values(), call, "orderId", "origClientOrderId")
    if found is None or found.created_at > call.seen_until:
        raise Refused(-2013)
    return order_row(found)


def _algo(books: Books, call: ApiCall) -> JsonRow:
    found = _found(books.algos.values(), call, "algoId", "clientAlgoId")
    if found is None or found.created_at > call.seen_until:
        raise Refused(-2013)
    return algo_row(books, found, call.seen_until)


OrderT = TypeVar("OrderT", Order, AlgoOrder)


def _found(known: Iterable[OrderT], call: ApiCall, id_name: str, client_id_name: str) -> OrderT | None:
    """Return the newest order of that number or client's number."""
    number, client_id = call.query.get(id_name), call.query.get(client_id_name)
    if number is None and client_id is None:
        raise Refused(-1102, f"Send {id_name} or {client_id_name}.")
    same = [one for one in known if str(one.id) == number or (number is None and one.client_id == client_id)]
    return same[-1] if same else None


def _place(books: Books, call: ApiCall) -> JsonRow:
    return order_row(place(books, _read(OrderRequest, call), call.partial))


def _place_algo(books: Books, call: ApiCall) -> JsonRow:
    return algo_row(books, place_algo(books, _read(AlgoRequest, call), call.partial), call.seen_until)


def _read(kind: type[AskedT], call: ApiCall) -> AskedT:
    try:
        return kind.model_validate(call.query)
    except ValidationError as error:
        first = error.errors()[0]
        raise Refused(-1102, f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from error


def _cancel(books: Books, call: ApiCall) -> JsonRow:
    return order_row(cancel(books, _found(books.orders.values(), call, "orderId", "origClientOrderId")))


def _cancel_algo(books: Books, call: ApiCall) -> JsonRow:
    done = cancel_algo(books, _found(books.algos.values(), call, "algoId", "clientAlgoId"))
    return {"algoId": done.id, "clientAlgoId": done.client_id, "code": "200", "msg": "success"}


def _orders(books: Books, call: ApiCall) -> list[JsonRow]:
    seen = [order_row(one) for one in books.orders.values() if one.created_at <= call.seen_until]
    return _asked_for(seen, call, "time")


def _open_orders(books: Books, call: ApiCall) -> list[JsonRow]:
    return [row for row in _orders(books, call) if row["status"] in ("NEW", "PARTIALLY_FILLED")]


def _algos(books: Books, call: ApiCall) -> list[JsonRow]:
    seen = [one for one in books.algos.values() if one.created_at <= call.seen_until]
    return _asked_for([algo_row(books, one, call.seen_until) for one in seen], call, "createTime")


def _open_algos(books: Books, call: ApiCall) -> list[JsonRow]:
    return [row for row in _algos(books, call) if row["algoStatus"] in ("NEW", "TRIGGERING")]


def _fills(books: Books, call: ApiCall) -> list[JsonRow]:
    number = call.query.get("orderId")
    rows = [fill_row(one) for one in books.fills if number is None or str(one.order_id) == number]
    return _asked_for(rows, call, "time")


def _income(books: Books, call: ApiCall) -> list[JsonRow]:
    kind = call.query.get("incomeType")
    return _asked_for([income_row(one) for one in books.income if kind in (None, one.kind)], call, "time")


def _asked_for(rows: Iterable[JsonRow], call: ApiCall, time_name: str) -> list[JsonRow]:
    """Return the rows of the asked symbol and span, the oldest ones where there is a limit."""
    symbol = call.query.get("symbol")
    start, end = int(call.query.get("startTime", 0)), int(call.query.get("endTime", call.now))
    found = [row for row in rows if symbol in (None, row["symbol"]) and start <= row[time_name] <= end]
    return found[: int(call.query.get("limit", 1000))]


def _positions(books: Books, call: ApiCall) -> list[JsonRow]:
    asked, seen = call.query.get("symbol"), books.positions_at(call.seen_until)
    return [position_row(books, name, one, call.now) for name, one in seen.items() if asked in (None, name)]


def _brackets(books: Books, call: ApiCall) -> list[JsonRow]:
    return [{"symbol": name, "brackets": [one.shown for one in books.brackets(name)]} for name in books.markets]


def _set_leverage(books: Books, call: ApiCall) -> JsonRow:
    symbol, leverage = _symbol(books, call), int(call.query.get("leverage", 0))
    if not 1 <= leverage <= books.brackets(symbol)[0].max_leverage:
        raise Refused(-4028)
    books.set_leverage(symbol, leverage)
    return {"symbol": symbol, "leverage": leverage, "maxNotionalValue": MAX_LEVERAGE_NOTIONAL}


def _set_margin_type(books: Books, call: ApiCall) -> JsonRow:
    symbol = _symbol(books, call)
    if call.query.get("marginType") != "ISOLATED":
        raise Refused(-1102, "marginType: the loopback exchange knows ISOLATED only.")
    if symbol in books.isolated:
        raise Refused(-4046)
    if books.position(symbol).amount:
        raise Refused(-4048)
    books.isolated.add(symbol)
    return {"code": 200, "msg": "success"}


def _symbol(books: Books, call: ApiCall) -> str:
    symbol = call.query.get("symbol", "")
    if symbol not in books.markets:
        raise Refused(-1121)
    return symbol


ANSWERS: Mapping[Endpoint, Answer] = {
    "GET /sapi/v1/capital/config/getall": lambda books, call: [],  # ccxt asks for currencies as soon as it has a key
    "GET /sapi/v1/margin/allPairs": lambda books, call: [],
    "GET /sapi/v1/account/apiRestrictions": lambda books, call: dict(books.rights),
    "GET /fapi/v1/positionSide/dual": lambda books, call: {"dualSidePosition": False},
    "GET /fapi/v1/multiAssetsMargin": lambda books, call: {"multiAssetsMargin": False},
    "GET /fapi/v1/leverageBracket": _brackets,
    "GET /fapi/v3/account": lambda books, call: account_row(books, call.now),
    "GET /fapi/v3/positionRisk": _positions,
    "GET /fapi/v1/income": _income,
    "GET /fapi/v1/userTrades": _fills,
    "GET /fapi/v1/allOrders": _orders,
    "GET /fapi/v1/openOrders": _open_orders,
    "GET /fapi/v1/openAlgoOrders": _open_algos,
    "GET /fapi/v1/allAlgoOrders": _algos,
    "POST /fapi/v1/leverage": _set_leverage,
    "POST /fapi/v1/marginType": _set_margin_type,
    "POST /fapi/v1/order": _place,
    "GET /fapi/v1/order": _order,
    "DELETE /fapi/v1/order": _cancel,
    "POST /fapi/v1/algoOrder": _place_algo,
    "GET /fapi/v1/algoOrder": _algo,
    "DELETE /fapi/v1/algoOrder": _cancel_algo,
}
