"""One closed trade, ready to be played anew with one thing changed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from candlegraph.memory.counterfactual.fills import (
    ReplayedPosition,
    Tape,
    liquidation_price,
    net_ratio,
    on_tick,
    placed_stop,
    reached,
    tape_of,
    tier_of,
)
from candlegraph.memory.counterfactual.path import TradePath, moment
from candlegraph.memory.counterfactual.table import Alternative, End, Outcome, Remark

BLURRED_ATR = 0.5
"""With stops up to this one the entry candle's unseen path decides: 43 % of such trades ended in it."""


@dataclass(frozen=True)
class Replay:
    """A path as far as it was known, and the position of its first fill."""

    path: TradePath
    tape: Tape
    planned: ReplayedPosition
    end: int
    """The candle in which the trade ended; that of the entry is 0."""
    further: int
    """Candles after it that are looked at."""

    @property
    def is_chosen(self) -> bool:
        """Return whether somebody closed the trade, and no level did."""
        return self.path.ending.kind == "exit"

    def knows(self, index: int) -> bool:
        """Return whether a candle had closed."""
        return index < len(self.tape.time)

    def played(self, alternative: Alternative, position: ReplayedPosition, until: int | None = None) -> Outcome | None:
        """Return how a position ends; `until`: closed at that candle's open at the latest; None: not decided yet."""
        last = (self.end if self.is_chosen else self.end + self.further) if until is None else until
        fill = reached(self.tape, position, last)
        if fill is not None:
            return self.outcome(alternative, position, fill.level, fill.candle, fill.price)
        if until is None and self.is_chosen:
            return self.outcome(alternative, position, "exit", last, self.path.ending.price)
        return self.closed(alternative, position, "horizon" if until is None else "time", last)

    def closed(self, alternative: Alternative, position: ReplayedPosition, end: End, index: int) -> Outcome | None:
        """Return the position closed at a candle's open; None before that candle has closed."""
        if not self.knows(index):
            return None
        return self.outcome(alternative, position, end, index, on_tick(float(self.tape.open[index]), self.tape.tick))

    def outcome(
        self, alternative: Alternative, position: ReplayedPosition, end: End, index: int, price: float, *remarks: Remark
    ) -> Outcome:
        """Return a position that ends in a candle at a price."""
        is_blurred = alternative.kind == "stop" and alternative.value <= BLURRED_ATR
        blurred: tuple[Remark, ...] = ("entry_candle",) if is_blurred else ()
        return Outcome(
            kind=alternative.kind,
            value=alternative.value,
            end=end,
            index=index,
            price=price,
            profit_pct=self.profit_pct(position, price, self.ended(end, index)),
            known_at=self.known_at(end, index),
            remarks=(*blurred, *remarks),
        )

    def without_trade(self, alternative: Alternative, index: int) -> Outcome:
        """Return that there would have been no trade, as the candles up to `index` show."""
        return Outcome(
            kind=alternative.kind,
            value=alternative.value,
            end="none",
            index=index,
            price=None,
            profit_pct=0.0,
            known_at=self.known_at("none", index),
        )

    def profit_pct(self, position: ReplayedPosition, price: float, ended: float) -> float:
        """Return the net profit of the stake for a position that is closed at a time, seconds."""
        paid = self.tape.funding(position.entered, ended)
        return 100 * net_ratio(position, price, self.tape.fee, paid)

    def ended(self, end: End, index: int) -> float:
        """Return the time that an end has, seconds: the own exit's, else the opening of its candle."""
        if end == "exit" and index == self.end:
            return self.path.ending.at.timestamp()
        return float(self.path.candles.time[0] + index * self.path.length)

    def known_at(self, end: End, index: int) -> datetime:
        """Return when an end became known: the close of its candle, and never before the trade's own end."""
        own = self.path.ending.known_at
        if end == "exit" and index == self.end:
            return own
        return max(own, moment(int(self.tape.time[index]) + self.path.length))


def replay_of(path: TradePath, as_of: datetime, further: int) -> Replay:
    """Return the path cut to what was known."""
    return Replay(path, tape_of(path, as_of.timestamp()), position_of(path), path.end, further)


def position_of(path: TradePath, *, leverage: float | None = None) -> ReplayedPosition:
    """Return the first fill with its planned levels, at its own or another leverage with the same stake."""
    held = path.leverage if leverage is None else leverage
    tier = tier_of(path.tiers, path.stake)  # by margin, as Freqtrade looks it up
    return ReplayedPosition(
        sign=path.sign,
        entry=path.entry_price,
        entered=path.entered_at.timestamp(),
        first=0,
        leverage=held,
        stop=None if path.stop is None else placed_stop(path.stop, path.entry_price, path.sign, held, path.tick),
        target=path.target,
        liquidation=liquidation_price(path.sign, path.entry_price, held, path.stake, tier, path.tick),
    )
