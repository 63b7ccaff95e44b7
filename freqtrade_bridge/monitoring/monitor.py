"""The end of every loop of a live or dry-run bot: its heartbeat, and what has changed since the last loop, told once.

looped(now) → heartbeat → checks → a message for each that turned, and for a loop that came late
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from freqtrade.persistence import Trade

from candlegraph.freqtrade_bridge.host.chat import Tell, teller
from candlegraph.freqtrade_bridge.host.pause_file import KEY, PauseFile
from candlegraph.freqtrade_bridge.monitoring.decided import DecidedCandles
from candlegraph.freqtrade_bridge.monitoring.drift_watch import DriftWatch
from candlegraph.freqtrade_bridge.monitoring.health import HealthCheck, checks, duration_told
from candlegraph.freqtrade_bridge.monitoring.heartbeat import Heartbeat
from candlegraph.freqtrade_bridge.monitoring.pings import Pings
from candlegraph.freqtrade_bridge.monitoring.pulse import Parts, Pulse
from candlegraph.freqtrade_bridge.monitoring.sums import LedgerSums
from candlegraph.freqtrade_bridge.monitoring.trade_notes import TradeNotes
from candlegraph.freqtrade_bridge.monitoring.words import end_told, entry_told, start_told
from candlegraph.freqtrade_bridge.trades.plan import Plan
from candlegraph.graph.context import Context
from candlegraph.graph.schema.experience import Experience
from candlegraph.memory.books.audit import AuditBook
from candlegraph.memory.books.ledger import Ledger
from candlegraph.tools.market.frames import duration

logger = logging.getLogger(__name__)

TOLD_ELSEWHERE = ("loop", "halt", "entries")
"""A loop that stands tells nothing; the other two are told in the moment that they happen."""


class Monitor:
    """Watches one run from inside; `provider` is freqtrade's, for messages."""

    def __init__(self, config: Mapping[str, Any], context: Context, provider: Any, parts: Parts) -> None:
        self._context = context
        self._pulse = Pulse(config, context, provider, parts)
        self._tell = teller(provider)
        self._turns = Turns(self._tell)
        self._last: Heartbeat | None = None
        self._switch = PauseFile(Path(context.user_data_dir))
        self._hand = self._switch.read()
        ledger = Ledger(context.database)
        self._notes = TradeNotes(ledger, context.namespace, parts.plans)
        self.drift = DriftWatch(ledger, context.namespace, self._tell, self._pulse.found, self._pulse.drift)
        self.shown = DecidedCandles(context.database, context.namespace)
        wanted = context.settings.monitoring
        self.pings = None if wanted.ping_url is None else Pings(wanted.ping_url)
        if wanted.metrics_port is not None:
            self._serve()
        logger.info("%s", start_told(context, len(provider.current_whitelist()), parts.guard.halt))

    def looped(self, now: datetime, opened: Iterable[Trade]) -> None:
        """Look at the bot after a loop; an open trade whose entry is not filled yet holds nothing and has no plan."""
        held = [trade for trade in opened if trade.has_open_position]
        beat, before = self._pulse.beat(now, held), self._last
        self._last = beat
        if beat.as_of is not None and (before is None or beat.decided != before.decided):
            self._decided(beat.as_of)
        if before is not None:
            self._turns.look_back(before, beat)
        self._notes.looped(held)
        self._look_for_a_hand()
        self._turns.look(checks(beat, shutil.disk_usage(self._context.user_data_dir).free, now))

    def _decided(self, as_of: datetime) -> None:
        """Do what belongs to every decided candle; nothing of it may keep the loop waiting."""
        if self.pings is not None:
            self.pings.ping()
        self.drift.decided(as_of)

    def _look_for_a_hand(self) -> None:
        """Tell everybody that somebody has paused entries, or let them go on."""
        before, self._hand = self._hand, self._switch.read()
        if self._hand != before:
            ends = f"{self._hand.refusal.why}; `{KEY}` ends it" if self._hand else f"entries go on after `{KEY}`"
            self._tell(ends)

    def _serve(self) -> None:
        """Let machines ask for numbers; what serves them is loaded only where it is wanted."""
        from candlegraph.freqtrade_bridge.monitoring.metrics import BotMetrics, serve

        context, ledger = self._context, Ledger(self._context.database)
        length = duration(context.settings.context_config.timeframes[0])
        counted = LedgerSums(ledger, context.namespace, length)
        audits, name = AuditBook(context.database), context.namespace
        audited = lambda: (audits.rows(name), audits.holds(name))  # noqa: E731
        serve(context.settings.monitoring, BotMetrics(counted, audited, lambda: self._last))

    def opened(self, trade: Trade, plan: Plan) -> None:
        """Tell of an entry that was filled."""
        self._tell(entry_told(trade, plan))
        self._notes.opened(trade, plan)

    def learnt(self, one: Experience) -> None:
        """Tell of a trade that has ended, once it has its score; called by the thread that learns."""
        self._tell(end_told(one))
        self._notes.learnt(one)


class Turns:
    """Tells of each check when it turns, and only then."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._ill: set[str] = set()

    def look(self, found: list[HealthCheck]) -> None:
        """Tell what is not well any more, and what is again."""
        for check in found:
            if check.name in TOLD_ELSEWHERE or check.is_well == (check.name not in self._ill):
                continue
            if check.is_well:
                self._ill.discard(check.name)
                self._say(f"well again: {check.said}")
            else:
                self._ill.add(check.name)
                self._say(check.said)

    def look_back(self, before: Heartbeat, beat: Heartbeat) -> None:
        """Tell of a loop that came late: nobody was there to say so meanwhile."""
        gap = (beat.loop_at - before.loop_at).total_seconds()
        if gap > beat.is_loop_late_after:
            span = f"from {before.loop_at:%m-%d %H:%M} to {beat.loop_at:%m-%d %H:%M} UTC"
            missed = "what closed meanwhile was decided late or not at all"
            self._say(f"the bot stood still for {duration_told(gap)}, {span}; {missed}")

    def _say(self, text: str) -> None:
        logger.warning("%s", text)
        self._tell(text)
