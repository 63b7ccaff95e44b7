"""`candlegraph ledger show|diff|export`: what was decided, by whom, for how much; loads no freqtrade."""

from __future__ import annotations

import argparse
import csv
import io
import json
import os.path
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from candlegraph.freqtrade_bridge.commands.arguments import database_of
from candlegraph.freqtrade_bridge.commands.waiting import working
from candlegraph.freqtrade_bridge.host.run_name import named_run, refuse_same
from candlegraph.freqtrade_bridge.report.listing import LONGEST, Entry, console, one_line, print_entries, print_json
from candlegraph.graph.schema.errors import ConfigError
from candlegraph.graph.schema.market import Frozen
from candlegraph.graph.settings.places import BACKTEST
from candlegraph.memory.books.ledger import DecisionRow, Ledger, cost_told, fate_counts

SHOWN = ("candle", "pair", "signal", "conf.", "cost", "s")
SHOWN_DIFFERENCES = 20
ID_DIGITS = 8
COLUMNS = (
    *("namespace", "candle", "pair", "state", "price", "model", "depth", "mode"),
    *("calls", "repairs", "tokens_in", "tokens_out", "latency_ms"),
)
SIGNAL = ("action", "source", "confidence", "leverage", "stake", "stop", "take_profit", "adjustment_pct", "reason")

OF_THE_RUN = frozenset({"decision_id", "namespace", "recorded_at", "latency_ms", "mode", "case_ids"})
SHARED_SHOWN = 40
OF_THE_CALL = frozenset({"is_replayed", "seconds"})


def print_show(arguments: argparse.Namespace) -> None:
    """Print the newest decisions that pass the filters, and totals of all that do; or one decision whole."""
    ledger = Ledger(database_of(arguments.userdir))
    if arguments.decision:
        print_json(decision_of(ledger, arguments.decision, arguments.namespace).model_dump(mode="json"))
        return
    rows = rows_of(ledger, arguments.namespace)
    kept = [row for row in rows if _passes(row, arguments)]
    shown = kept[-arguments.limit :]
    if arguments.json:
        print_json([row.model_dump(mode="json") | {"cost": row.cost} for row in shown])
        return
    entries = [_entry(row, None if arguments.wide else LONGEST) for row in shown]
    name = rows[0].namespace
    empty = f"No decision of {name} is what you asked for; it has {len(rows)}."
    print_entries(f"Decisions of {name}", SHOWN, entries, wide=arguments.wide, empty=empty)
    screen = console()
    if len(kept) > arguments.limit:
        screen.print(f"the last {arguments.limit} of {len(kept)}; --limit shows more")
    for line in totals(kept):
        screen.print(line)


def print_diff(arguments: argparse.Namespace) -> None:
    """Compare two namespaces; exit with status 1 where they differ."""
    places = database_of(arguments.userdir), database_of(arguments.other_userdir or arguments.userdir)
    first, second = map(rows_of, map(Ledger, places), (arguments.first, arguments.second))
    refuse_same("ledger diff", (places[0], first[0].namespace), (places[1], second[0].namespace))
    found = diff_of(first, second)
    if arguments.json:
        print_json(found.model_dump(mode="json"))
    else:
        _print_diff(found, wide=arguments.wide)
    if not found.is_empty:
        sys.exit(1)


def print_export(arguments: argparse.Namespace) -> None:
    """Write the decisions of a namespace in the form that the file's ending names; whole or not at all."""
    target: Path = arguments.to
    if target.suffix not in FORMS:
        raise ConfigError(f"ledger export: --to {target}: expected a name that ends in {', '.join(FORMS)}")
    if target.exists() and not arguments.force:
        raise ConfigError(f"ledger export: {target} is there already; --force replaces it")
    rows = rows_of(Ledger(database_of(arguments.userdir)), arguments.namespace)
    partial = target.with_name(f"{target.name}.partial")
    try:
        partial.write_bytes(FORMS[target.suffix](rows))
        partial.replace(target)
    except OSError as e:
        partial.unlink(missing_ok=True)
        raise ConfigError(f"ledger export: {target} could not be written: {e}") from e
    console().print(f"{len(rows)} decisions of {rows[0].namespace} written to {target}", soft_wrap=True)


def rows_of(ledger: Ledger, namespace: str | None) -> tuple[DecisionRow, ...]:
    """Return the rows of `namespace`, of the newest one where none is named."""
    with working("reading the decisions"):
        return ledger.rows(namespace_of(ledger, namespace))


def decision_of(ledger: Ledger, digits: str, namespace: str | None) -> DecisionRow:
    """Return the one decision whose id begins so, of the named namespace or of any; raise ConfigError."""
    found = ledger.beginning_with(digits, namespace and namespace_of(ledger, namespace))
    if not found:
        raise ConfigError(f"--decision {digits!r}: no decision begins with it; `candlegraph ledger show` lists the ids")
    if len(found) > 1:
        raise ConfigError(f"--decision {digits!r}: {len(found)} decisions begin with it; give more of the id")
    return found[0]


def namespace_of(ledger: Ledger, named: str | None, *, is_bot: bool = False) -> str:
    """Return the run that is meant (`named_run`); raise ConfigError where there is none.

    `is_bot`: without a name that of a bot, since no backtest is meant.
    """
    known = ledger.namespaces()
    if named is not None or not is_bot:
        return named_run(known, named)
    found = [one for one in known if not one.startswith(BACKTEST)]
    if known and not found:
        raise ConfigError(f"ledger: no bot decided here, only backtests; --namespace names one: {', '.join(known)}")
    return named_run(found, None)


def last_first(ledger: Ledger, having: Sequence[str]) -> Sequence[str]:
    """Return these namespaces, the one that decided last first; those that never decided stand behind."""
    return list(dict.fromkeys([*(one for one in ledger.namespaces() if one in having), *having]))


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
        f"fates: {_listed(fate_counts(rows))}",
    ]


def _passes(row: DecisionRow, wanted: argparse.Namespace) -> bool:
    return (
        (wanted.pair is None or row.pair == wanted.pair)
        and (wanted.begin is None or row.candle >= wanted.begin)
        and (wanted.end is None or row.candle < wanted.end)
        and (not wanted.faulty or bool(row.faults or row.error or row.signal.source == "fallback"))
    )


def _entry(row: DecisionRow, length: int | None) -> Entry:
    failed = [f"{one.model}: {one.error}" for call in row.model_calls for one in call.tries]
    why = row.error or "; ".join([*failed, row.signal.reason])
    cells = (
        f"{row.candle:%Y-%m-%d %H:%M}",
        row.pair,
        row.signal.action,
        f"{row.signal.confidence:.0f}",
        "?" if row.cost is None else f"{row.cost:.4f}",
        f"{row.latency_ms / 1000:.2f}",
    )
    below = [_taken(row), one_line(why, length)]
    if row.acts:
        below.append(one_line(f"fate of {row.signal.wanted.name}: {row.fate_line}", length))
    return Entry(cells, tuple(below))


def _taken(row: DecisionRow) -> str:
    models = ", ".join(dict.fromkeys(call.model for call in row.model_calls)) or row.model
    repaired = f" ({row.repairs} repaired)" if row.repairs else ""
    return (
        f"{row.state}, by {row.signal.source}, calls {row.calls}{repaired}, "
        f"tokens {row.tokens_in + row.tokens_out:,}, id {row.decision_id[:ID_DIGITS]}, {models}"
    )


def _print_diff(found: Diff, *, wide: bool) -> None:
    screen = console()
    changed = {(one.candle, one.pair) for one in found.differences}
    screen.print(f"{found.equal} decisions are equal, {len(changed)} differ")
    entries = [_differing(one, None if wide else LONGEST) for one in found.differences[:SHOWN_DIFFERENCES]]
    if entries:
        print_entries("Differences", ("candle", "pair", "field"), entries, wide=wide)
    if len(found.differences) > SHOWN_DIFFERENCES:
        screen.print(f"and {len(found.differences) - SHOWN_DIFFERENCES} more differences; --json has all")
    for side, places in (("first", found.only_first), ("second", found.only_second)):
        if places:
            screen.print(f"only in the {side}: {len(places)}, from {places[0].candle:%Y-%m-%d %H:%M} {places[0].pair}")


def _differing(one: FieldDifference, length: int | None) -> Entry:
    first, second = (one.first, one.second) if length is None else apart(one.first, one.second)
    below = (f"first:  {one_line(first, length)}", f"second: {one_line(second, length)}")
    return Entry((f"{one.candle:%Y-%m-%d %H:%M}", one.pair, one.field), below)


def _jsonl(rows: Sequence[DecisionRow]) -> bytes:
    return "".join(row.model_dump_json() + "\n" for row in rows).encode()


def _parquet(rows: Sequence[DecisionRow]) -> bytes:
    from candlegraph.freqtrade_bridge.frames.tables import ledger_frame  # loads pandas

    return ledger_frame(rows).to_parquet(index=False)


def _csv(rows: Sequence[DecisionRow]) -> bytes:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow([*COLUMNS, "cost", *SIGNAL, "faults", "fate"])
    for row in rows:
        told = row.model_dump(mode="json")
        cells = [told[name] for name in COLUMNS]
        fate = "" if row.fate is None else row.fate.line
        writer.writerow([*cells, row.cost, *(told["signal"][name] for name in SIGNAL), json.dumps(row.faults), fate])
    return buffer.getvalue().encode()


FORMS: dict[str, Callable[[Sequence[DecisionRow]], bytes]] = {".jsonl": _jsonl, ".csv": _csv, ".parquet": _parquet}
"""What the ledger can be written as, by the file's ending."""


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.most_common()) or "none"


class CandleOfPair(NamedTuple):
    """Where a decision belongs, in any run."""

    candle: datetime
    pair: str


class FieldDifference(Frozen):
    """One field of one decision."""

    candle: datetime
    pair: str
    field: str
    first: str
    second: str


class Diff(Frozen):
    """What became of the comparison."""

    equal: int
    differences: tuple[FieldDifference, ...]
    only_first: tuple[CandleOfPair, ...]
    only_second: tuple[CandleOfPair, ...]

    @property
    def is_empty(self) -> bool:
        """Return whether both runs decided the same."""
        return not (self.differences or self.only_first or self.only_second)


def diff_of(first: Sequence[DecisionRow], second: Sequence[DecisionRow]) -> Diff:
    """Return how two runs differ, by candle and pair."""
    one, other = ({CandleOfPair(row.candle, row.pair): row for row in rows} for rows in (first, second))
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


def apart(first: str, second: str) -> tuple[str, str]:
    """Return two texts from shortly before where they part."""
    start = len(os.path.commonprefix([first, second])) - SHARED_SHOWN
    return (first, second) if start <= 0 else (f"...{first[start:]}", f"...{second[start:]}")


def _differences(place: CandleOfPair, first: DecisionRow, second: DecisionRow) -> Iterator[FieldDifference]:
    one, other = _flat(plain(first)), _flat(plain(second))
    for field in sorted(one.keys() | other.keys()):
        before, after = str(one.get(field, "absent")), str(other.get(field, "absent"))
        if before != after:
            yield FieldDifference(candle=place.candle, pair=place.pair, field=field, first=before, second=after)


def _flat(value: Any, path: str = "") -> dict[str, Any]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
    if items is None:
        return {path: value}
    return {key: leaf for name, one in items for key, leaf in _flat(one, f"{path}.{name}".lstrip(".")).items()}
