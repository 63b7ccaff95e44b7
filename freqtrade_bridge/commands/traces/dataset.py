"""`candlegraph traces dataset|corrections`: decisions to correct go out, and corrected ones come back."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from candlegraph.freqtrade_bridge.commands.arguments import database_of, userdir_of
from candlegraph.freqtrade_bridge.commands.books.ledger import rows_of
from candlegraph.freqtrade_bridge.commands.traces.choosing import Correctable, chosen, correctable
from candlegraph.freqtrade_bridge.decisions.inputs import DecisionInputs
from candlegraph.freqtrade_bridge.host.configuration_files import read_files
from candlegraph.graph.schema.errors import ConfigError
from candlegraph.graph.settings.settings import settings_of
from candlegraph.memory.books.ledger import Ledger
from candlegraph.memory.books.snapshots import kept_docs
from candlegraph.memory.store import open_memory

NEXT = """Fill in `admissible` with the words of `possible` that are right, and `why` if you like; then:
  candlegraph scenarios --file {file}"""

GONE = ": what they were made from is gone; experience_config.snapshots says how long it is kept"


def print_dataset(arguments: Namespace) -> None:
    """Write the chosen decisions to a file, or to a new dataset of LangSmith's."""
    if arguments.to is not None:
        refuse_replacing(arguments.to, force=arguments.force)
    found = lines_of(arguments)
    if arguments.to is not None:
        _write(arguments.to, found)
        told = f"{len(found)} decisions written to {arguments.to}\n{NEXT.format(file=arguments.to)}"
    else:
        from candlegraph.freqtrade_bridge.commands.traces.langsmith_dataset import upload

        upload(arguments.langsmith, found, settings_of(read_files(arguments.config).merged).tracing)
        told = f"{len(found)} decisions in LangSmith's dataset {arguments.langsmith}\n" + NEXT.format(file="FILE.jsonl")
        told += f", after candlegraph traces corrections --langsmith {arguments.langsmith} --to FILE.jsonl"
    sys.stdout.write(f"{told}\n")


def print_corrections(arguments: Namespace) -> None:
    """Write a dataset that persons have corrected to a file."""
    from candlegraph.freqtrade_bridge.commands.traces.langsmith_dataset import download

    refuse_replacing(arguments.to, force=arguments.force)
    found = download(arguments.langsmith)
    _write(arguments.to, found)
    done = sum(bool(one.admissible) for one in found)
    sys.stdout.write(
        f"{len(found)} decisions written to {arguments.to}, {done} of them corrected; the others are no scenarios yet\n"
        f"  candlegraph scenarios --file {arguments.to}\n"
    )


def lines_of(arguments: Namespace) -> list[Correctable]:
    """Return the newest chosen decisions, oldest first; those whose inputs are gone are told of on stderr."""
    userdir = userdir_of(arguments)
    path = database_of(userdir)
    rows = rows_of(Ledger(path), arguments.namespace)
    learnt = open_memory(path).all_of(rows[0].namespace).values()
    trades = {one.source.decision_id: one for one in learnt if one.kind == "trade"}
    found = list(chosen(rows, trades, arguments.choose))[-arguments.limit :]
    docs = kept_docs(path, [row.decision_id for row, _ in found])
    lines = [
        correctable(row, why, DecisionInputs.model_validate_json(docs[row.decision_id]), userdir)
        for row, why in found
        if row.decision_id in docs
    ]
    if not lines:
        told = f"{len(found)} of {len(rows)} decisions of {rows[0].namespace} are {' or '.join(arguments.choose)}"
        raise ConfigError(f"traces dataset: nothing to write: {told}{GONE if found else ''}")
    if len(lines) < len(found):
        sys.stderr.write(f"{len(found) - len(lines)} decisions are left out{GONE}\n")
    return lines


def refuse_replacing(path: Path, *, force: bool) -> None:
    """Raise ConfigError where the file cannot be written, or is there and may not be replaced."""
    if path.suffix != ".jsonl":
        raise ConfigError(f"traces: --to {path}: expected a name that ends in .jsonl")
    if path.exists() and not force:
        raise ConfigError(f"traces: {path} is there already; a person may have filled it in; --force replaces it")


def _write(path: Path, lines: Sequence[Correctable]) -> None:
    try:
        path.write_text("".join(f"{one.model_dump_json()}\n" for one in lines), encoding="utf-8")
    except OSError as e:
        raise ConfigError(f"traces: {path} could not be written: {e}") from e
