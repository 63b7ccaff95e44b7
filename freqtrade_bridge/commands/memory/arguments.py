"""`candlegraph memory`: what its actions take. What they do is loaded when one runs."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

from candlegraph.freqtrade_bridge.commands.arguments import (
    NEWEST,
    add_config,
    add_json,
    add_output,
    add_userdir,
    at_least_one,
    fee_ratio,
    later,
    utc,
)
from candlegraph.freqtrade_bridge.commands.run_arguments import add_period
from candlegraph.graph.schema.market import Regime, Side

HERE = __package__
TABLES, SEARCH, REEMBED = f"{HERE}.tables", f"{HERE}.search", f"{HERE}.reembed"
ABLATION, FILES = f"{HERE}.ablation", f"{HERE}.files"
KINDS = ("trade", "decision", "lesson")
"""As graph.state.Kind, whose module loads langgraph: that takes seconds, and this one makes the help text."""


def add_memory(command: ArgumentParser) -> None:
    """Add the actions to `candlegraph memory`."""
    actions = command.add_subparsers(required=True, metavar="ACTION")
    for name, module, what, add in ACTIONS:
        action = actions.add_parser(name, help=what, description=what)
        add(action)
        action.set_defaults(run=later(f"{module}:print_{name}"))


def _place(action: ArgumentParser) -> None:
    add_userdir(action)
    add_config(action, "for experience_config")


def _one_namespace(action: ArgumentParser) -> None:
    _place(action)
    action.add_argument("--namespace", help=f"{NEWEST}, of those with experiences")


def _stats(action: ArgumentParser) -> None:
    _one_namespace(action)
    add_json(action, "every count")


def _search(action: ArgumentParser) -> None:
    _one_namespace(action)
    what = action.add_mutually_exclusive_group(required=True)
    what.add_argument("--like", type=int, metavar="ID", help="experience id")
    what.add_argument("--text", metavar="WORDS", help="a situation in words; needs a text model in the configuration")
    action.add_argument("-k", type=at_least_one, default=5, help="how many; default: 5")
    action.add_argument("--side", choices=get_args(Side))
    action.add_argument("--pair")
    action.add_argument("--regime", choices=get_args(Regime))
    action.add_argument("--kind", choices=KINDS)
    action.add_argument(
        "--as-of", type=utc, help="known before this data time; default: that of the experience, or now"
    )
    add_output(action)


def _export(action: ArgumentParser) -> None:
    _one_namespace(action)
    action.add_argument("--to", type=Path, required=True, metavar="FILE", help=".jsonl: whole; .csv: main columns")
    action.add_argument("--force", action="store_true", help="replace the file")


def _import(action: ArgumentParser) -> None:
    _place(action)
    action.add_argument("file", type=Path, help="JSON lines of `memory export`, or of a cleanup's archive")
    action.add_argument("--namespace", help="where to; default: where each was, with --ancestor: ancestor")
    action.add_argument("--ancestor", action="store_true", help="the file is the ancestor's trade_experience.jsonl")
    action.add_argument(
        "--fee",
        type=fee_ratio,
        metavar="RATIO",
        help="with --ancestor: fee of a side, still in its profits; default: 0.0005, 0 leaves them as they are",
    )
    action.add_argument(
        "--datadir",
        type=Path,
        help="with --ancestor: freqtrade candle folder; rebuilds the market at each entry, best and worst price",
    )
    action.add_argument("--skip-bad", action="store_true", help="store the others; the ancestor's are always skipped")


def _cleanup(action: ArgumentParser) -> None:
    _one_namespace(action)
    action.add_argument("--strategy", choices=["low_quality", "compress", "old_records"], required=True)
    action.add_argument("--as-of", type=utc, help="data time; default: now")
    action.add_argument("--yes", action="store_true", help="do it; without it only the count is shown")
    add_json(action, "what was found, and what left")


def _purge(action: ArgumentParser) -> None:
    _one_namespace(action)
    what = action.add_mutually_exclusive_group(required=True)
    what.add_argument("--retired", action="store_true", help="what cleanups have taken out of the retrieval")
    what.add_argument("--all", action="store_true", help="every experience of the namespace")
    action.add_argument("--yes", action="store_true", help="erase; without it only the count is shown")
    add_json(action, "how many, and the archive")


def _backup(action: ArgumentParser) -> None:
    add_userdir(action)
    action.add_argument("--to", type=Path, metavar="FILE", help="default: a new one in rag/backups/")
    action.add_argument("--force", action="store_true", help="replace the file")
    add_json(action, "the file and what it holds")


def _restore(action: ArgumentParser) -> None:
    add_userdir(action)
    action.add_argument("--from", type=Path, dest="source", metavar="FILE", help="default: the copy of the last start")


def _rebuild(action: ArgumentParser) -> None:
    _place(action)
    add_json(action, "every index")


def _ablation(action: ArgumentParser) -> None:
    add_period(action)
    add_json(action, "every difference; freqtrade's own tables go to stderr")


def _reembed(action: ArgumentParser) -> None:
    _place(action)
    action.add_argument("--namespace", help="default: all")


ACTIONS: tuple[tuple[str, str, str, Callable[[ArgumentParser], Any]], ...] = (
    ("stats", TABLES, "counts, scores and rewards of a namespace", _stats),
    ("search", SEARCH, "the experiences most like a stored one", _search),
    ("cleanup", TABLES, "take experiences out of the retrieval; statistics keep them", _cleanup),
    ("purge", TABLES, "erase experiences for good, also from the statistics", _purge),
    ("rebuild", TABLES, "forget the index snapshots and build the indexes anew", _rebuild),
    ("reembed", REEMBED, "give every experience a vector of the configured text model", _reembed),
    ("ablation", ABLATION, "one backtest with the memory on and off, and what differs", _ablation),
    ("export", FILES, "write the experiences of a namespace to a file", _export),
    ("import", FILES, "store the experiences of a file, each once", _import),
    ("backup", FILES, "copy the database, also while a bot runs, and check the copy", _backup),
    ("restore", FILES, "put a backup in the place of the database; every bot must be stopped", _restore),
)
