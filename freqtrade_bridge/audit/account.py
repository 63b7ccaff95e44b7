"""The seam to the exchange's own account, through freqtrade's exchange object: few requests, for all pairs at once.

Binance's futures only: its conditional orders have an endpoint of their own, which freqtrade never lists.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Literal

import ccxt
from freqtrade.exceptions import FreqtradeException, InvalidOrderException

from candlegraph.freqtrade_bridge.audit.seen import (
    OUR_STOP,
    HeldPosition,
    HiddenStop,
    Look,
    OrderSide,
    SeenFill,
    SeenIncome,
    SeenOrder,
    Stop,
    sender_of,
)
from candlegraph.graph.schema.errors import BridgeError

KNOWN_EXCHANGES = ("binance",)
STOPS = ("STOP", "STOP_MARKET")
MOST_ROWS = 1000
WEEK_MS = 7 * 24 * 3_600_000
IncomeKind = Literal["FUNDING_FEE", "INSURANCE_CLEAR"]
HAIR = 1e-9
"""Relative error of a sum of amounts."""
Row = dict[str, Any]


class RequestRefused(BridgeError):
    """The exchange understood a request and refused it: sending it again changes nothing."""


class RequestUnanswered(BridgeError):
    """The exchange gave no answer that says what it did: only the next look shows it."""


@contextmanager
def asked(what: str) -> Iterator[None]:
    """Rename errors of ccxt and freqtrade by what they mean for who asked."""
    try:
        yield
    except ccxt.DuplicateOrderId as e:
        raise RequestUnanswered(f"{what}: it is there already: {e}") from e
    except (ccxt.InvalidOrder, ccxt.BadRequest, ccxt.OperationRejected, ccxt.InsufficientFunds) as e:
        raise RequestRefused(f"{what}: {e}") from e
    except InvalidOrderException as e:
        raise RequestRefused(f"{what}: {e}") from e
    except (ccxt.BaseError, FreqtradeException) as e:
        raise RequestUnanswered(f"{what}: {e}") from e


class LiveAccount:
    """What the auditor asks and sends; `exchange` is freqtrade's."""

    def __init__(self, exchange: Any) -> None:
        self._exchange = exchange
        self._api = exchange._api

    def look(self, now: datetime) -> Look:
        """Return positions and stops of all pairs, in two requests; raise RequestUnanswered."""
        with asked("look at positions and stops"):
            positions = self._exchange.fetch_positions(count=0)
            stops = self._api.fapiPrivateGetOpenAlgoOrders({})
        held = tuple(self._position(row) for row in positions if row["contracts"])
        living = tuple(self._stop(row) for row in stops if _is_stop(row))
        return Look(at=now, positions=held, stops=living)

    def state_of(self, stop_id: str, pair: str, position: HeldPosition | None) -> HiddenStop:
        """Return what became of a stop that is not listed, beside the position that was just shown."""
        try:
            with asked(f"ask for stop {stop_id}"):
                row = self._api.fetch_order(stop_id, pair, {"trigger": True})
        except RequestRefused:
            return HiddenStop("denied")
        except RequestUnanswered:
            return HiddenStop("unknown")
        if row["status"] == "closed":
            return self._fired(self._shown(row["info"].get("actualOrderId"), pair), pair, position)
        return HiddenStop("alive" if row["status"] == "open" else "gone")

    def _fired(self, order: Row | None, pair: str, position: HeldPosition | None) -> HiddenStop:
        if order is None:
            return HiddenStop("fired_unseen")
        if position is None or not _is_counted(order, position):
            return HiddenStop("fired")
        return HiddenStop("spent", self._exchange._contracts_to_amount(pair, order["filled"] or 0.0))

    def _shown(self, order_id: str | None, pair: str) -> Row | None:
        """Return an order that can be asked for: late ones cannot yet."""
        if not order_id:
            return None
        try:
            with asked(f"ask for order {order_id}"):
                found: Row = self._api.fetch_order(order_id, pair)
                return found
        except (RequestRefused, RequestUnanswered):
            return None

    def became(self, stop_id: str, pair: str) -> tuple[str, ...]:
        """Return the exchange's and the client's number of the order that a stop became, none of one that waits.

        Raise RequestUnanswered.
        """
        with asked(f"ask for stop {stop_id}"):
            row = self._api.fetch_order(stop_id, pair, {"trigger": True})["info"]
        known = () if row["algoStatus"] == "NEW" else (str(row.get("actualOrderId") or ""), str(row["clientAlgoId"]))
        return tuple(one for one in known if one)

    def orders(self, pair: str, since: datetime) -> tuple[SeenOrder, ...]:
        """Return the orders of a pair, oldest first; raise RequestUnanswered."""
        with asked(f"list the orders since {since:%Y-%m-%d %H:%M}"):
            rows = self._exchange.fetch_orders(pair, since)
        return tuple(sorted((_order(row) for row in rows), key=lambda one: one.at))

    def fills(self, pair: str, since: datetime) -> tuple[SeenFill, ...]:
        """Return the fills of a pair, oldest first; raise RequestUnanswered. The exchange lists a week at a time."""
        found: dict[str, SeenFill] = {}
        begin, now = _ms(since), self._api.milliseconds()
        with asked(f"list the fills since {since:%Y-%m-%d %H:%M}"):
            while begin <= now:
                rows = self._api.fetch_my_trades(pair, begin, MOST_ROWS)
                found |= {str(row["id"]): self._fill(row) for row in rows}
                begin = max(begin + 1, rows[-1]["timestamp"]) if len(rows) == MOST_ROWS else begin + WEEK_MS
        return tuple(sorted(found.values(), key=lambda one: (one.at, int(one.id))))

    def income(self, pair: str, since: datetime, kind: IncomeKind) -> tuple[SeenIncome, ...]:
        """Return what the wallet gained and lost by a pair in its own currency; raise RequestUnanswered."""
        found: list[SeenIncome] = []
        currency, begin = self._exchange.get_pair_quote_currency(pair), _ms(since)
        query = {"symbol": self._api.market_id(pair), "incomeType": kind, "limit": MOST_ROWS}
        with asked("list what was earned and paid"):
            while rows := self._api.fapiPrivateGetIncome(query | {"startTime": begin}):
                found += [
                    SeenIncome(float(one["income"]), int(one["time"])) for one in rows if one["asset"] == currency
                ]
                if len(rows) < MOST_ROWS:
                    break
                begin = int(rows[-1]["time"]) + 1
        return tuple(found)

    def place_stop(self, pair: str, side: OrderSide, amount: float, trigger: float) -> Row:
        """Send a stop that can only reduce; return ccxt's order, raise RequestRefused or RequestUnanswered.

        Its client id is made from what it is, so that the same stop sent twice is refused by the exchange.
        """
        size = self._size(pair, amount)
        own = {"stopPrice": trigger, "reduceOnly": True, "clientOrderId": client_id(pair, side, size, trigger)}
        with asked(f"set a stop of {amount:g} at {trigger:g}"):
            sent = self._api.create_order(pair, "stop_market", side, size, None, own)
        order: Row = self._exchange._order_contracts_to_amount(sent)
        return order

    def cancel_stop(self, stop_id: str, pair: str, amount: float) -> Row:
        """Cancel a stop; return how it ended, raise RequestRefused or RequestUnanswered."""
        with asked(f"cancel stop {stop_id}"):
            order: Row = self._exchange.cancel_stoploss_order_with_result(stop_id, pair, amount)
        return order

    def close(self, pair: str, side: OrderSide, amount: float) -> Row:
        """Close so much of a position at the market; raise RequestRefused or RequestUnanswered."""
        size = self._size(pair, amount)
        with asked(f"close {amount:g} at the market"):
            sent = self._api.create_order(pair, "market", side, size, None, {"reduceOnly": True})
        order: Row = self._exchange._order_contracts_to_amount(sent)
        return order

    def order_of(self, stop: Stop) -> Row:
        """Return a listed stop as ccxt returns an order."""
        return {
            "id": stop.id,
            "status": "open",
            "symbol": stop.pair,
            "type": "stop_market",
            "side": stop.side,
            "amount": stop.amount,
            "filled": 0.0,
            "remaining": stop.amount,
            "stopPrice": stop.trigger,
            "timestamp": int(stop.placed_at.timestamp() * 1000),
        }

    def _size(self, pair: str, amount: float) -> float:
        """Return an amount in the exchange's steps; it is cut, so a sum that is a hair too small is lifted first."""
        contracts = self._exchange._amount_to_contracts(pair, amount * (1 + HAIR))
        return float(self._exchange.amount_to_precision(pair, contracts))

    def _fill(self, row: Row) -> SeenFill:
        fee = row["fee"] or {}
        return SeenFill(
            id=str(row["id"]),
            order_id=str(row["order"]),
            side=row["side"],
            amount=self._exchange._contracts_to_amount(row["symbol"], row["amount"]),
            price=row["price"],
            fee=fee.get("cost") or 0.0,
            fee_currency=fee.get("currency") or "",
            at=int(row["timestamp"]),
        )

    def _position(self, row: Row) -> HeldPosition:
        amount = self._exchange._contracts_to_amount(row["symbol"], row["contracts"])
        margin = row["initialMargin"] or 0.0
        return HeldPosition(
            pair=row["symbol"],
            amount=-amount if row["side"] == "short" else amount,
            entry=row["entryPrice"],
            mark=row["markPrice"],
            leverage=max(1.0, round(row["notional"] / margin)) if margin else 1.0,
            liquidation=row["liquidationPrice"] or None,
            updated_at=_time(row["timestamp"]),
        )

    def _stop(self, row: Row) -> Stop:
        pair = self._api.safe_symbol(row["symbol"], None, None, "contract")
        return Stop(
            id=str(row["algoId"]),
            pair=pair,
            side="sell" if row["side"] == "SELL" else "buy",
            amount=self._exchange._contracts_to_amount(pair, float(row["quantity"] or 0)),
            trigger=float(row["triggerPrice"]),
            placed_at=_time(row["createTime"]),
            closes_all=_is_true(row["closePosition"]),
            is_firing=row["algoStatus"] != "NEW",
            is_by_hand=sender_of(row["clientAlgoId"] or "") == "person",
        )


def _order(row: Row) -> SeenOrder:
    return SeenOrder(
        id=str(row["id"]),
        side=row["side"],
        filled=row["filled"] or 0.0,
        price=row["average"] or row["price"],
        client_id=row["clientOrderId"] or "",
        reduces=bool(row["reduceOnly"]),
        at=_time(row["timestamp"]),
        row=row,
    )


def client_id(pair: str, side: OrderSide, amount: float, trigger: float) -> str:
    """Return the client's number of a stop: the same for the same stop."""
    made = hashlib.sha256(f"{pair}|{side}|{amount!r}|{trigger!r}".encode()).hexdigest()
    return f"{OUR_STOP}{made[:24]}"


def _is_counted(order: Row, position: HeldPosition) -> bool:
    """Return whether an order is over, and a position is shown as it is since."""
    return order["status"] != "open" and _time(order["info"]["updateTime"]) <= position.updated_at


def _is_stop(row: Row) -> bool:
    """Return whether a conditional order can only reduce a position, when the price goes against it."""
    return row["orderType"] in STOPS and (_is_true(row["reduceOnly"]) or _is_true(row["closePosition"]))


def _is_true(value: object) -> bool:
    """Return what the exchange means: ccxt leaves its words as they came."""
    return value is True or value == "true"


def _ms(when: datetime) -> int:
    return int(when.timestamp() * 1000)


def _time(milliseconds: int | str) -> datetime:
    return datetime.fromtimestamp(int(milliseconds) / 1000, UTC)
