"""`candlegraph drift`: whether the model decides otherwise than in the weeks before; loads no freqtrade."""

from __future__ import annotations

from argparse import Namespace
from datetime import UTC, datetime

from candlegraph.freqtrade_bridge.commands.arguments import database_of
from candlegraph.freqtrade_bridge.commands.books.ledger import namespace_of
from candlegraph.freqtrade_bridge.monitoring.drift import (
    BEFORE,
    LEAST_BEFORE,
    LEAST_RECENT,
    RECENT,
    DriftReport,
    MeasureChange,
    drift_of,
)
from candlegraph.freqtrade_bridge.report.listing import Entry, console, print_entries, print_json
from candlegraph.memory.books.ledger import Ledger

SHOWN = ("measure", "chance", "verdict")


def print_drift(arguments: Namespace) -> None:
    """Print the last 7 whole days against the 28 before, measure by measure."""
    ledger = Ledger(database_of(arguments.userdir))
    namespace = namespace_of(ledger, arguments.namespace, is_bot=True)
    end = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    report = drift_of(ledger.each(namespace, since=end - RECENT - BEFORE), end)
    if arguments.json:
        print_json(report.model_dump(mode="json") | {"namespace": namespace})
    elif report.measures:
        entries = [_entry(one) for one in report.measures]
        print_entries(f"{namespace}: {report.model}, the last 7 days against 28 before", SHOWN, entries, wide=False)
    else:
        console().print(f"{namespace}: {_too_few(report)}")


def _entry(one: MeasureChange) -> Entry:
    verdict = "changed" if one.is_changed else "may be chance"
    return Entry((one.name, f"{one.p:.4f}", verdict), (f"before: {one.before}", f"now:    {one.recent}"))


def _too_few(report: DriftReport) -> str:
    return (
        f"too few days to compare: {report.recent_days} of the last 7 and {report.before_days} of the 28 before have "
        f"decisions of the newest model and prompt; {LEAST_RECENT} and {LEAST_BEFORE} are needed"
    )
