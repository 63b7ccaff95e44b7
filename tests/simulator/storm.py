"""What goes wrong in a run, and when: drawn from the seed before it begins."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from random import Random
from typing import Literal, get_args

from simulator.world import World

from candlegraph.freqtrade_bridge.loopback.account.faults import (
    Endpoint,
    Late,
    PartlyFilled,
    PlannedFault,
    PlannedRefusal,
    Throttled,
    Unanswered,
    What,
)
from candlegraph.freqtrade_bridge.loopback.account.orders import Partial

Kind = Literal[
    "answer_lost_entry_or_exit",
    "answer_lost_stop",
    "answer_lost_cancel",
    "order_not_received",
    "stop_not_received",
    "order_refused",
    "stop_refused",
    "cancel_refused",
    "partly_filled",
    "stop_partly_filled",
    "orders_seen_late",
    "positions_seen_late",
    "throttled",
    "connection_dropped",
    "maintenance",
    "clock_skew",
    "stale_candles",
    "killed_at_a_line",
    "killed_after_an_order",
    "killed_between_loops",
    "stopped_and_begun",
    "reloaded",
    "closed_by_hand",
    "closed_by_hand_with_stop",
    "added_by_hand",
    "reduced_by_hand",
    "stop_cancelled_by_hand",
    "opened_by_hand",
    "forced_entry",
]
KINDS: tuple[Kind, ...] = get_args(Kind)
CHANCE = 0.22
"""Of a candle to bring something."""
LATE = 0.4
"""Of what happens to come in the second half of its candle, where nothing is decided."""
ORDER, STOP, CANCEL = "POST /fapi/v1/order", "POST /fapi/v1/algoOrder", "DELETE /fapi/v1/algoOrder"
ASKED: tuple[Endpoint, ...] = (
    "GET /fapi/v3/account", "GET /fapi/v3/positionRisk", "GET /fapi/v1/order", "GET /fapi/v1/algoOrder",
    "GET /fapi/v1/openOrders", "GET /fapi/v1/openAlgoOrders", "GET /fapi/v1/userTrades", "GET /fapi/v1/income",
    "POST /fapi/v1/leverage", "POST /fapi/v1/marginType",
)  # fmt: skip
LOST = (0, 408, 502, 503, 504)
WAITS = 6
"""Candles for which a planned fault waits for its call."""


@dataclass(frozen=True)
class Blow:
    """One thing that goes wrong from `candle` on, before its first loop or (`is_late`) in its second half.

    `number` is a seeded quantity; its meaning depends on the kind.
    """

    candle: int
    is_late: bool
    kind: Kind
    pair: str
    number: float
    faults: tuple[PlannedFault, ...] = ()

    @property
    def line(self) -> str:
        """Return it in a line."""
        what = " ".join(f"{one.endpoint} {one.what!r} x{one.times}" for one in self.faults)
        return f"candle {self.candle}: {self.kind} {self.pair.split('/')[0]} {self.number:.3f} {what}".rstrip()


def blows(world: World, kinds: tuple[Kind, ...] = KINDS) -> list[Blow]:
    """Return what goes wrong in this world; with fewer kinds the others stay away, and nothing else changes."""
    return [blow for blow in _drawn(world) if blow.kind in kinds]


def _drawn(world: World) -> Iterator[Blow]:
    chance = world.random("storm")
    for candle in range(1, world.candles - 1):
        happens, kind, pair = chance.random() < CHANCE, chance.choice(KINDS), chance.choice(world.names)
        is_late = chance.random() < LATE
        blow = Blow(candle, is_late, kind, pair, chance.random(), tuple(_faults(kind, Random(chance.random()))))
        if happens:
            yield blow


def _faults(kind: Kind, chance: Random) -> Iterator[PlannedFault]:
    seconds = chance.choice((20, 200, 1000))
    late = Late(seconds=seconds)
    part = Partial(ratio=Decimal(str(round(chance.uniform(0.1, 0.9), 2))))
    acted, unacted = (Unanswered(status=chance.choice(LOST), has_acted=one) for one in (True, False))
    one: dict[Kind, tuple[Endpoint, What]] = {
        "answer_lost_entry_or_exit": (ORDER, acted),
        "answer_lost_stop": (STOP, acted),
        "answer_lost_cancel": (CANCEL, acted),
        "order_not_received": (ORDER, unacted),
        "stop_not_received": (STOP, unacted),
        "order_refused": (ORDER, PlannedRefusal(code=chance.choice((-2019, -2027, -4131, -4164, -1000)))),
        "stop_refused": (STOP, PlannedRefusal(code=chance.choice((-2021, -2019, -1000)))),
        "cancel_refused": (CANCEL, PlannedRefusal(code=-2011)),
        "partly_filled": (ORDER, PartlyFilled(partial=part)),
        "stop_partly_filled": (STOP, PartlyFilled(partial=part)),
        "positions_seen_late": ("GET /fapi/v3/positionRisk", late),
        "throttled": (chance.choice(ASKED), Throttled(status=chance.choice((418, 429)), retry_after_seconds=5)),
        "connection_dropped": (chance.choice(ASKED), Unanswered(status=0, has_acted=False)),
    }
    times = chance.choice((1, 1, 2, 6)) if kind in ("throttled", "connection_dropped", "positions_seen_late") else 1
    if kind in one:
        endpoint, what = one[kind]
        yield PlannedFault(endpoint=endpoint, what=what, times=times)
    if kind == "orders_seen_late":
        yield PlannedFault(endpoint="GET /fapi/v1/order", what=late, times=4)
        yield PlannedFault(endpoint="GET /fapi/v1/algoOrder", what=late, times=4)
