"""What one look at the exchange shows, what freqtrade's books say beside it, and what is to be done about it."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any, Literal, NamedTuple

from pydantic import AwareDatetime, Field

from candlegraph.graph.schema.frozen import Frozen
from candlegraph.graph.schema.market import SIGN, Price, Side

SAME = 1e-6
"""Relative difference below which two amounts are one: exchanges count in steps, floats do not."""
OrderSide = Literal["buy", "sell"]


def exceeds(amount: float, other: float) -> bool:
    """Return whether an amount is more than another by more than rounding."""
    return amount > other and not math.isclose(amount, other, rel_tol=SAME, abs_tol=1e-12)


class HeldPosition(Frozen):
    """What the exchange holds for us of one pair; `amount` in base currency, below 0 for a short."""

    pair: str
    amount: float
    entry: Price
    mark: Price
    leverage: float = Field(ge=1)
    liquidation: Price | None = None
    updated_at: AwareDatetime

    @property
    def side(self) -> Side:
        """Return which way it is."""
        return "long" if self.amount > 0 else "short"

    @property
    def size(self) -> float:
        """Return how much it is, whichever way."""
        return abs(self.amount)


class Stop(Frozen):
    """A conditional order that can only reduce; `is_firing`: its price was reached, its order is on its way.

    `is_by_hand`: a person set it, in the exchange's app or on its site.
    """

    id: str
    pair: str
    side: OrderSide
    amount: float = Field(ge=0)
    trigger: Price
    placed_at: AwareDatetime
    closes_all: bool = False
    is_firing: bool = False
    is_by_hand: bool = False

    def closes(self, side: Side) -> bool:
        """Return whether it ends a position of that side."""
        return (self.side == "sell") == (side == "long")

    def covers(self, amount: float) -> bool:
        """Return whether it alone closes that much."""
        return self.closes_all or not exceeds(amount, self.amount)

    def is_as_tight(self, side: Side, planned: float) -> bool:
        """Return whether it fires no later than a stop at `planned`, but for a hair that is rounding."""
        return SIGN[side] * (self.trigger - planned) >= -TOLERANCE * planned


TOLERANCE = 0.0005
"""Relative difference of two prices that is rounding."""


class Look(Frozen):
    """The account at one moment: positions and living stops of all pairs."""

    at: AwareDatetime
    positions: tuple[HeldPosition, ...]
    stops: tuple[Stop, ...]

    def position(self, pair: str) -> HeldPosition | None:
        """Return what is held of a pair."""
        return next((one for one in self.positions if one.pair == pair), None)

    def stops_of(self, pair: str) -> tuple[Stop, ...]:
        """Return the pair's stops."""
        return tuple(one for one in self.stops if one.pair == pair)


class OpenTrade(Frozen):
    """An open trade as freqtrade books it; `growing` and `shrinking` are what its open orders may still fill."""

    id: int
    pair: str
    side: Side
    amount: float = Field(ge=0)
    stop: Price = Field(description="where it is planned now")
    stop_ids: tuple[str, ...] = Field((), description="of the stop orders that freqtrade takes for alive")
    growing: float = Field(0.0, ge=0)
    shrinking: float = Field(0.0, ge=0)


class PairState(Frozen):
    """One pair: the exchange's side, and freqtrade's.

    `asked` tells of stops that freqtrade takes for alive and that the look does not show, `spent` how much of the trade
    those took that the position no longer holds. `is_fresh`: an order of the bot was filled a moment ago, so that the
    position may still be shown as it was before.
    """

    pair: str
    position: HeldPosition | None
    stops: tuple[Stop, ...]
    trade: OpenTrade | None
    asked: dict[str, StopState] = {}
    spent: float = Field(0.0, ge=0)
    is_fresh: bool = False
    now: datetime


StopState = Literal["alive", "fired", "spent", "fired_unseen", "gone", "denied", "unknown"]
"""What the exchange says of a stop by its number. fired: and the order that it became can be asked for, so that
freqtrade books it by itself. spent: that order is over, and what is held now was held or opened after it.
denied: it never heard of it. unknown: it does not answer."""


class HiddenStop(NamedTuple):
    """What became of a stop that a look does not show; `spent`: what its order took, in base currency."""

    state: StopState
    spent: float = 0.0


ActionKind = Literal[
    "set_stop", "take_over", "cancel_surplus", "cancel_orphan", "protect_unknown", "ask_person", "follow_position"
]
"""ask_person: of `amount` no trade knows. follow_position: `amount` of the trade is not there any more."""
Sender = Literal["bot", "exchange", "person"]


def sender_of(client_id: str) -> Sender:
    """Return who sent an order, by the number that its sender gave it."""
    if client_id.startswith(BY_EXCHANGE):
        return "exchange"
    return "bot" if client_id.startswith(BY_BOT) else "person"


class SeenOrder(Frozen):
    """An order in the exchange's list of a pair; `row` is ccxt's."""

    id: str
    side: OrderSide
    filled: float = Field(ge=0)
    price: float | None
    client_id: str
    reduces: bool
    at: AwareDatetime
    row: dict[str, Any]

    @property
    def sender(self) -> Sender:
        """Return who sent it."""
        return sender_of(self.client_id)


class SeenFill(NamedTuple):
    """One fill of an order: `amount` in base currency, `fee` in `fee_currency`, `at` in epoch ms."""

    id: str
    order_id: str
    side: OrderSide
    amount: float
    price: float
    fee: float
    fee_currency: str
    at: int

    @property
    def signed(self) -> float:
        """Return what it added to the position."""
        return self.amount if self.side == "buy" else -self.amount

    @property
    def cash(self) -> float:
        """Return what it brought, in quote currency, after its fee."""
        return -self.signed * self.price - self.fee

    def part(self, amount: float) -> SeenFill:
        """Return so much of it, with its part of the fee."""
        return self._replace(amount=amount, fee=self.fee * amount / self.amount)


class SeenIncome(NamedTuple):
    """One change of the wallet beside fills, quote currency, at a time in epoch ms."""

    amount: float
    at: int


OUR_STOP = "cg-"
BY_BOT = ("x-", OUR_STOP)
"""ccxt's numbers begin with its broker's mark, ours with our own; the exchange's app and site have other ones."""
BY_EXCHANGE = ("autoclose", "adl_autoclose", "settlement_autoclose")
"""Liquidation, reduction by the exchange, settlement."""


class Action(Frozen):
    """One thing to be done for a pair; a stop that is set covers `amount` and fires at `price`."""

    kind: ActionKind
    pair: str
    side: Side | None = None
    trade_id: int | None = None
    stop: Stop | None = None
    amount: float = 0.0
    price: float | None = None


PairState.model_rebuild()
