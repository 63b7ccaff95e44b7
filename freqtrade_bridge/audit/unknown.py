"""Positions that no trade knows, from the first sight to a person's decision.

seen twice, or known to be an entry of ours -> held and told -> adopt or flatten -> entries go on
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from freqtrade.persistence import Trade

from candlegraph.freqtrade_bridge.audit.account import LiveAccount, RequestRefused, RequestUnanswered, asked
from candlegraph.freqtrade_bridge.audit.adoption import Adopter, cause_of
from candlegraph.freqtrade_bridge.audit.books import Stops
from candlegraph.freqtrade_bridge.audit.following import Follower
from candlegraph.freqtrade_bridge.audit.holds import Holds
from candlegraph.freqtrade_bridge.audit.seen import HeldPosition, PairState, SeenOrder
from candlegraph.freqtrade_bridge.audit.telling import NOTHING, Reporter, choice_told, hold_told
from candlegraph.memory.books.audit import AuditKind, Cause, Hold

SHOWN_WITHIN = timedelta(minutes=1)
"""So long a close that was sent may not be seen in the position; sent twice it would close what a trade holds."""
WAITS = "a position that no trade knows waits for a person"


class Unknown:
    """Follows unknown positions; `stops` gets the plan of a lost entry ready."""

    def __init__(
        self, bot: Any, account: LiveAccount, holds: Holds, reporter: Reporter, stops: Stops, follower: Follower
    ) -> None:
        self._reporter, self._stops, self._holds, self._follower = reporter, stops, holds, follower
        self._adopter = Adopter(bot, account)
        self._sighted: set[str] = set()
        self._missed: set[str] = set()
        self._closed: dict[str, tuple[datetime, datetime]] = {}

    def is_sighted(self, pair: str) -> bool:
        """Return whether something unknown was seen, and it is not sure yet what it is."""
        return pair in self._sighted and self._holds.of(pair) is None

    def settle(self, state: PairState, excess: float, *, is_bare: bool) -> str | None:
        """Take one look's unknown amount of a pair one step on; return why entries of the pair wait.

        `is_bare`: its stop could not be set.
        """
        hold = self._holds.of(state.pair)
        if not excess or state.position is None:
            self._sighted.discard(state.pair)
            return None if hold is None else self._gone(hold, state.now)
        self._missed.discard(state.pair)
        if hold is None:
            return self._seen(state.position, excess, state.now, is_bare=is_bare)
        if hold.wanted is not None:
            self._decided(hold, state, excess)
        return WAITS

    def _seen(self, position: HeldPosition, excess: float, now: datetime, *, is_bare: bool) -> str:
        """Hold a pair once it is sure that the position is there: a look may show what was closed a moment ago.

        An order of ours that is filled and in no trade is sure at once.
        """
        orders = self._origins(position, excess, now)
        cause = cause_of(orders)
        is_sure = position.pair in self._sighted or cause == "answer_lost"
        self._sighted.add(position.pair)
        if is_sure:
            self._hold(position, excess, cause, now, is_bare=is_bare)
            if cause == "answer_lost":
                self._stops.found(position.pair, orders, position.leverage, now)
        return WAITS

    def _origins(self, position: HeldPosition, excess: float, now: datetime) -> tuple[SeenOrder, ...]:
        try:
            return self._adopter.origins(position, excess, now) or ()
        except (RequestRefused, RequestUnanswered):
            return ()

    def _hold(self, position: HeldPosition, excess: float, cause: Cause, now: datetime, *, is_bare: bool) -> None:
        hold = Hold(
            namespace=self._reporter.namespace,
            pair=position.pair,
            since=now,
            side=position.side,
            amount=excess,
            entry=position.entry,
            leverage=position.leverage,
            cause=cause,
        )
        self._holds.keep(hold, now)
        has = "its stop is not set yet" if is_bare else "it has a stop"
        done = f"{has}, and entries of the pair wait until you decide, also after a restart"
        self._reporter.tell("position_unknown", hold.pair, now, hold_told(hold), done, choice_told(hold.pair))

    def _gone(self, hold: Hold, now: datetime) -> str | None:
        """Let entries go on once two looks in a row show nothing unknown."""
        is_first, told = hold.pair not in self._missed, self._ended(hold)
        self._missed.add(hold.pair)
        if is_first and told is None:
            return WAITS
        self._missed.discard(hold.pair)
        self._closed.pop(hold.pair, None)
        self._holds.release(hold.pair)
        found = f"the {hold.side} that no trade knew is not on the exchange any more"
        lost = "what ended it was not found, so no trade says what it gained or lost"
        told = told or (lost if hold.cause == "answer_lost" else None)
        done = "entries of the pair go on" if told is None else f"{told}; entries of the pair go on"
        self._reporter.tell("released", hold.pair, now, found, done, NOTHING)
        return None

    def _ended(self, hold: Hold) -> str | None:
        """Book a lost entry that ended before anybody decided, for its result is the bot's; return that in words.

        None: it is not the bot's, or the orders that ended it are not listed.
        """
        if hold.cause != "answer_lost":
            return None
        amount = hold.amount if hold.side == "long" else -hold.amount
        was = HeldPosition(
            pair=hold.pair,
            amount=amount,
            entry=hold.entry,
            mark=hold.entry,
            leverage=hold.leverage,
            updated_at=hold.since,
        )
        try:
            with asked("book it"):
                if not self._adopter.is_closed(was, hold.since):
                    along = self._adopter.taken_along(hold.pair, hold.since)
                    return along and f"the exit of trade {along.id} closed it too, and that trade's result holds it"
                self._stops.expect(hold.pair, hold.side, hold.since)
                trade = self._adopter.adopt(was, hold.amount, hold.since, None)
                return f"booked as trade {trade.id}: {self._follower.follow(trade, trade.amount)}"
        except (RequestRefused, RequestUnanswered) as e:
            return f"it could not be booked ({e})"

    def _decided(self, hold: Hold, state: PairState, excess: float) -> None:
        """Do what a person decided; what fails is tried again at the next loop."""
        assert state.position is not None, "there is an excess"
        try:
            with asked(f"{hold.wanted} it"):
                if hold.wanted == "adopt":
                    self._adopt(hold, state.position, excess, state)
                else:
                    self._flatten(hold, state.position, excess, state.now)
        except (RequestRefused, RequestUnanswered) as e:
            kind: AuditKind = "adopted" if hold.wanted == "adopt" else "flattened"
            todo = f"if this is said again: `candlegraph flatten {hold.pair}`, or close it on the exchange"
            self._reporter.tell(kind, hold.pair, state.now, hold_told(hold), f"{e}; it is tried again", todo)

    def _adopt(self, hold: Hold, position: HeldPosition, excess: float, state: PairState) -> None:
        same = state.trade if state.trade is not None and state.trade.side == position.side else None
        known = None if same is None else Trade.session.get(Trade, same.id)
        if known is None and hold.cause == "answer_lost":
            self._stops.expect(hold.pair, position.side, hold.since)
        trade = self._adopter.adopt(position, excess, hold.since, known)
        self._holds.release(hold.pair)
        done = f"as you decided it is trade {trade.id} now, by its true fills; entries of the pair go on"
        self._reporter.tell("adopted", hold.pair, state.now, hold_told(hold), done, NOTHING, trade_id=trade.id)

    def _flatten(self, hold: Hold, position: HeldPosition, excess: float, now: datetime) -> None:
        before = self._closed.get(hold.pair)
        if before is not None and before[0] == position.updated_at and now - before[1] < SHOWN_WITHIN:
            return  # the close that was sent is not shown yet
        self._closed[hold.pair] = (position.updated_at, now)
        self._adopter.flatten(position, excess)
        done = f"as you decided {excess:g} was closed at the market"
        self._reporter.tell("flattened", hold.pair, now, hold_told(hold), done, NOTHING)
