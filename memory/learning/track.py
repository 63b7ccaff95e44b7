"""What happens while a trade is open: its best and worst price, what was decided, how the market was at the entry.

entry fill -> Track -> after each candle, decision and fill -> close -> into the outbox with the trade

Prices come from the high and low of every closed candle, so that a bot that looks once a candle misses none.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Literal

from pydantic import AwareDatetime, Field
from sqlalchemy import Connection, Engine, delete, insert, select

from candlegraph.graph.schema.market import PUNCTUAL, Frozen, Price, Side, TimeframeView
from candlegraph.graph.schema.signal import TradeSignal
from candlegraph.memory.counterfactual.path import Opening
from candlegraph.memory.learning.comparison import Comparison, MarketState, compare
from candlegraph.memory.storage.database import reading, writing
from candlegraph.memory.storage.tables import positions

KEPT_REASONS = 100
"""As many as the longest loop that a rule can look for."""
KEPT_WARNINGS = 10


class Change(Frozen):
    """One fill between entry and exit."""

    kind: Literal["add", "reduction"]
    at: AwareDatetime
    price: Price
    stake: float = Field(ge=0, description="margin added or released, quote currency")
    profit: float | None = Field(description="realised by a reduction, net of fees and funding, quote currency")
    tag: str


class Track(Frozen):
    """One open trade; best and worst are seen from its side."""

    namespace: str = Field(min_length=1)
    trade_key: str = Field(min_length=1)
    pair: str
    side: Side
    leverage: float = Field(ge=1)
    opened_at: AwareDatetime
    entry_price: Price = Field(description="average, after adds")
    best: Price
    worst: Price
    deepest_retreat: float = Field(0, ge=0, description="a close's most from the best price before, ratio of the entry")
    candle: AwareDatetime | None = Field(None, description="open time of the newest candle counted")
    candles: int = Field(0, ge=0)
    decisions: int = Field(0, ge=0)
    holds: int = Field(0, ge=0, description="decisions in a row that left it as it is")
    all_holds: int = Field(0, ge=0)
    recorded: int = Field(0, ge=0, description="record_decision_to_rag calls that were stored")
    reasons: tuple[str, ...] = Field((), description="of the newest decisions, oldest first")
    warnings: tuple[str, ...] = Field((), description="of the checker, newest last, one a rule")
    changes: tuple[Change, ...] = ()
    beside: int | None = Field(None, ge=0, description="trades of its side open at its entry; None: not noted")
    entry: MarketState | None = Field(None, description="None: it was not known")
    opening: Opening | None = Field(None, description="None: it was not followed from its entry fill on")
    stop_moved: bool = Field(False, description="by the close")
    exit: MarketState | None = Field(None, description="at the last decision before the close")

    @property
    def deepest_give_back_pct(self) -> float:
        """Return the most that was given back of the best profit at any close, % of the stake, before fees."""
        return 100 * self.leverage * self.deepest_retreat

    @property
    def is_changed(self) -> bool:
        """Return whether the trade was more than its first fill: added to, partly closed, or its stop was moved."""
        return self.stop_moved or bool(self.changes)

    @property
    def comparison(self) -> Comparison | None:
        """Return the market at the exit against that at the entry."""
        return None if self.entry is None or self.exit is None else compare(self.entry, self.exit)

    def after_candle(self, candle: TimeframeView, as_of: datetime) -> Track:
        """Return the track after the candle that closed at `as_of`; one that was counted before changes nothing.

        Of the candle in which the trade was opened late only the close is known to belong to it.
        """
        if as_of <= self.opened_at or (self.candle is not None and candle.candle <= self.candle):
            return self
        whole = self.opened_at <= candle.candle + PUNCTUAL
        high, low = (candle.high, candle.low) if whole else (candle.close, candle.close)
        seen = self.after_prices(high, low)
        retreat = max(self.deepest_retreat, abs(seen.best - candle.close) / self.entry_price)
        counted = {"candle": candle.candle, "candles": self.candles + 1, "deepest_retreat": retreat}
        return seen.model_copy(update=counted)

    def after_prices(self, high: float, low: float) -> Track:
        """Return the track after prices at which the trade was open."""
        up, down = (high, low) if self.side == "long" else (low, high)
        better, worse = (max, min) if self.side == "long" else (min, max)
        return self.model_copy(update={"best": better(self.best, up), "worst": worse(self.worst, down)})

    def after_signal(self, signal: TradeSignal) -> Track:
        """Return the track after one more decision."""
        stays = signal.is_hold
        repeated = {rule_of(one) for one in signal.warnings}
        earlier = tuple(one for one in self.warnings if rule_of(one) not in repeated)
        return self.model_copy(
            update={
                "decisions": self.decisions + 1,
                "holds": self.holds + 1 if stays else 0,
                "all_holds": self.all_holds + stays,
                "reasons": (*self.reasons, signal.reason)[-KEPT_REASONS:],
                "warnings": (*earlier, *signal.warnings)[-KEPT_WARNINGS:],
            }
        )

    def after_records(self, count: int) -> Track:
        """Return the track after `count` more of its decisions were stored in the memory."""
        return self.model_copy(update={"recorded": self.recorded + count})

    def after_change(self, change: Change, entry_price: float) -> Track:
        """Return the track after an add or a reduction; `entry_price` is the average one now."""
        return self.model_copy(update={"changes": (*self.changes, change), "entry_price": entry_price})


def rule_of(warning: str) -> str:
    """Return the checker's rule behind a warning, which reads `rule: why`."""
    return warning.partition(":")[0]


class PositionTracker:
    """The tracks of one namespace's open trades, in RAM and, live, in the database after every change.

    A backtest that ends early is never gone on with, so its tracks are not written before the trade closes.
    """

    def __init__(self, engine: Engine, namespace: str, *, is_durable: bool) -> None:
        self._engine, self._namespace, self._is_durable = engine, namespace, is_durable
        self._lock = threading.Lock()
        with reading(engine) as connection:
            docs = connection.scalars(select(positions.c.doc).where(positions.c.namespace == namespace)).all()
        found = [Track.model_validate_json(doc) for doc in docs]
        self._tracks = {track.trade_key: track for track in found}
        self.tracks: Mapping[str, Track] = MappingProxyType(self._tracks)
        """Of open trades by their keys; one that was opened before it could be followed has none."""

    def open(self) -> tuple[Track, ...]:
        """Return all tracks: of open trades, and of those that were closed while the bot was away."""
        with self._lock:
            return tuple(self._tracks.values())

    def put(self, *tracks: Track) -> None:
        """Keep the newest of some trades, in one transaction."""
        with self._lock:
            changed = [track for track in tracks if self._tracks.get(track.trade_key) != track]
            self._tracks.update({track.trade_key: track for track in changed})
            if changed and self._is_durable:
                with writing(self._engine, "outbox") as (connection, _):
                    write_tracks(connection, changed)

    def drop(self, trade_key: str) -> None:
        """Forget a trade that is closed; its row goes when it has been learnt from."""
        with self._lock:
            self._tracks.pop(trade_key, None)


def write_tracks(connection: Connection, tracks: Iterable[Track]) -> None:
    """Put tracks in the place of older ones; call it inside `writing`."""
    for track in tracks:
        own = (positions.c.namespace == track.namespace) & (positions.c.trade_key == track.trade_key)
        connection.execute(delete(positions).where(own))
        connection.execute(insert(positions).values(_columns(track)))


def _columns(track: Track) -> dict[str, str]:
    return {"namespace": track.namespace, "trade_key": track.trade_key, "doc": track.model_dump_json()}
