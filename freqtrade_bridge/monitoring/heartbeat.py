"""The heartbeat: what a running bot says of itself at the end of every loop, in one small file, always whole.

bot → keep → logs/heartbeat-dry_run.json → `candlegraph status`, `candlegraph health`, metrics; loads no freqtrade
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Literal

from pydantic import AwareDatetime, Field, ValidationError

from candlegraph.graph.schema.errors import BridgeError, ConfigError
from candlegraph.graph.schema.frozen import Frozen
from candlegraph.graph.schema.market import Price, Side

logger = logging.getLogger(__name__)
FOLDER, NAME = "logs", "heartbeat-{}.json"


class HeldTrade(Frozen):
    """An open trade with the stop and target that it is held to."""

    trade_id: int
    pair: str
    side: Side
    leverage: float
    stake: float = Field(description="margin, quote currency")
    entry_price: Price
    price: Price | None = Field(description="last known; None: none since the start")
    profit_pct: float | None = Field(description="net, of the stake")
    stop: Price = Field(description="as planned now")
    stop_set: float = Field(description="as freqtrade has it")
    is_protected: bool = Field(description="the stop that was planned at entry, or a nearer one, is in force")
    take_profit: Price | None
    opened_at: AwareDatetime
    decision_id: str


class DriftFound(Frozen):
    """What the last weekly comparison found."""

    week: str = Field(description="Monday on which it looked, UTC: 2025-11-17")
    measures: tuple[str, ...] = Field(description="what has changed more than chance explains; empty: nothing")


class Heartbeat(Frozen):
    """One bot at the end of one loop; times are of the machine's clock, UTC."""

    namespace: str
    pid: int
    started_at: AwareDatetime
    loop_at: AwareDatetime
    is_loop_late_after: float = Field(gt=0, description="seconds without a loop that are a stall")
    candle_seconds: float = Field(gt=0)
    is_candle_late_after: float = Field(gt=0, description="seconds from a candle's close until it must be decided")
    decided_at: AwareDatetime | None = Field(description="when the last candle was decided")
    decided: dict[str, AwareDatetime] = Field(description="by pair: close of its last decided candle")
    state: Literal["running", "paused"] = Field(description="freqtrade's: paused by a person opens nothing")
    halted: str | None
    paused: str | None = Field(description="why entries pause")
    budget: str | None = Field(description="the limit that is used up")
    resting: tuple[str, ...] = Field(description="models that are left alone after failures")
    equity: float = Field(ge=0, description="quote currency")
    drawdown_pct: float = Field(ge=0)
    day_profit_pct: float
    trades: tuple[HeldTrade, ...]
    drift: DriftFound | None = None

    @property
    def as_of(self) -> AwareDatetime | None:
        """Return the close of the newest candle that was decided."""
        return max(self.decided.values(), default=None)

    @property
    def candle(self) -> timedelta:
        """Return the length of a candle."""
        return timedelta(seconds=self.candle_seconds)

    @property
    def unprotected(self) -> tuple[str, ...]:
        """Return the pairs whose planned stop is not in force."""
        return tuple(trade.pair for trade in self.trades if not trade.is_protected)


def path_of(userdir: Path, namespace: str) -> Path:
    """Return the file of a namespace; `offline:a` has no colon in it, which some file systems refuse."""
    return userdir / FOLDER / NAME.format(namespace.replace(":", "-"))


class HeartbeatFile:
    """Where one bot keeps its heartbeat; a disk that fails is said once and stops no loop."""

    def __init__(self, userdir: Path, namespace: str) -> None:
        self._path = path_of(userdir, namespace)
        self._is_failing = False

    def last(self) -> Heartbeat | None:
        """Return what the bot before this one left; None where that cannot be read."""
        try:
            return _read(self._path)
        except (BridgeError, OSError):
            return None

    def keep(self, beat: Heartbeat) -> None:
        """Put the heartbeat in the place of the last one, whole or not at all."""
        partial = self._path.with_suffix(".partial")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            partial.write_text(beat.model_dump_json(), encoding="utf-8")
            partial.replace(self._path)
            self._is_failing = False
        except OSError as e:
            if not self._is_failing:
                logger.error("the heartbeat could not be written, `candlegraph health` will tell a stall: %s", e)
            self._is_failing = True


def heartbeats(userdir: Path) -> Sequence[Heartbeat]:
    """Return the last heartbeat of every bot of the folder, the newest first."""
    found = [_read(path) for path in (userdir / FOLDER).glob(NAME.format("*"))]
    return sorted(found, key=lambda beat: beat.loop_at, reverse=True)


def heartbeat_of(userdir: Path, namespace: str | None) -> Heartbeat | None:
    """Return the heartbeat of `namespace`, the newest one where none is named; raise ConfigError for an unknown one."""
    found = heartbeats(userdir)
    if namespace is None:
        return found[0] if found else None
    chosen = next((beat for beat in found if beat.namespace == namespace), None)
    if chosen is None and found:
        known = ", ".join(beat.namespace for beat in found)
        raise ConfigError(f"{userdir}: no bot has the namespace {namespace!r}; known: {known}")
    return chosen


def _read(path: Path) -> Heartbeat:
    try:
        return Heartbeat.model_validate_json(path.read_text(encoding="utf-8"))
    except ValidationError as e:
        first = e.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise BridgeError(f"{path} is no heartbeat of this candlegraph ({where}: {first['msg']}); remove it") from e
