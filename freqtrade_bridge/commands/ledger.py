"""`candlegraph ledger show|diff|export`: what was decided, by whom, for how much; loads no freqtrade."""

from __future__ import annotations

import argparse
import csv
import io
import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table

from candlegraph.freqtrade_bridge.commands.arguments import database_of
from candlegraph.graph.schema.errors import ConfigError
from candlegraph.graph.schema.market import Frozen
from candlegraph.memory.books.ledger import DecisionRow, Ledger, cost_told

SHOWN_DIFFERENCES = 20
COLUMNS = (
    *("namespace", "candle", "pair", "state", "price", "model", "depth", "mode"),
    *("calls", "repairs", "tokens_in", "tokens_out", "latency_ms"),
)
SIGNAL = ("action", "source", "confidence", "leverage", "stake", "stop", "take_profit", "adjustment_pct", "reason")

OF_THE_RUN = frozenset({"decision_id", "namespace", "recorded_at", "latency_ms", "mode", "case_ids"})
OF_THE_CALL = frozenset({"is_replayed", "seconds"})


def print_show(arguments: argparse.Namespace) -> None:
    """Print the newest decisions that pass the filters, and totals of all that do; or one decision whole."""
    ledger = Ledger(database_of(arguments.userdir))
    rows = rows_of(ledger, arguments.namespace)
    if arguments.decision:
        _print_whole(rows, arguments.decision)
        return
    kept = [row for row in rows if _passes(row, arguments)]
    head = ("candle", "pair", "state", "signal", "source", "conf.", "model", "calls", "tokens", "cost", "s", "why")
    table = Table(*head, title=f"Decisions of {rows[0].namespace}", title_justify="left")
    for row in kept[-arguments.limit :]:
        table.add_row(*_cells(row))
    console = Console()
    console.print(table)
    if len(kept) > arguments.limit:
        console.print(f"the last {arguments.limit} of {len(kept)}; --limit shows more")
    for line in totals(kept):
        console.print(line, markup=False)


def print_diff(arguments: argparse.Namespace) -> None:
    """Compare two namespaces; exit with status 1 where they differ."""
    ledger = Ledger(database_of(arguments.userdir))
    other = Ledger(database_of(arguments.other_userdir)) if arguments.other_userdir else ledger
    found = diff_of(rows_of(ledger, arguments.first), rows_of(other, arguments.second))
    _print_diff(found, Console())
    if not found.is_empty:
        sys.exit(1)


def print_export(arguments: argparse.Namespace) -> None:
    """Write the decisions of a namespace as JSON lines or as a table of the main columns; whole or not at all."""
    target: Path = arguments.to
    if target.suffix not in (".jsonl", ".csv"):
        raise ConfigError(f"ledger export: --to {target}: expected a name that ends in .jsonl or .csv")
    if target.exists() and not arguments.force:
        raise ConfigError(f"ledger export: {target} is there already; --force replaces it")
    rows = rows_of(Ledger(database_of(arguments.userdir)), arguments.namespace)
    partial = target.with_name(f"{target.name}.partial")
    try:
        partial.write_text(_jsonl(rows) if target.suffix == ".jsonl" else _csv(rows), encoding="utf-8")
        partial.replace(target)
    except OSError as e:
        partial.unlink(missing_ok=True)
        raise ConfigError(f"ledger export: {target} could not be written: {e}") from e
    Console().print(f"{len(rows)} decisions of {rows[0].namespace} written to {target}", markup=False, soft_wrap=True)


def rows_of(ledger: Ledger, namespace: str | None) -> tuple[DecisionRow, ...]:
    """Return the rows of `namespace`, of the newest one where none is named."""
    known = ledger.namespaces()
    if not known:
        raise ConfigError("ledger: nothing was decided yet")
    chosen = namespace or known[0]
    if chosen not in known:
        raise ConfigError(f"ledger: no namespace {chosen!r}; known: {', '.join(known)}")
    return ledger.rows(chosen)


def totals(rows: Sequence[DecisionRow]) -> list[str]:
    """Return what the rows took in all, line by line."""
    calls = [call for row in rows for call in row.model_calls]
    faults = sum((Counter(row.faults) for row in rows), Counter[str]())
    sources = Counter[str](row.signal.source for row in rows)
    replayed = sum(call.is_replayed for call in calls)
    return [
        f"decisions: {len(rows)} ({_listed(sources)})",
        f"calls: {sum(row.calls for row in rows)}, {replayed} of them replayed; "
        f"{sum(len(row.tries) for row in rows) + sum(len(call.tries) for call in calls)} attempts failed",
        f"tokens: {sum(row.tokens_in for row in rows):,} in, {sum(row.tokens_out for row in rows):,} out",
        f"cost: {cost_told(rows)}",
        f"faulty answers: {_listed(faults)}",
    ]


def _passes(row: DecisionRow, wanted: argparse.Namespace) -> bool:
    return (
        (wanted.pair is None or row.pair == wanted.pair)
        and (wanted.begin is None or row.candle >= wanted.begin)
        and (wanted.end is None or row.candle < wanted.end)
        and (not wanted.faulty or bool(row.faults or row.error or row.signal.source == "fallback"))
    )


def _cells(row: DecisionRow) -> list[str]:
    cost = "?" if row.cost is None else f"{row.cost:.4f}"
    failed = [f"{one.model}: {one.error}" for call in row.model_calls for one in call.tries]
    why = row.error or "; ".join([*failed, row.signal.reason])
    return [
        f"{row.candle:%Y-%m-%d %H:%M}",
        row.pair,
        row.state,
        row.signal.action,
        row.signal.source,
        f"{row.signal.confidence:.0f}",
        ", ".join(dict.fromkeys(call.model for call in row.model_calls)) or row.model,
        f"{row.calls}" + (f" ({row.repairs} repaired)" if row.repairs else ""),
        f"{row.tokens_in + row.tokens_out:,}",
        cost,
        f"{row.latency_ms / 1000:.2f}",
        why[:120],
    ]


def _print_whole(rows: Sequence[DecisionRow], wanted: str) -> None:
    found = [row for row in rows if row.decision_id.startswith(wanted)]
    if len(found) != 1:
        raise ConfigError(f"ledger show: --decision {wanted!r}: {len(found)} decisions begin with it; expected one")
    Console().print_json(found[0].model_dump_json())


def _print_diff(found: Diff, console: Console) -> None:
    changed = {(one.candle, one.pair) for one in found.differences}
    console.print(f"{found.equal} decisions are equal, {len(changed)} differ")
    table = Table("candle", "pair", "field", "first", "second")
    for one in found.differences[:SHOWN_DIFFERENCES]:
        table.add_row(f"{one.candle:%Y-%m-%d %H:%M}", one.pair, one.field, one.first[:60], one.second[:60])
    if found.differences:
        console.print(table)
    if len(found.differences) > SHOWN_DIFFERENCES:
        console.print(f"and {len(found.differences) - SHOWN_DIFFERENCES} more differences")
    for side, places in (("first", found.only_first), ("second", found.only_second)):
        if places:
            console.print(f"only in the {side}: {len(places)}, from {places[0].candle:%Y-%m-%d %H:%M} {places[0].pair}")


def _jsonl(rows: Sequence[DecisionRow]) -> str:
    return "".join(row.model_dump_json() + "\n" for row in rows)


def _csv(rows: Sequence[DecisionRow]) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow([*COLUMNS, "cost", *SIGNAL, "faults"])
    for row in rows:
        told = row.model_dump(mode="json")
        cells = [told[name] for name in COLUMNS]
        writer.writerow([*cells, row.cost, *(told["signal"][name] for name in SIGNAL), json.dumps(row.faults)])
    return buffer.getvalue()


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.most_common()) or "none"


class Place(NamedTuple):
    """Where a decision belongs, in any run."""

    candle: datetime
    pair: str


class Difference(Frozen):
    """One field of one decision."""

    candle: datetime
    pair: str
    field: str
    first: str
    second: str


class Diff(Frozen):
    """What became of the comparison."""

    equal: int
    differences: tuple[Difference, ...]
    only_first: tuple[Place, ...]
    only_second: tuple[Place, ...]

    @property
    def is_empty(self) -> bool:
        """Return whether both runs decided the same."""
        return not (self.differences or self.only_first or self.only_second)


def diff_of(first: Sequence[DecisionRow], second: Sequence[DecisionRow]) -> Diff:
    """Return how two runs differ, by candle and pair."""
    one, other = ({Place(row.candle, row.pair): row for row in rows} for rows in (first, second))
    both = sorted(one.keys() & other.keys())
    found = {place: tuple(_differences(place, one[place], other[place])) for place in both}
    return Diff(
        equal=sum(not differences for differences in found.values()),
        differences=tuple(difference for place in both for difference in found[place]),
        only_first=tuple(sorted(one.keys() - other.keys())),
        only_second=tuple(sorted(other.keys() - one.keys())),
    )


def plain(row: DecisionRow) -> dict[str, Any]:
    """Return the row without what belongs to its run."""
    told = row.model_dump(mode="json", exclude=set(OF_THE_RUN))
    del told["signal"]["decision_id"]
    told["model_calls"] = [
        {name: value for name, value in call.items() if name not in OF_THE_CALL} for call in told["model_calls"]
    ]
    return told


def _differences(place: Place, first: DecisionRow, second: DecisionRow) -> Iterator[Difference]:
    one, other = _flat(plain(first)), _flat(plain(second))
    for field in sorted(one.keys() | other.keys()):
        before, after = str(one.get(field, "absent")), str(other.get(field, "absent"))
        if before != after:
            yield Difference(candle=place.candle, pair=place.pair, field=field, first=before, second=after)


def _flat(value: Any, path: str = "") -> dict[str, Any]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
    if items is None:
        return {path: value}
    return {key: leaf for name, one in items for key, leaf in _flat(one, f"{path}.{name}".lstrip(".")).items()}
