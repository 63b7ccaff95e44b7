"""`candlegraph decide --decision ID`: a decision again, by the answers of then, and whether it is the same."""

from __future__ import annotations

import sys
from argparse import Namespace
from typing import Any

from candlegraph.freqtrade_bridge.commands.books.brief_again import kept
from candlegraph.freqtrade_bridge.commands.waiting import working
from candlegraph.freqtrade_bridge.decisions.replayed import Compared, compared, signal_hash
from candlegraph.freqtrade_bridge.report.listing import print_json


def print_decided(arguments: Namespace) -> None:
    """Print two sentences; exit with status 1 where prompt or signal differ. Nobody is asked, nothing is stored."""
    with working("deciding it again"):
        found = compared(*kept(arguments.decision, arguments.namespace, arguments.userdir), arguments.userdir)
    if arguments.json:
        print_json(as_json(found))
    else:
        sys.stdout.write(f"{prompt_told(found)}\n{signal_told(found)}\n")
    if found.prompt is not None or found.decision is not None:
        sys.exit(1)


def as_json(found: Compared) -> dict[str, Any]:
    """Return the same for another program; None: nothing was sent, or nothing was decided again."""
    row, now = found.row, found.signal
    prompt = {"then": row.prompt_hash, "now": found.sent, "first_difference": found.prompt}
    signal = {"then": row.signal.model_dump(mode="json"), "now": now and now.model_dump(mode="json")}
    return {
        "decision_id": row.decision_id,
        "prompt": None if found.sent is None else prompt,
        "signal": signal | {"difference": found.decision} if found.is_compared else None,
    }


def prompt_told(found: Compared) -> str:
    """Return whether the prompt is the one that was sent."""
    row = found.row
    if found.sent is None:
        return f"Prompt: none was sent, {row.signal.source} answered without a model."
    if found.prompt is None:
        return f"Prompt: the same, hash {row.prompt_hash}."
    return f"Prompt: not the same, hash {row.prompt_hash} then, {found.sent} now; it first differs in: {found.prompt}."


def signal_told(found: Compared) -> str:
    """Return whether the signal is the one that was given."""
    was = found.row.signal
    if not found.is_compared:
        return (
            f"Signal: {was.name} then, not decided again: it failed, or a person, the reviewer's model, the clock or a "
            "budget had the last word."
        )
    if found.decision is None:
        return f"Signal: the same, {was.name}, hash {signal_hash(was)}."
    now = "none" if found.signal is None else signal_hash(found.signal)
    return f"Signal: not the same, hash {signal_hash(was)} then, {now} now: {found.decision}."
