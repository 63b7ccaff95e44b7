"""`candlegraph status`: how a bot is, what it decided last, what it holds and what it has cost; loads no freqtrade."""

from __future__ import annotations

import shutil
from argparse import Namespace
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any, NamedTuple

from rich.table import Table
from rich.text import Text

from candlegraph.freqtrade_bridge.commands.books.ledger import namespace_of
from candlegraph.freqtrade_bridge.commands.books.starting import pause_told, print_no_book_yet, starting, starting_told
from candlegraph.freqtrade_bridge.commands.operations.process import BotProcess
from candlegraph.freqtrade_bridge.host.pause_file import HandPause, PauseFile
from candlegraph.freqtrade_bridge.monitoring.health import HealthCheck, checks, duration_told
from candlegraph.freqtrade_bridge.monitoring.heartbeat import Heartbeat, HeldTrade, heartbeat_of
from candlegraph.freqtrade_bridge.report.listing import Entry, console, one_line, print_entries, print_json
from candlegraph.graph.settings.places import DATABASE
from candlegraph.memory.books.account import AccountBook
from candlegraph.memory.books.approvals import Proposals, StoredRequest
from candlegraph.memory.books.audit import AuditBook, Hold
from candlegraph.memory.books.ledger import DecisionRow, Ledger, cost_told

HEALTH_SPAN = timedelta(hours=24)
LONGEST = 160
HELD = ("pair", "side", "entry", "stop", "target", "profit", "held")


class BotStatus(NamedTuple):
    """All that is known of one bot at `now`; `rows` are its decisions of this month, or of the last day."""

    namespace: str
    now: datetime
    beat: Heartbeat | None
    found: Sequence[HealthCheck]
    rows: Sequence[DecisionRow]
    halt: str | None
    proposals: Sequence[StoredRequest]
    holds: Sequence[Hold]
    hand: HandPause | None
    starting: BotProcess | None

    def since(self, first: datetime) -> list[DecisionRow]:
        """Return the decisions of candles that closed at `first` or later."""
        return [row for row in self.rows if row.as_of >= first]

    @property
    def day(self) -> datetime:
        """Return when today began."""
        return self.now.replace(hour=0, minute=0, second=0, microsecond=0)

    @property
    def asked(self) -> list[DecisionRow]:
        """Return the decisions of the last day for which a model was asked."""
        return [row for row in self.since(self.now - HEALTH_SPAN) if row.model_calls or row.tries or row.error]


def print_status(arguments: Namespace) -> None:
    """Print how the bot is; the status is 0 also where it is not well, `candlegraph health` says that."""
    known = bot_status(arguments)
    if known is None:
        print_no_book_yet(arguments)
        return
    if arguments.json:
        print_json(document_of(known))
        return
    grid = Table.grid(padding=(0, 2))
    for name, value in _lines(known):
        grid.add_row(Text(name), Text(value))
    console().print(Text(f"{known.namespace}: {_headline(known)}", style="bold"), grid)
    if known.beat is not None:
        trades = [_entry(one, known.now) for one in known.beat.trades]
        print_entries("Open trades", HELD, trades, wide=False, empty="No trade is open.")


def bot_status(arguments: Namespace) -> BotStatus | None:
    """Return all that is known; None where no bot has written anything yet."""
    database, now = arguments.userdir / DATABASE, datetime.now(UTC)
    beat = heartbeat_of(arguments.userdir, arguments.namespace)
    if not database.is_file() or (beat is None and not Ledger(database).namespaces()):
        return None
    ledger = Ledger(database)
    namespace = beat.namespace if beat is not None else namespace_of(ledger, arguments.namespace, is_bot=True)
    first = min(now.replace(day=1, hour=0, minute=0, second=0, microsecond=0), now - HEALTH_SPAN)
    mark = AccountBook(database).mark(namespace)
    return BotStatus(
        namespace=namespace,
        now=now,
        beat=beat,
        found=() if beat is None else checks(beat, shutil.disk_usage(arguments.userdir).free, now),
        # a candle opens before it closes, by a day at most
        rows=[row for row in ledger.rows(namespace, since=first - timedelta(days=1)) if row.as_of >= first],
        halt=None if mark is None else mark.reason,
        proposals=Proposals(database).pending(namespace),
        holds=AuditBook(database).holds(namespace),
        hand=PauseFile(arguments.userdir).read(),
        starting=starting(arguments.userdir, beat),
    )


def _headline(known: BotStatus) -> str:
    if known.starting is not None:
        return f"{starting_told(known.starting)}; this is of the time before"
    if known.beat is None:
        return "no heartbeat, no bot has finished a loop here"
    ill = [check.said for check in known.found if not check.is_well]
    return "; ".join(ill) if ill else "well"


def _lines(known: BotStatus) -> Iterator[tuple[str, str]]:
    """Yield a name and what is known of it, line by line."""
    beat, now = known.beat, known.now
    if beat is not None:
        since = f"pid {beat.pid}, since {beat.started_at:%Y-%m-%d %H:%M} UTC, freqtrade {beat.state}"
        yield "last loop", f"{_ago(beat.loop_at, now)} ({since})"
        yield "data", "no candle yet" if beat.as_of is None else f"newest decided candle closed {_ago(beat.as_of, now)}"
    yield "last decision", _last_told(known)
    yield "models, 24 h", _models_told(known)
    yield "cost today", cost_told(known.since(known.day))
    yield "this month", cost_told(known.since(known.day.replace(day=1)))
    yield "halt", known.halt or "none"
    yield "entries", _entries_told(known)
    if beat is not None:
        yield "budget", beat.budget or "no limit is used up"
        yield "equity", f"{beat.equity:,.2f}, today {beat.day_profit_pct:+.2f} %, drawdown {beat.drawdown_pct:.2f} %"
    for hold in known.holds:
        choice = f"`candlegraph adopt {hold.pair}` or `candlegraph flatten {hold.pair}`"
        yield "unknown", f"a {hold.side} of {hold.amount:g} {hold.pair} is in no trade: {choice}"
    waiting = ", ".join(f"{one.request.pair} {one.request.side} ({one.request.id[:10]})" for one in known.proposals)
    yield "proposals", f"wait for you: {waiting}; see `candlegraph approvals`" if waiting else "none waits for a person"


def _entries_told(known: BotStatus) -> str:
    """Return what keeps entries from being made: a person, the models."""
    if known.hand is not None:
        return pause_told(known.hand)
    paused = None if known.beat is None else known.beat.paused
    return f"pause: {paused}" if paused else "do not pause"


def _last_told(known: BotStatus) -> str:
    if not known.rows:
        return "none this month"
    row = max(known.rows, key=lambda one: one.as_of)
    said = one_line(row.signal.reason, LONGEST)
    fate = f"; {row.fate_line}" if row.acts else ""
    when = f"{row.as_of:%Y-%m-%d %H:%M} UTC"
    return f"{when} {row.pair} {row.signal.action} by {row.signal.source}: {said}{fate}"


def _models_told(known: BotStatus) -> str:
    asked = known.asked
    if not asked:
        return "none was asked"
    failed = sum(row.error is not None for row in asked)
    seconds = median(row.latency_ms for row in asked) / 1000
    repairs = sum(row.repairs for row in asked)
    resting = f"; resting: {', '.join(known.beat.resting)}" if known.beat and known.beat.resting else ""
    return f"asked for {len(asked)} decisions, {failed} failed, {repairs} repairs, median {seconds:.1f} s{resting}"


def _entry(trade: HeldTrade, now: datetime) -> Entry:
    cells = (
        trade.pair,
        f"{trade.side} {trade.leverage:g}x",
        f"{trade.entry_price:.6g}",
        f"{trade.stop:.6g}",
        "none" if trade.take_profit is None else f"{trade.take_profit:.6g}",
        "?" if trade.profit_pct is None else f"{trade.profit_pct:+.2f} %",
        duration_told((now - trade.opened_at).total_seconds()),
    )
    missing = f"the stop is not in force: freqtrade has {trade.stop_set:.6g}"
    return Entry(cells, () if trade.is_protected else (missing,))


def _ago(time: datetime, now: datetime) -> str:
    return f"{duration_told((now - time).total_seconds())} ago"


def document_of(known: BotStatus) -> dict[str, Any]:
    """Return the same for another program."""
    last = max(known.rows, key=lambda one: one.as_of, default=None)
    asked = known.asked
    return {
        "namespace": known.namespace,
        "starting": None if known.starting is None else known.starting.model_dump(mode="json"),
        "heartbeat": None if known.beat is None else known.beat.model_dump(mode="json"),
        "checks": [check.model_dump() for check in known.found],
        "last_decision": None if last is None else last.model_dump(mode="json"),
        "models": {
            "asked": len(asked),
            "failed": sum(row.error is not None for row in asked),
            "repairs": sum(row.repairs for row in asked),
            "median_seconds": median(row.latency_ms for row in asked) / 1000 if asked else None,
        },
        "cost": {"today": _money(known.since(known.day)), "month": _money(known.since(known.day.replace(day=1)))},
        "halt": known.halt,
        "paused_by_hand": None if known.hand is None else known.hand.model_dump(mode="json"),
        "unknown_positions": [hold.model_dump(mode="json") for hold in known.holds],
        "proposals": [one.request.model_dump(mode="json") | {"id": one.request.id} for one in known.proposals],
    }


def _money(rows: Sequence[DecisionRow]) -> dict[str, float | int]:
    calls = [call for row in rows for call in row.model_calls]
    return {"known": sum(call.cost or 0.0 for call in calls), "unpriced_calls": sum(c.cost is None for c in calls)}
