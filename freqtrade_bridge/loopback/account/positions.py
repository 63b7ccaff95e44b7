"""Isolated positions in one-way mode: what a fill makes of them, and where they are liquidated."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import freqtrade.exchange

from candlegraph.freqtrade_bridge.loopback.account.orders import ZERO, cents
from candlegraph.graph.schema.errors import CandleError

TIERS = Path(freqtrade.exchange.__file__).with_name("binance_leverage_tiers.json")


@dataclass(frozen=True)
class AccountPosition:
    """What is held of one symbol: `amount` is below 0 for a short, `margin` is its isolated wallet."""

    amount: Decimal = ZERO
    entry: Decimal = ZERO
    margin: Decimal = ZERO
    updated_at: int = 0

    @property
    def sign(self) -> int:
        """Return 1 for a long, -1 for a short, 0 when flat."""
        return (self.amount > 0) - (self.amount < 0)

    def profit(self, price: Decimal) -> Decimal:
        """Return the profit at `price` that is not realised, without fees."""
        return self.amount * (price - self.entry)


FLAT = AccountPosition()


@dataclass(frozen=True)
class Bracket:
    """One leverage tier: up to which notional it counts, and the maintenance margin it asks for."""

    floor: Decimal
    cap: Decimal
    maintenance_ratio: Decimal
    deduction: Decimal
    max_leverage: int
    shown: dict[str, Any]


def filled(
    position: AccountPosition, signed: Decimal, price: Decimal, leverage: int, at: int
) -> tuple[AccountPosition, Decimal]:
    """Return the position after a fill of `signed` contracts at `price`, and the profit that it realised.

    A fill against the position closes first; what is left over opens the other side.
    """
    is_against = position.amount * signed < 0
    closed = min(abs(signed), abs(position.amount)) if is_against else ZERO
    profit = cents(position.sign * closed * (price - position.entry))
    rest = _without(position, closed)
    opened = signed - closed.copy_sign(signed)
    return replace(_with(rest, opened, price, leverage), updated_at=at), profit


def _without(position: AccountPosition, closed: Decimal) -> AccountPosition:
    if not closed:
        return position
    left = position.amount - position.sign * closed
    return replace(position, amount=left, margin=position.margin * left / position.amount) if left else FLAT


def _with(position: AccountPosition, opened: Decimal, price: Decimal, leverage: int) -> AccountPosition:
    if not opened:
        return position
    amount = position.amount + opened
    entry = (position.amount * position.entry + opened * price) / amount
    return replace(position, amount=amount, entry=entry, margin=position.margin + abs(opened) * price / leverage)


@cache
def _all_tiers() -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = json.loads(TIERS.read_text())
    return found


def brackets_of(pair: str) -> tuple[Bracket, ...]:
    """Return the leverage tiers of `pair` that freqtrade ships; raise CandleError for a pair it has none of."""
    if pair not in _all_tiers():
        raise CandleError(f"{pair}: freqtrade ships no leverage tiers of it; trade one that it knows, as BTC/USDT:USDT")
    return tuple(_bracket(tier["info"]) for tier in _all_tiers()[pair])


def _bracket(info: dict[str, Any]) -> Bracket:
    floor, cap, ratio, deduction = (
        Decimal(str(info[name])) for name in ("notionalFloor", "notionalCap", "maintMarginRatio", "cum")
    )
    return Bracket(floor, cap, ratio, deduction, int(info["initialLeverage"]), info)


def bracket_at(brackets: Sequence[Bracket], notional: Decimal) -> Bracket:
    """Return the tier that a position of `notional` falls into."""
    return [one for one in brackets if one.floor <= notional][-1]


def liquidation_price(position: AccountPosition, brackets: Sequence[Bracket]) -> Decimal:
    """Return the mark price at which the margin is down to its maintenance; 0 or below is never."""
    size, sign = abs(position.amount), position.sign
    bracket = bracket_at(brackets, size * position.entry)
    return (position.margin + bracket.deduction - sign * size * position.entry) / (
        size * bracket.maintenance_ratio - sign * size
    )
