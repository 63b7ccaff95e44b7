"""Every decision that acts is followed until it is known what became of it; its fate is set once, in the ledger.

accepted(row) -> look, refused, reached (the callbacks) -> filled or expire(now): the fate, a line, the next briefing

A signal that no order came of is settled when its candle has passed. Freqtrade drops some without a word: then the
last door that was seen closed before it is the reason.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from freqtrade.persistence import Order, Trade

from candlegraph.freqtrade_bridge.decisions.last_calls import LastCalls
from candlegraph.freqtrade_bridge.host.tags import MEANS
from candlegraph.graph.schema.fate import Fate, FateKind, LastCall, Refusal
from candlegraph.graph.schema.market import Side
from candlegraph.graph.schema.signal import Move, TradeSignal
from candlegraph.memory.books.ledger import DecisionRow

logger = logging.getLogger(__name__)

Stage = Literal["decided", "sized", "ordered"]
"""How far it came in freqtrade: ordered is what we let pass, with or without an order after it."""
Settle = Callable[[str, Fate], None]
Closed = Callable[[str, Side, datetime], Refusal | None]
WHOLE = 1 - 1e-6
"""Share of an order's amount from which on it counts as filled whole."""
NO_ORDER = "freqtrade placed no order: its log says why, or the amount is nothing in the exchange's steps"


@dataclass(frozen=True)
class Followed:
    """One decision that acts, as far as it came."""

    id: str
    pair: str
    as_of: datetime
    price: float
    signal: TradeSignal
    stage: Stage = "decided"
    refusal: Refusal | None = None
    closed: Refusal | None = None
    is_seen: bool = False

    @property
    def move(self) -> Move:
        """Return what should be done."""
        return self.signal.wanted


class FoundOrder(NamedTuple):
    """What an order did: filled at `at`, amounts in base currency."""

    id: str
    at: datetime
    side: str
    amount: float
    price: float
    leverage: float


class Fates:
    """The fates of one run; `settle` writes one down, `closed` is freqtrade's own test of an entry at this moment."""

    def __init__(self, settle: Settle, closed: Closed, length: timedelta, *, is_backtest: bool) -> None:
        self._settle = settle
        self._closed = closed
        self._length = length
        self._is_backtest = is_backtest
        self._followed: dict[str, Followed] = {}
        self._last = LastCalls(length)

    def recover(self, rows: Sequence[DecisionRow], opened: Collection[str]) -> None:
        """Follow on what an earlier process left; `opened` are the decisions behind the open trades."""
        for row in rows:
            if row.fate is not None:
                self._last.note(row.pair, row.as_of, row.signal.wanted, row.fate)
                continue
            self.accepted(row)
            if row.decision_id in opened:
                one = self._followed[row.decision_id]
                self._end(one, "filled", row.as_of, why="filled when the bot was stopped")

    def accepted(self, row: DecisionRow) -> None:
        """Follow the decision if it acts; one that was refused at once has its fate already."""
        if row.fate is not None:
            self._tell(row.pair, row.signal.wanted, row.fate)
            self._last.note(row.pair, row.as_of, row.signal.wanted, row.fate)
        elif row.acts:
            self._followed[row.decision_id] = Followed(row.decision_id, row.pair, row.as_of, row.price, row.signal)

    def changed(self, signal: TradeSignal, now: datetime) -> None:
        """Take a signal in place of the one that was followed: a person has answered."""
        one = self._followed.get(signal.decision_id)
        if one is None:
            return
        if signal.refusal is not None:
            self._end(one, "refused", now, signal.refusal)
        else:
            self._followed[one.id] = replace(one, signal=signal)

    def last_call(self, pair: str, as_of: datetime) -> LastCall | None:
        """Return what the briefing of the pair at `as_of` says of its last call."""
        return self._last.of(pair, as_of)

    # -- what the callbacks saw ---------------------------------------------------------------------------------------

    def look(self, pairs: Iterable[str], now: datetime) -> None:
        """Note which doors freqtrade will find closed for the entries that it has not asked for yet."""
        wanted = set(pairs)
        for one in self._of(lambda one: one.pair in wanted and one.signal.is_entry and one.stage == "decided"):
            side = one.signal.entry_side
            if side is not None and one.as_of <= now < one.as_of + self._length:
                seen = replace(one, is_seen=True, closed=self._closed(one.pair, side, one.as_of))
                self._followed[one.id] = seen

    def refused(self, decision_id: str, refusal: Refusal) -> None:
        """Note that a callback refused it; live freqtrade may ask again while the candle lasts."""
        self._change(decision_id, refusal=refusal)

    def hold_back(self, trade_id: int, refusal: Refusal) -> None:
        """Note that the newest addition to a trade was refused at the last moment: its order was not let through."""
        for one in self._of(lambda one: one.signal.trade_id == trade_id and one.signal.wanted.grows)[-1:]:
            self._change(one.id, stage="sized", refusal=refusal)

    def reached(self, decision_id: str, stage: Stage) -> None:
        """Note how far it came; an earlier refusal counts no more."""
        self._change(decision_id, stage=stage, refusal=None)

    def _change(self, decision_id: str, **known: object) -> None:
        if (one := self._followed.get(decision_id)) is not None:
            self._followed[decision_id] = replace(one, **known)  # type: ignore[arg-type]

    # -- the end of it ------------------------------------------------------------------------------------------------

    def filled(self, trade: Trade, order: Order, now: datetime, entry_id: str | None, *, is_final: bool) -> None:
        """Settle what the order was placed for, and what it has made needless; `entry_id` decided the entry."""
        if not order.safe_filled:  # freqtrade calls this for an order that was cancelled, too
            return
        ours = self._meant(trade, order, entry_id)
        for one in ours[:-1]:
            self._end(one, "superseded", now, why="a later call of the same kind was carried out")
        if ours:
            self._carried_out(ours[-1], trade, order, now)
        if is_final:
            why = f"the position was closed by {order.ft_order_tag or trade.exit_reason or 'freqtrade'}"
            for one in self._of(lambda one: one.signal.trade_id == trade.id):
                self._end(one, "no_order_needed", now, why=why)

    def found(self, pair: str, order: FoundOrder, now: datetime) -> None:
        """Settle the call that opened or enlarged a position by an order of which freqtrade knows nothing."""
        ours = self._of(
            lambda one: (
                one.pair == pair and one.signal.wanted.grows and one.as_of <= order.at < one.as_of + self._length
            )
        )
        if ours:
            self._set(ours[-1], _fate_of(ours[-1], order, now))

    def awaits(self, trade_id: int) -> bool:
        """Return whether an addition to a trade was let through, and no order of it is known."""
        let_through = self._of(lambda one: one.signal.trade_id == trade_id and one.stage == "ordered")
        return any(one.signal.wanted.grows for one in let_through)

    def expire(self, now: datetime, is_unsure: Callable[[str], bool]) -> None:
        """Settle what is left of candles that have passed, unless its order is still open.

        `is_unsure` says of a pair that an order that was let through may be on the exchange, and cannot be seen yet.
        """
        for one in self._of(lambda one: one.as_of + self._length <= now):
            if not _works(one) and not (one.stage == "ordered" and is_unsure(one.pair)):
                self._lapse(one, now)

    def end(self, now: datetime) -> None:
        """Settle the rest: the data of a backtest has ended."""
        for one in self._of(lambda one: True):
            self._lapse(one, now, "the data ended")

    def _meant(self, trade: Trade, order: Order, entry_id: str | None) -> list[Followed]:
        """Return what the order was placed for, oldest first."""
        if entry_id is not None:
            return self._of(lambda one: one.id == entry_id)
        fits = MEANS.get(order.ft_order_tag)
        return [] if fits is None else self._of(lambda one: one.signal.trade_id == trade.id and fits(one.signal))

    def _carried_out(self, one: Followed, trade: Trade, order: Order, now: datetime) -> None:
        kind: FateKind = "filled" if order.safe_filled >= order.safe_amount * WHOLE else "partly_filled"
        side, leverage = order.ft_order_side, trade.leverage or 1.0
        filled = FoundOrder(order.order_id, now, side, order.safe_filled, order.safe_price, leverage)
        self._set(one, _fate_of(one, filled, now, kind))

    def _lapse(self, one: Followed, now: datetime, why: str = "") -> None:
        """Settle what no order came of, by how far it came and what stood in its way."""
        if refusal := one.refusal or _dropped(one) or (one.closed if one.stage == "decided" else None):
            self._end(one, "refused", now, refusal)
        elif one.signal.trade_id is not None and not _is_open(one.signal.trade_id):
            self._end(one, "no_order_needed", now, why="the position was closed before")
        elif one.signal.instead_of is not None:
            self._end(one, "expired", now, why="nobody answered")
        elif self._is_backtest and one.signal.is_entry and not one.is_seen:
            why = "freqtrade had no candle to trade it at"
            self._end(one, "refused", now, Refusal(door="pair_not_tradable", why=why))
        else:
            self._end(one, "expired", now, why=why or "freqtrade placed no order while its candle lasted")

    def _end(self, one: Followed, kind: FateKind, now: datetime, refusal: Refusal | None = None, why: str = "") -> None:
        self._set(one, Fate(kind=kind, at=now, refusal=refusal, why=why))

    def _set(self, one: Followed, fate: Fate) -> None:
        del self._followed[one.id]
        self._settle(one.id, fate)
        self._tell(one.pair, one.move, fate)
        self._last.note(one.pair, one.as_of, one.move, fate)

    def _tell(self, pair: str, move: Move, fate: Fate) -> None:
        """Say a fate in one line; thousands of a backtest only to who debugs it."""
        logger.log(logging.DEBUG if self._is_backtest else logging.INFO, "%s %s: %s", pair, move.name, fate.line)

    def _of(self, wanted: Callable[[Followed], bool]) -> list[Followed]:
        return sorted((one for one in self._followed.values() if wanted(one)), key=lambda one: one.as_of)


def _fate_of(one: Followed, order: FoundOrder, now: datetime, kind: FateKind = "filled") -> Fate:
    worse = 1 if order.side == "buy" else -1
    return Fate(
        kind=kind,
        at=now,
        order_id=order.id,
        price=order.price,
        amount=order.amount,
        stake=order.amount * order.price / order.leverage,
        leverage=order.leverage,
        slippage_pct=100 * worse * (order.price / one.price - 1),
        seconds=max(0.0, (order.at - one.as_of).total_seconds()),
    )


def without_fate(rows: Iterable[DecisionRow], now: datetime, length: timedelta) -> list[DecisionRow]:
    """Return the decisions that act, whose candle has passed, and of which nobody knows what became: a fault of ours.

    One whose order is still open is not among them.
    """
    passed = [row for row in rows if row.acts and row.fate is None and row.as_of + length <= now]
    return [row for row in passed if not _pair_works(row.pair)]


def _dropped(one: Followed) -> Refusal | None:
    """Return why freqtrade placed no order for what we let pass."""
    if one.stage == "decided":
        return None
    return Refusal(door="exchange_minimum" if one.stage == "sized" else "exchange", why=NO_ORDER)


def _works(one: Followed) -> bool:
    """Return whether an order of the decision is still open at the exchange."""
    return one.stage == "ordered" and _pair_works(one.pair)


def _pair_works(pair: str) -> bool:
    return any(trade.pair == pair and trade.has_open_orders for trade in Trade.get_trades_proxy(is_open=True))


def _is_open(trade_id: int) -> bool:
    return any(trade.id == trade_id for trade in Trade.get_trades_proxy(is_open=True))
