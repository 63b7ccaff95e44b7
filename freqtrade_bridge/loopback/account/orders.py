"""Orders of the account, as they are asked for and as they are kept."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

ZERO = Decimal(0)
FINEST = Decimal("0.00000001")
"""The exchange keeps eight decimals of an amount of money."""

OrderSide = Literal["BUY", "SELL"]
TimeInForce = Literal["GTC", "IOC", "FOK", "GTX"]
Working = Literal["CONTRACT_PRICE", "MARK_PRICE"]
OrderStatus = Literal["NEW", "PARTIALLY_FILLED", "FILLED", "CANCELED", "EXPIRED"]
AlgoStatus = Literal["NEW", "TRIGGERED", "FINISHED", "CANCELED", "REJECTED"]

OPEN: tuple[OrderStatus, ...] = ("NEW", "PARTIALLY_FILLED")
NEVER = 1 << 62


def cents(value: Decimal) -> Decimal:
    """Return `value` on the exchange's grid of money."""
    return value.quantize(FINEST, ROUND_HALF_UP)


def sign_of(side: OrderSide) -> int:
    """Return 1 for a buyer and -1 for a seller."""
    return 1 if side == "BUY" else -1


def side_of(sign: int) -> OrderSide:
    """Return the side of a sign."""
    return "BUY" if sign > 0 else "SELL"


class AnyOrderRequest(BaseModel):
    """What both order endpoints are asked for; other parameters do not matter here."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    symbol: str
    side: OrderSide
    quantity: Annotated[Decimal, Field(gt=0)]
    price: Annotated[Decimal, Field(ge=0)] = ZERO
    reduce_only: bool = Field(default=False, alias="reduceOnly")
    time_in_force: TimeInForce = Field(default="GTC", alias="timeInForce")


class OrderRequest(AnyOrderRequest):
    """POST /fapi/v1/order; a type other than MARKET and LIMIT is refused, not unknown."""

    type: str
    client_id: str | None = Field(default=None, alias="newClientOrderId")


class AlgoRequest(AnyOrderRequest):
    """POST /fapi/v1/algoOrder: an order that waits for a price."""

    type: str
    trigger: Annotated[Decimal, Field(gt=0)] = Field(alias="triggerPrice")
    working: Working = Field(default="CONTRACT_PRICE", alias="workingType")
    client_id: str | None = Field(default=None, alias="clientAlgoId")


class Partial(BaseModel):
    """Only `ratio` of an order is filled; the rest expires (market) or waits `rest_seconds`, None for ever."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    ratio: Annotated[Decimal, Field(gt=0, lt=1)]
    rest_seconds: int | None = None

    def rests_until(self, at: int) -> int:
        """Return when the rest may be filled, for an order whose first part was filled at `at`."""
        return NEVER if self.rest_seconds is None else at + self.rest_seconds * 1000


@dataclass(frozen=True)
class Order:
    """A market or limit order; `price` is 0 for a market order."""

    id: int
    client_id: str
    symbol: str
    side: OrderSide
    quantity: Decimal
    price: Decimal
    reduce_only: bool
    time_in_force: TimeInForce
    created_at: int
    updated_at: int
    status: OrderStatus = "NEW"
    filled: Decimal = ZERO
    cost: Decimal = ZERO
    partial: Partial | None = None
    rests_until: int = 0

    @property
    def type(self) -> Literal["MARKET", "LIMIT"]:
        """Return how it is priced."""
        return "LIMIT" if self.price else "MARKET"

    @property
    def sign(self) -> int:
        """Return 1 for a buyer and -1 for a seller."""
        return sign_of(self.side)

    @property
    def is_open(self) -> bool:
        """Return whether it waits for a counterparty."""
        return self.status in OPEN

    @property
    def remaining(self) -> Decimal:
        """Return what is not filled."""
        return self.quantity - self.filled

    @property
    def average(self) -> Decimal:
        """Return the mean price of its fills, 0 without any."""
        return self.cost / self.filled if self.filled else ZERO


@dataclass(frozen=True)
class AlgoOrder:
    """A stop: a sell fires at or below its trigger, a buy at or above; `price` is 0 where it becomes a market order."""

    id: int
    client_id: str
    symbol: str
    side: OrderSide
    quantity: Decimal
    price: Decimal
    trigger: Decimal
    working: Working
    reduce_only: bool
    time_in_force: TimeInForce
    created_at: int
    updated_at: int
    status: AlgoStatus = "NEW"
    triggered_at: int = 0
    order_id: int | None = None
    partial: Partial | None = None

    @property
    def type(self) -> Literal["STOP_MARKET", "STOP"]:
        """Return what it is called."""
        return "STOP" if self.price else "STOP_MARKET"

    @property
    def sign(self) -> int:
        """Return 1 for a buyer and -1 for a seller."""
        return sign_of(self.side)

    @property
    def is_open(self) -> bool:
        """Return whether it waits for its trigger."""
        return self.status == "NEW"
