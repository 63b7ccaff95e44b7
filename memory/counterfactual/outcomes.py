"""What a closed trade would have made otherwise, from candles that had closed.

path, as_of -> the first fill over its own candles, one thing changed at a time -> table

A replay that reaches neither stop nor target ends where somebody closed the trade; where a level closed it, at the
open of the n-th candle after that. What the candles up to `as_of` do not decide is left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from candlegraph.memory.counterfactual.course import afterwards_of, best_of, course_of
from candlegraph.memory.counterfactual.fills import ReplayedPosition, placed_stop, tier_of
from candlegraph.memory.counterfactual.path import TradePath, moment
from candlegraph.memory.counterfactual.replay import Replay, position_of, replay_of
from candlegraph.memory.counterfactual.table import Alternative, Outcome, Table

STOPS_ATR = (0.5, 1.0, 1.5, 2.0, 3.0)
TARGETS_R = (1.0, 2.0, 3.0)
EXITS = (1, 3, 6)
"""Candles earlier and later."""
TIMES = (12, 24, 48, 96)
"""Candles after which a trade that is still open is closed."""
ENTRIES = (1, 3)
"""Candles later."""
LEVERAGES = (0.5, 2.0)
"""Factors."""
FURTHER = 48
"""Candles looked at after the end: a day of half hours."""


def table_of(path: TradePath, as_of: datetime, further: int = FURTHER) -> Table:
    """Return every outcome that candles closed by `as_of` decide; raise ValueError before the trade's end was known."""
    if as_of < path.ending.known_at:
        raise ValueError(f"expected as_of from {path.ending.known_at} on, when the end was known, was {as_of}")
    if further < max(EXITS):
        raise ValueError(f"expected at least {max(EXITS)} further candles, was {further}")
    replay = replay_of(path, as_of, further)
    found = (*_stops(replay), *_targets(replay), *_exits(replay), *_entries(replay), *_leverages(replay))
    return Table(
        as_of=as_of,
        course=course_of(replay),
        actual_pct=replay.profit_pct(replay.planned, path.ending.price, path.ending.at.timestamp()),
        end_index=replay.end,
        pct_per_atr=100 * path.leverage * path.atr / path.entry_price,
        further=further,
        has_funding=path.funding is not None,
        outcomes=(*(one for one in found if one is not None), best_of(replay)),
        afterwards=afterwards_of(replay),
    )


def _stops(replay: Replay) -> Iterator[Outcome | None]:
    """Yield the stops in ATR, but the one that was planned."""
    path, planned = replay.path, replay.planned
    for atr in STOPS_ATR:
        price = path.entry_price - path.sign * atr * path.atr
        stop = placed_stop(price, path.entry_price, path.sign, path.leverage, path.tick)
        if price > 0 and stop != planned.stop:
            yield replay.played(Alternative("stop", atr), replace(planned, stop=stop))


def _targets(replay: Replay) -> Iterator[Outcome | None]:
    """Yield the targets in R of the planned stop; none without one."""
    path = replay.path
    for many in TARGETS_R if path.risk is not None else ():
        target = path.entry_price + path.sign * many * (path.risk or 0.0)
        if target > 0:
            yield replay.played(Alternative("target", many), replace(replay.planned, target=target))


def _exits(replay: Replay) -> Iterator[Outcome | None]:
    """Yield other moments of the exit; later ones only where the exit was somebody's choice."""
    for many in EXITS:
        if replay.end > many:
            yield _earlier(replay, many)
    for many in EXITS if replay.is_chosen else ():
        yield replay.played(Alternative("later", many), replay.planned, until=replay.end + many)
    for many in TIMES:
        if many < replay.end + (not replay.is_chosen):
            yield replay.played(Alternative("time", many), replay.planned, until=many)


def _earlier(replay: Replay, many: int) -> Outcome | None:
    found = replay.closed(Alternative("earlier", many), replay.planned, "time", replay.end - many)
    return None if found is None else found.model_copy(update={"remarks": ("hindsight",)})


def _entries(replay: Replay) -> Iterator[Outcome | None]:
    """Yield entries some candles later with the distances kept."""
    for many in ENTRIES:
        if not replay.knows(many):
            continue
        alternative = Alternative("entry", many)
        if _is_off(replay, many):
            yield replay.without_trade(alternative, many)
        else:
            yield replay.played(alternative, _entered(replay, many))


def _is_off(replay: Replay, many: int) -> bool:
    """Return whether by then the trade's own exit or its stop had passed."""
    tape, planned = replay.tape, replay.planned
    if replay.is_chosen and replay.end <= many:
        return True
    if planned.stop is None:
        return False
    adverse = (tape.low if planned.sign > 0 else tape.high)[:many]
    reached = planned.sign * (adverse - planned.stop) <= 0
    return bool(reached.any()) or planned.sign * (float(tape.open[many]) - planned.stop) <= 0


def _entered(replay: Replay, many: int) -> ReplayedPosition:
    """Return the position of an entry at a later open, its levels as far away as planned."""
    path, price = replay.path, float(replay.tape.open[many])
    moved = price - path.entry_price
    later = path.model_copy(
        update={
            "entered_at": moment(int(replay.tape.time[many])),
            "entry_price": price,
            "stop": None if path.stop is None else path.stop + moved,
            "target": None if path.target is None else path.target + moved,
        }
    )
    return replace(position_of(later), first=many)


def _leverages(replay: Replay) -> Iterator[Outcome | None]:
    """Yield other leverages at the same stake, where the tier of their value allows them."""
    path = replay.path
    for factor in LEVERAGES:
        leverage = path.leverage * factor
        if 1 <= leverage <= tier_of(path.tiers, path.stake * leverage).max_leverage:
            yield replay.played(Alternative("leverage", factor), position_of(path, leverage=leverage))
