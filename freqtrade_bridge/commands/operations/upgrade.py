"""`candlegraph upgrade --check`: the last live decisions taken again on the installed version, and what changes."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from candlegraph.agents.models.cassette import Cassette
from candlegraph.freqtrade_bridge.commands.arguments import database_of
from candlegraph.freqtrade_bridge.commands.operations.arguments import cassette_of, place_of
from candlegraph.freqtrade_bridge.commands.waiting import counted
from candlegraph.freqtrade_bridge.decisions.inputs import DecisionInputs
from candlegraph.freqtrade_bridge.decisions.kept_answers import cassette_at
from candlegraph.freqtrade_bridge.decisions.replayed import Compared, compared, first_line
from candlegraph.freqtrade_bridge.report.listing import print_json
from candlegraph.graph.schema.errors import BridgeError, CandlegraphError, ConfigError
from candlegraph.memory.books.ledger import DecisionRow, Ledger
from candlegraph.memory.books.snapshots import kept_doc

LAST = 500
SHOWN = 20
LIVE = ("live", "dry_run")


def print_upgrade(arguments: Namespace) -> None:
    """Print what changes; raise BridgeError where anything does, ConfigError where nothing can be said."""
    if not arguments.check:
        raise ConfigError("upgrade: expected --check; the update itself is `pip install`, see docs/operations.md")
    userdir = place_of(arguments)
    database = database_of(userdir)
    rows = _newest(Ledger(database), arguments.namespace)
    kept = {row.decision_id: doc for row in rows if (doc := kept_doc(database, row.decision_id)) is not None}
    with cassette_at(cassette_of(arguments.files, userdir)) as cassette:
        again = counted([row for row in rows if row.decision_id in kept], "taken again")
        found = [checked(row, kept[row.decision_id], userdir, cassette) for row in again]
    if not found:
        raise ConfigError(
            f"upgrade: {userdir}: no live decision whose inputs were kept; see experience_config.snapshots, --namespace"
        )
    prompts = [one for one in found if one.prompt is not None]
    decisions = [one for one in found if one.decision is not None]
    if arguments.json:
        print_json([_plain(one) for one in found])
    else:
        sys.stdout.write("\n".join([*_summary(found, len(rows)), *_listed(found)]) + "\n")
    if prompts or decisions:
        raise BridgeError(f"upgrade: {len(prompts)} prompts and {len(decisions)} decisions change")


def checked(row: DecisionRow, doc: str, userdir: Path, cassette: Cassette | None) -> Compared:
    """Return what becomes of one decision; inputs that this version cannot read are a change of their own."""
    try:
        return compared(row, DecisionInputs.model_validate_json(doc), userdir, cassette)
    except (ValidationError, CandlegraphError) as e:
        return Compared(row=row, prompt=f"its inputs cannot be read any more: {first_line(e)}", is_compared=False)


def _plain(one: Compared) -> dict[str, Any]:
    """Return it for another program; of the row no more than where it is found."""
    known = one.model_dump(mode="json", exclude={"row"})
    return one.row.model_dump(mode="json", include={"decision_id", "namespace", "pair", "as_of"}) | known


def _newest(ledger: Ledger, namespace: str | None) -> Sequence[DecisionRow]:
    """Return the newest decisions of the named run, else of the live one, else of the dry-run."""
    names = (namespace,) if namespace else LIVE
    found = next((rows for name in names if (rows := ledger.rows(name))), ())
    return sorted(found, key=lambda row: row.as_of)[-LAST:]


def _summary(found: Sequence[Compared], rows: int) -> list[str]:
    first, last = found[0].row, found[-1].row
    span = f"{first.as_of:%Y-%m-%d %H:%M} to {last.as_of:%Y-%m-%d %H:%M} UTC"
    sent = [one for one in found if one.row.calls]
    again = [one for one in found if one.is_compared]
    lines = [
        f"{first.namespace}: {len(found)} decisions, {span}; of {rows - len(found)} more the inputs were not kept",
        f"prompts: {sum(one.prompt is None for one in sent)} of {len(sent)} that were sent are the same",
        f"decisions: {sum(one.decision is None for one in again)} of {len(again)} are the same, by the answers of then",
    ]
    if kept := [one for one in found if one.misses is not None]:
        whole = sum(not one.misses for one in kept)
        lines.append(f"cassette: {whole} of {len(kept)} kept answers would be found by a replay")
    if left := len(found) - len(again):
        lines.append(f"not taken again: {left}, failed, or decided by a person, a reviewer, the clock, a budget")
    return lines


def _listed(found: Sequence[Compared]) -> list[str]:
    lines = []
    for one in found:
        name = f"{one.row.pair} {one.row.as_of:%Y-%m-%d %H:%M} {one.row.decision_id[:8]}"
        if one.decision is not None:
            lines.append(f"  {name}  decision: {one.decision}")
        if one.prompt is not None:
            lines.append(f"  {name}  prompt from: {one.prompt}")
    more = [f"  and {len(lines) - SHOWN} more"] if len(lines) > SHOWN else []
    return [*lines[:SHOWN], *more]
