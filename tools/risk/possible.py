"""What can have an effect at a candle, before a model is asked: halts, pauses, locks, slots, the exchange's minimum.

snapshot + rules -> Possible. Pure; whatever is refused here the gate or Freqtrade would refuse at the order.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import timedelta

from candlegraph.graph.schema.fate import Possible, Refusal
from candlegraph.graph.schema.market import Account, Lock, MarketSnapshot, OrderLimits, Position, Side
from candlegraph.graph.settings.risk import RiskManagement
from candlegraph.tools.risk.gate import Limits, halt_of, no_entry, size_add, too_small

MOST_PCT = 99.0
"""The largest reduction that the function takes."""


def possible_of(snapshot: MarketSnapshot, rules: RiskManagement) -> Possible:
    """Return what an entry, or in a position an adjustment, can still do."""
    position = snapshot.position
    if position is None:
        return entries_of(snapshot, rules)
    most = most_reduction_pct(position, snapshot)
    return Possible(
        add=add_refusal(position, snapshot, rules),
        reduce=None if most is None or most >= 1 else reduction_refusal(position, -1, snapshot),
        reduce_at_most_pct=most,
    )


def entries_of(snapshot: MarketSnapshot, rules: RiskManagement) -> Possible:
    """Return why no entry of either side can be made now, the longest-lasting reasons first."""
    account = snapshot.account
    first = halt_of(account, rules) or pause_of(snapshot)
    last = first or no_entry(account, rules) or _no_room(account, snapshot.limits, rules)
    return Possible(
        long=first or lock_of(snapshot, "long") or last,
        short=first or lock_of(snapshot, "short") or last,
    )


def pause_of(snapshot: MarketSnapshot) -> Refusal | None:
    """Return why entries pause, with the key that stands before the colon."""
    if snapshot.paused is None:
        return None
    key, colon, why = snapshot.paused.partition(": ")
    return Refusal(door="paused", key=key, why=why) if colon else Refusal(door="paused", why=key)


def lock_of(snapshot: MarketSnapshot, side: Side) -> Refusal | None:
    """Return the lock that no entry of this side comes past."""
    return refused_by(snapshot.locks, side, "freqtrade has locked the pair")


def refused_by(locks: Sequence[Lock], side: Side, why: str) -> Refusal | None:
    """Return the lock of this side that lasts longest, as a refusal."""
    held = [lock for lock in locks if lock.side in (side, "*")]
    if not held:
        return None
    last = max(held, key=lambda lock: lock.until)
    return Refusal(door="lock", key=last.name, why=why, until=last.until)


def _no_room(account: Account, limits: OrderLimits, rules: RiskManagement) -> Refusal | None:
    """Return why not even the largest entry reaches the exchange's minimum."""
    ceilings = {
        "max_position_pct": rules.max_leverage * rules.max_position_pct / 100 * account.equity,
        "max_total_exposure": rules.max_total_exposure * account.equity - account.exposure,
        "free": rules.max_leverage * account.free,
    }
    key, largest = min(ceilings.items(), key=lambda one: one[1])
    if largest > 0 and largest >= limits.min_entry:
        return None
    return too_small(key, f"the largest entry, {max(0.0, largest):.6g} with leverage,", limits.min_entry)


def add_refusal(position: Position, snapshot: MarketSnapshot, rules: RiskManagement) -> Refusal | None:
    """Return why nothing can be added to the position, at any confidence."""
    limits = Limits(rules=rules, min_notional=snapshot.limits.min_add)
    return pause_of(snapshot) or size_add(position.stake, position, snapshot.account, snapshot.price, limits).refusal


def most_reduction_pct(position: Position, snapshot: MarketSnapshot) -> float | None:
    """Return the largest reduction that leaves the exchange's minimum, in whole percent of the stake."""
    least = snapshot.limits.min_left
    if not least:
        return None
    return float(max(0, min(MOST_PCT, math.floor(100 * (1 - least / value_of(position, snapshot.price))))))


def reduction_refusal(position: Position, pct: float, snapshot: MarketSnapshot) -> Refusal | None:
    """Return why a reduction by `pct` (negative) leaves too little."""
    left = value_of(position, snapshot.price) * (1 + pct / 100)
    return left_refusal(left, snapshot.limits.min_left, snapshot.currency)


def left_refusal(left: float, least: float, currency: str) -> Refusal | None:
    """Return why a position worth `left` is too small to be left."""
    if left >= least:
        return None
    why = f"{left:.6g} {currency} would remain, the exchange's minimum is {least:.6g}"
    return Refusal(door="exchange_minimum", why=why)


def value_of(position: Position, price: float) -> float:
    """Return what the position is worth at `price`, leverage included."""
    return position.stake * position.leverage * price / position.entry_price


def closed_lines(possible: Possible, snapshot: MarketSnapshot) -> dict[str, str]:
    """Return what the facts say of it: nothing where everything can be done."""
    closed = {
        "enter_long": possible.long,
        "enter_short": possible.short,
        "add": possible.add,
        "reduce": possible.reduce,
    }
    lines = {name: _told(one, snapshot) for name, one in closed.items() if one is not None}
    most = possible.reduce_at_most_pct
    if most is not None and 1 <= most < MOST_PCT:
        lines["reduce"] = f"above {most:g} %"
    return lines


def _told(refusal: Refusal, snapshot: MarketSnapshot) -> str:
    """Return a refusal for a model, in a word or two; the end of a lock in candles, since a prompt has no date."""
    if refusal.until is None:
        return refusal.door if refusal.door == "paused" else refusal.key or refusal.door
    length: timedelta = snapshot.as_of - snapshot.candle
    return f"locked for {math.ceil((refusal.until - snapshot.as_of) / length)} candles"
