"""Whether a bot is well, told by its heartbeat and its disk alone; pure, and loads no freqtrade."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from candlegraph.freqtrade_bridge.monitoring.heartbeat import Heartbeat
from candlegraph.graph.schema.frozen import Frozen

LEAST_FREE_MB = 500
"""A disk with less room is told before the databases refuse to write."""
MB = 1_000_000


class HealthCheck(Frozen):
    """One thing that was looked at."""

    name: str
    is_well: bool
    said: str


def checks(beat: Heartbeat, free_bytes: int, now: datetime) -> list[HealthCheck]:
    """Return all checks, the most urgent first."""
    return [HealthCheck(name=name, is_well=well, said=said) for name, well, said in _looked(beat, free_bytes, now)]


def _looked(beat: Heartbeat, free_bytes: int, now: datetime) -> Iterator[tuple[str, bool, str]]:
    yield ("stops", not beat.unprotected, _stops_told(beat))
    yield ("loop", *_loop(beat, now))
    yield ("candle", *_candle(beat, now))
    yield ("halt", beat.halted is None, beat.halted or "the account is not halted")
    yield ("entries", beat.paused is None, f"entries pause: {beat.paused}" if beat.paused else "entries do not pause")
    yield ("models", not beat.resting, _models_told(beat))
    yield ("budget", beat.budget is None, _budget_told(beat))
    free = free_bytes / MB
    yield ("disk", free >= LEAST_FREE_MB, f"{free:,.0f} MB free, at least {LEAST_FREE_MB} are needed")


def _stops_told(beat: Heartbeat) -> str:
    if beat.unprotected:
        return f"the planned stop is not in force: {', '.join(beat.unprotected)}"
    return f"open trades: {len(beat.trades)}, each with its stop" if beat.trades else "no open trade"


def _loop(beat: Heartbeat, now: datetime) -> tuple[bool, str]:
    age = (now - beat.loop_at).total_seconds()
    said = f"last loop {duration_told(age)} ago"
    if age <= beat.is_loop_late_after:
        return True, said
    late = f"expected one within {beat.is_loop_late_after:.0f} s"
    return False, f"the bot stands still or is stopped: {said}, {late}; `candlegraph logs` says more"


def _candle(beat: Heartbeat, now: datetime) -> tuple[bool, str]:
    """Return whether the newest candle that must be decided is; a bot that has just started has until the next one."""
    late = timedelta(seconds=beat.is_candle_late_after)
    due = (beat.as_of or beat.started_at) + beat.candle + late
    said = "no candle decided yet" if beat.as_of is None else f"last decided candle closed {_age(beat.as_of, now)} ago"
    if now <= due:
        return True, said
    return False, f"no new candle is decided: {said}, the next one was due {_age(due, now)} ago"


def _models_told(beat: Heartbeat) -> str:
    if not beat.resting:
        return "the models answer"
    return f"{', '.join(beat.resting)}: left alone after failures in a row, one call tries now and then"


def _budget_told(beat: Heartbeat) -> str:
    return f"{beat.budget}: no model is asked, open trades keep their stops" if beat.budget else "no limit is used up"


def _age(time: datetime, now: datetime) -> str:
    return duration_told((now - time).total_seconds())


def duration_told(seconds: float) -> str:
    """Return a span for a person: 12 s, 31 min, 5.5 h, 3.2 days."""
    for unit, size, form in (("days", 172_800, 86_400), ("h", 7_200, 3_600), ("min", 120, 60)):
        if seconds >= size:
            return f"{seconds / form:.{0 if unit == 'min' else 1}f} {unit}"
    return f"{max(0.0, seconds):.0f} s"
