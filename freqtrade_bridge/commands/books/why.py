"""`candlegraph why PAIR [--at TIME]`: one candle's story in plain words, or why there was no trade since the last."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime

from candlegraph.agents.prompt.outside_text import plain
from candlegraph.freqtrade_bridge.commands.arguments import database_of
from candlegraph.freqtrade_bridge.commands.books.ledger import rows_of
from candlegraph.freqtrade_bridge.report.listing import console, print_json
from candlegraph.graph.schema.errors import ConfigError
from candlegraph.memory.books.ledger import DecisionRow, Ledger

REASON_LENGTH = 300
UNASKED = {
    "locked": "the pair was locked",
    "halted": "entries were halted",
    "paused": "entries were paused",
    "triage": "no answer could have changed anything",
    "budget": "the budget was spent",
}
"""Why no model was asked, by the signal's source."""


def print_why(arguments: argparse.Namespace) -> None:
    """Print the story."""
    rows = rows_of(Ledger(database_of(arguments.userdir)), arguments.namespace)
    own = [row for row in rows if row.pair == arguments.pair]
    if not own:
        pairs = ", ".join(sorted({row.pair for row in rows}))
        raise ConfigError(f"why: {rows[0].namespace} has no decision on {arguments.pair!r}; decided pairs: {pairs}")
    if arguments.json:
        told_of = [at(own, arguments.at)] if arguments.at else list(after_last_trade(own))
        print_json([row.model_dump(mode="json") for row in told_of])
        return
    screen = console()
    for line in story(at(own, arguments.at)) if arguments.at else since_last_trade(own):
        screen.print(line, soft_wrap=True)


def at(rows: Sequence[DecisionRow], as_of: datetime) -> DecisionRow:
    """Return the decision that was in force at `as_of`."""
    known = [row for row in rows if row.as_of <= as_of < row.as_of + (row.as_of - row.candle)]
    if not known:
        first, last = rows[0].as_of, rows[-1].as_of
        told = f"decided: {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} UTC"
        raise ConfigError(f"why: --at {as_of:%Y-%m-%dT%H:%M}: no decision on {rows[0].pair} then; {told}")
    return known[-1]


def story(row: DecisionRow) -> Iterator[str]:
    """Yield one candle's story: what was seen, who decided what, what was changed, what became of it."""
    signal = row.signal
    state = "no position" if row.state == "flat" else f"a {row.state} position"
    regime = "" if row.regime is None else f", regime {row.regime}"
    yield f"{row.pair}, candle closed {row.as_of:%Y-%m-%d %H:%M} UTC ({row.namespace}): {row.price:g}{regime}, {state}"
    yield _who(row)
    for call in row.functions:
        yield f"It called {call.name}{'' if call.accepted else ', which was not carried out'}."
    yield f"The decision: {signal.name}. Reason: {plain(signal.reason, REASON_LENGTH)}"
    yield from (f"Changed on the way: {clamp.line}" for clamp in row.changes)
    yield from (f"A rule warned: {plain(warning, REASON_LENGTH)}" for warning in signal.warnings)
    if row.acts:
        yield f"What became of {signal.wanted.name}: {row.fate_line}"
    yield f"The whole row: candlegraph ledger show --namespace {row.namespace} --decision {row.decision_id[:8]}"


def _who(row: DecisionRow) -> str:
    if row.error is not None:
        return f"The decision failed: {plain(row.error, REASON_LENGTH)}"
    if row.signal.source in UNASKED:
        return f"No model was asked: {UNASKED[row.signal.source]}."
    cost = "unknown cost" if row.cost is None else f"{row.cost:.4f}"
    return f"{row.model} was asked: calls {row.calls}, {row.latency_ms / 1000:.1f} s, {cost}."


def since_last_trade(rows: Sequence[DecisionRow]) -> Iterator[str]:
    """Yield why there was no entry since the last one: the candles without a position, counted by what kept them so."""
    last, later = last_trade(rows), after_last_trade(rows)
    flat = [row for row in later if row.state == "flat"]
    yield f"{rows[0].pair} in {rows[0].namespace}: {_opened(last, rows)}"
    if later and later[-1].state != "flat":
        yield f"The position is still open at {later[-1].as_of:%Y-%m-%d %H:%M} UTC."
    yield f"Candles without a position since then: {len(flat)}"
    newest = {kept_flat(row): row for row in flat}
    for why, count in Counter(kept_flat(row) for row in flat).most_common():
        row = newest[why]
        yield f"  {count:>5}  {why}; last at {row.as_of:%Y-%m-%d %H:%M}: {plain(row.signal.reason, REASON_LENGTH)}"


def last_trade(rows: Sequence[DecisionRow]) -> DecisionRow | None:
    """Return the last decision that opened a position."""
    return next((row for row in reversed(rows) if is_opened(row)), None)


def after_last_trade(rows: Sequence[DecisionRow]) -> Sequence[DecisionRow]:
    """Return the decisions since the last entry that was filled, all where none was."""
    last = last_trade(rows)
    return rows if last is None else [row for row in rows if row.as_of > last.as_of]


def is_opened(row: DecisionRow) -> bool:
    """Return whether a position was opened by this decision."""
    return row.signal.is_entry and row.fate is not None and row.fate.is_filled


def _opened(last: DecisionRow | None, rows: Sequence[DecisionRow]) -> str:
    if last is None:
        return f"no entry was filled since the first decision, {rows[0].as_of:%Y-%m-%d %H:%M} UTC"
    return f"the last entry, {last.signal.name} of {last.as_of:%Y-%m-%d %H:%M} UTC, was {last.fate_line}"


def kept_flat(row: DecisionRow) -> str:
    """Return what kept a candle without a trade, in a word or two to count by."""
    if row.error is not None:
        return "the decision failed"
    if row.acts:
        return f"{row.signal.wanted.action} {row.fate_door}"
    if row.signal.source in UNASKED:
        return f"{row.signal.source}: {UNASKED[row.signal.source]}"
    return f"{row.signal.action} by {row.signal.source}"
