"""The auditor of a live account, at every loop before anything else: look -> judge -> carry out -> tell.

And within the loop of a fill: the stop is on the exchange before freqtrade's own next loop would place it.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from freqtrade.persistence import Trade

from candlegraph.freqtrade_bridge.audit.account import LiveAccount, RequestRefused, RequestUnanswered
from candlegraph.freqtrade_bridge.audit.books import (
    Stops,
    forget_stop,
    nearer,
    on_grid,
    open_trade_of,
    real,
    was_filled_since,
)
from candlegraph.freqtrade_bridge.audit.doubts import Doubts
from candlegraph.freqtrade_bridge.audit.fills import FillStops
from candlegraph.freqtrade_bridge.audit.following import Follower
from candlegraph.freqtrade_bridge.audit.hands import Hands
from candlegraph.freqtrade_bridge.audit.holds import Holds
from candlegraph.freqtrade_bridge.audit.judge import SETTLES, judge
from candlegraph.freqtrade_bridge.audit.results import copy_result, lost_additions, settle
from candlegraph.freqtrade_bridge.audit.seen import Action, HeldPosition, Look, PairState, StopState
from candlegraph.freqtrade_bridge.audit.telling import Reporter, Send
from candlegraph.freqtrade_bridge.audit.unknown import Unknown
from candlegraph.graph.schema.market import Side
from candlegraph.memory.books.audit import AuditBook

logger = logging.getLogger(__name__)

PATIENCE = 3
"""So many looks in a row may fail before somebody is woken."""
NO_LOOK, BROKEN = "the exchange could not be looked at", "the auditor failed; its error is in the log"
NOT_RIGHT, BARE = "the auditor could not put its books right yet", "a stop could not be set yet"
BLIND_DONE = "no entry is made until it is; freqtrade goes on with its exits and stops"
BLIND_TODO = "look at the positions and stops on the exchange yourself, and at the log for why"


class Auditor:
    """Watches one live account; `bot` is freqtrade's, `stops` says where stops belong."""

    def __init__(self, bot: Any, book: AuditBook, namespace: str, send: Send, stops: Stops) -> None:
        self._bot, self._stops = bot, stops
        self._account = account = LiveAccount(bot.exchange)
        self._exits: dict[int, str] = {}
        self._reporter = reporter = Reporter(book, send, namespace)
        follower = Follower(bot, account, self._exits)
        self._hands = Hands(bot, account, reporter, follower)
        self._holds = Holds(bot, book, namespace)
        self._unknown = Unknown(bot, account, self._holds, reporter, stops, follower)
        self._doubts = Doubts(account)
        self.fills = FillStops(bot, account)
        self._waits: dict[str, str] = {}
        self._denied: dict[int, set[str]] = {}
        self._blind, self._failed = NO_LOOK, 0

    # -- at every loop ------------------------------------------------------------------------------------------------

    def look(self, pairs: Sequence[str], now: datetime) -> None:
        """Look at the account, and put right what is wrong with the pairs that are ours.

        Until it has been done once, and after it failed for whatever reason, entries wait.
        """
        self.fills.forget()
        self._failed += 1
        if self._failed > PATIENCE:
            self._reporter.tell("blind", "all pairs", now, self._blind, BLIND_DONE, BLIND_TODO)
        # Nobody may trade between the exchange's answer and the reading of the books: forced entries and exits wait.
        with self._bot._exit_lock:
            try:
                seen = self._account.look(now)
            except (RequestRefused, RequestUnanswered) as e:
                logger.warning("%s: %s", NO_LOOK, e)
                self._blind = f"{NO_LOOK}: {e}"
                return
            self._blind, self._waits = BROKEN, {}
            self._holds.refresh(now)
            for state in self._states(seen, pairs):
                self._put_right(state)
        self._blind, self._failed = "", 0

    def _states(self, seen: Look, pairs: Sequence[str]) -> list[PairState]:
        trades = {trade.pair: trade for trade in Trade.get_open_trades()}
        watched = dict.fromkeys([*pairs, *trades, *self._holds.pairs])
        return [self._state(pair, seen, trades.get(pair)) for pair in (*watched, *_traded_before(seen, watched))]

    def _state(self, pair: str, seen: Look, trade: Trade | None) -> PairState:
        position, stops = seen.position(pair), seen.stops_of(pair)
        known = None if trade is None else open_trade_of(trade, self._stops, self._bot.exchange)
        hidden = set(() if known is None else known.stop_ids) - {one.id for one in stops}
        found = {one: self._account.state_of(one, pair, position) for one in sorted(hidden)}
        asked = {one: hidden_stop.state for one, hidden_stop in found.items()}
        if trade is not None:
            self._forget_denied(trade, asked)
        return PairState(
            pair=pair,
            position=position,
            stops=stops,
            trade=known,
            asked=asked,
            spent=sum(hidden_stop.spent for hidden_stop in found.values()),
            is_fresh=position is not None and was_filled_since(pair, seen.at - SETTLES),
            now=seen.at,
        )

    def _forget_denied(self, trade: Trade, asked: Mapping[str, StopState]) -> None:
        """Forget stops that two looks in a row could not find: freqtrade would wait 35 s for each in every loop."""
        denied = {one for one, found in asked.items() if found == "denied"}
        for stop_id in denied & self._denied.get(trade.id, set()):
            logger.warning(
                "%s: trade %s: the exchange does not know its stop %s any more", trade.pair, trade.id, stop_id
            )
            forget_stop(trade, stop_id)
        self._denied[trade.id] = denied

    def _put_right(self, state: PairState) -> None:
        """Carry out what is to be done for a pair; its entries wait while something is left."""
        for action in judge(state):
            if action.kind == "follow_position" and self._hands.carry_out(action, state.now):
                state = self._followed(state)
        rest = [action for action in judge(state) if action.kind != "follow_position"]
        asks = [action for action in rest if not self._is_done(self._priced(action, state.position), state)]
        excess = next((action.amount for action in asks if action.kind == "ask_person"), 0.0)
        is_bare = self._waits.get(state.pair) == BARE
        if why := self._unknown.settle(state, excess, is_bare=is_bare) or self._doubted(state):
            self._waits[state.pair] = why

    def _followed(self, state: PairState) -> PairState:
        """Return the state after the books followed the position: a trade that is closed has taken its stops along."""
        trade = None if state.trade is None else Trade.session.get(Trade, state.trade.id)
        assert trade is not None, "it was followed a moment ago"
        ended = {one.order_id for one in trade.sl_orders if not one.ft_is_open}
        left = open_trade_of(trade, self._stops, self._bot.exchange) if trade.is_open else None
        stops = tuple(one for one in state.stops if one.id not in ended)
        return state.model_copy(update={"trade": left, "stops": stops})

    def _is_done(self, action: Action, state: PairState) -> bool:
        """Carry out an action; return False for what is a person's to decide."""
        if action.kind == "ask_person":
            return False
        if action.kind == "set_stop" and not self.fills.is_on_exchange:
            return True
        if action.kind == "cancel_surplus" and action.pair in self._waits:
            return True  # what should take its place may not be there: the next look decides
        if not self._hands.carry_out(action, state.now):
            self._waits[action.pair] = BARE if action.kind == "protect_unknown" else NOT_RIGHT
        return True

    def _doubted(self, state: PairState) -> str | None:
        """Return why a pair must wait whose last entry may be on the exchange."""
        if self._holds.of(state.pair) is not None:
            self._doubts.forget(state.pair)
        try:
            return self._doubts.look(state.pair, state.now)
        except (RequestRefused, RequestUnanswered) as e:
            return str(e)

    def _priced(self, action: Action, position: HeldPosition | None) -> Action:
        """Return the action with the price of a stop that no plan gives, no wider than what it has already."""
        if action.kind != "protect_unknown" or position is None:
            return action
        derived = self._stops.unknown(position)
        wanted = derived if action.price is None else nearer(position.side, derived, action.price)
        price = on_grid(self._bot.exchange, action.pair, wanted, position.side)
        return action.model_copy(update={"price": price})

    # -- what the strategy's callbacks say and ask --------------------------------------------------------------------

    def why_not_enter(self, pair: str) -> str | None:
        """Return why nothing may be opened in the pair now."""
        return self._blind or self._waits.get(pair)

    def is_unsure(self, pair: str) -> bool:
        """Return whether an order of the pair may be on the exchange without being known yet."""
        return bool(self._blind) or self._unknown.is_sighted(pair)

    def let_through(self, pair: str, side: Side, now: datetime) -> None:
        """Note that freqtrade is about to send an entry."""
        self._doubts.let_through(pair, side, now)

    def leaving(self, trade_id: int, tag: str) -> None:
        """Note why freqtrade is about to send an exit, should its answer be lost."""
        self._exits[trade_id] = tag

    def filled(self, trade: Trade, now: datetime) -> None:
        """Let the books of a trade that has just closed hold its true result; `trade` is the callback's copy.

        An addition whose answer was lost may have been closed along with it, before a look could show it.
        """
        if not trade.is_open:
            kept = real(trade)
            if self._stops.awaits(trade.id):
                self._find_lost(kept, now)
            if missing := settle(kept, self._account):
                logger.info("%s: trade %s: %+.2f that freqtrade had not booked", trade.pair, trade.id, missing)
            copy_result(kept, trade)
            self._exits.pop(trade.id, None)

    def _find_lost(self, trade: Trade, now: datetime) -> None:
        """Set the fates of the additions to a trade that were filled without an answer."""
        try:
            orders = lost_additions(trade, self._account)
        except (RequestRefused, RequestUnanswered) as e:
            logger.warning("%s: trade %s: what became of its addition is not known: %s", trade.pair, trade.id, e)
            return
        self._stops.found(trade.pair, orders, trade.leverage or 1.0, now)


def _traded_before(seen: Look, watched: Collection[str]) -> list[str]:
    """Return the other pairs on the exchange that freqtrade has traded before: the rest is none of our business."""
    shown = dict.fromkeys([*(one.pair for one in seen.positions), *(one.pair for one in seen.stops)])
    return [
        pair for pair in shown if pair not in watched and Trade.get_trades([Trade.pair == pair]).first() is not None
    ]
