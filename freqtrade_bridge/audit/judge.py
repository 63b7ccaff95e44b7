"""From both books of one pair to what is to be done; pure, so that it is proven by properties.

new stops come before the cancelling of others: a position is never bare in between (make before break)
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from datetime import timedelta

from candlegraph.freqtrade_bridge.audit.seen import Action, HeldPosition, OpenTrade, PairState, Stop, StopState, exceeds

SETTLES = timedelta(seconds=10)
"""So long after it was placed a stop without a position is left alone: its position may not be shown yet."""
FIRED: set[StopState] = {"fired", "fired_unseen"}
BOOKED: set[StopState] = {"fired", "spent"}
"""Freqtrade sees these by itself, and books them in this very loop."""
Kept = Generator[Action, None, list[Stop]]
"""Actions, and in the end the stops that stay."""


def judge(state: PairState) -> tuple[Action, ...]:
    """Return what makes every position covered by the fewest stops, at its plan, in the order to be done."""
    return (*_followed(state), *_stops(state))


def _followed(state: PairState) -> Iterator[Action]:
    """Yield that a trade's position is not what it was, unless freqtrade knows an order that explains it."""
    trade, position = state.trade, state.position
    if trade is None or trade.growing or trade.shrinking or BOOKED & set(state.asked.values()):
        return
    left = position.size if position is not None and position.side == trade.side else 0.0
    if exceeds(trade.amount, left):
        yield Action(kind="follow_position", pair=state.pair, trade_id=trade.id, amount=trade.amount - left)


def _stops(state: PairState) -> Iterator[Action]:
    if state.position is None:
        yield from _orphans(state)
    elif not any(stop.is_firing for stop in state.stops) and not FIRED & set(state.asked.values()):
        yield from _covered(state, state.position)  # else it is on its way out: the next look shows what is left


def _orphans(state: PairState) -> Iterator[Action]:
    """Yield the stops of no position; where a trade is open its position is only not shown, or just closed.

    A trade whose stop has fired is closed by freqtrade in this loop, and takes only the stops along that it knows.
    """
    if state.trade is not None and "fired" not in state.asked.values():
        return
    own = () if state.trade is None else state.trade.stop_ids
    for stop in state.stops:
        if stop.id not in own and not stop.is_firing and state.now - stop.placed_at >= SETTLES:
            yield Action(kind="cancel_orphan", pair=state.pair, stop=stop)


def _covered(state: PairState, position: HeldPosition) -> Iterator[Action]:
    trade = state.trade if state.trade is not None and state.trade.side == position.side else None
    left = max(0.0, trade.amount - state.spent) + trade.growing if trade is not None else 0.0
    ours = min(position.size, left)
    kept = (yield from _of_trade(state, trade, ours)) if trade is not None and ours > 0 else []
    rest = _by_size([one for one in state.stops if one not in kept and one.closes(position.side)])
    if exceeds(position.size, ours) and state.is_fresh:
        return  # what looks unknown may be what was just closed
    if exceeds(position.size, ours):
        kept = kept + (yield from _of_unknown(state, position, rest, position.size - ours))
    yield from _surplus(state, kept)


def _of_trade(state: PairState, trade: OpenTrade, amount: float) -> Kept:
    """Yield what gives the trade its stop; return the shown stops that it keeps."""
    known = _by_size([one for one in state.stops if one.id in trade.stop_ids and one.closes(trade.side)])
    if "alive" in state.asked.values():  # it lives, and is only not shown yet
        return known
    if single := next((one for one in known if one.covers(amount)), None):
        return [single]
    fits = [one for one in _others(state, trade, known, amount) if one.is_as_tight(trade.side, trade.stop)]
    if fits:
        found = min(fits, key=lambda one: one.amount)
        yield Action(kind="take_over", pair=state.pair, side=trade.side, trade_id=trade.id, stop=found)
        return [found]
    yield Action(kind="set_stop", pair=state.pair, side=trade.side, trade_id=trade.id, amount=amount, price=trade.stop)
    return []


def _others(state: PairState, trade: OpenTrade, known: Sequence[Stop], amount: float) -> list[Stop]:
    """Return the stops that cover a trade and that it does not know; of a person's own part no stop of theirs."""
    is_all = state.position is not None and not exceeds(state.position.size, amount)
    ours = [one for one in state.stops if is_all or not one.is_by_hand]
    return [one for one in ours if one.closes(trade.side) and one.covers(amount) and one not in known]


def _of_unknown(state: PairState, position: HeldPosition, rest: Sequence[Stop], amount: float) -> Kept:
    """Yield a stop for what no trade knows of the position; return the stops that stay: a person's own, all of them.

    Ours go where theirs that fire no later cover all. Where both do not, one of ours takes the place of ours, no
    wider than any: an exchange allows only so many.
    """
    theirs, kept = [one for one in rest if one.is_by_hand], list[Stop]()
    for stop in rest:
        sooner = [one for one in theirs if one.is_as_tight(position.side, stop.trigger)]
        if not stop.is_by_hand and exceeds(_bare(amount, [*sooner, *kept]), 0):
            kept.append(stop)
    if exceeds(_bare(amount, [*theirs, *kept]), 0):
        tightest = (max if position.side == "long" else min)((one.trigger for one in kept), default=None)
        bare = _bare(amount, theirs)
        yield Action(kind="protect_unknown", pair=state.pair, side=position.side, amount=bare, price=tightest)
        kept = []
    yield Action(kind="ask_person", pair=state.pair, side=position.side, amount=amount)
    return [*theirs, *kept]


def _bare(amount: float, stops: Sequence[Stop]) -> float:
    """Return how much of an amount stops do not cover."""
    return 0.0 if any(one.closes_all for one in stops) else max(0.0, amount - sum(one.amount for one in stops))


def _surplus(state: PairState, kept: Sequence[Stop]) -> Iterator[Action]:
    for stop in state.stops:
        if stop not in kept:
            yield Action(kind="cancel_surplus", pair=state.pair, stop=stop)


def _by_size(stops: Sequence[Stop]) -> list[Stop]:
    """Return the stops that cover most first."""
    return sorted(stops, key=lambda one: (not one.closes_all, -one.amount))
