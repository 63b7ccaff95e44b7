"""Arguments of `candlegraph traces`; what its actions do is loaded when one runs."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Literal, get_args

from candlegraph.freqtrade_bridge.commands.arguments import NEWEST, add_config, add_userdir, at_least_one, later

HERE = __package__
Choice = Literal["losers", "vetoes", "clamps", "repairs"]
CHOICES: tuple[Choice, ...] = get_args(Choice)


def add_traces(command: ArgumentParser) -> None:
    """Add the actions to `candlegraph traces`."""
    actions = command.add_subparsers(required=True, metavar="ACTION")
    out = actions.add_parser("dataset", help="decisions to correct: into a file, or a dataset of LangSmith's")
    out.add_argument(
        "--choose", nargs="+", choices=CHOICES, default=CHOICES, help="which decisions; default: all these"
    )
    out.add_argument("--namespace", help=NEWEST)
    out.add_argument("--limit", type=at_least_one, default=100, help="the newest so many; default: 100")
    _add_place(out, "file to write, .jsonl: a decision a line", "name of a new dataset")
    add_config(out, "says what is hidden from LangSmith: tracing.redact, tracing.prompts")
    out.set_defaults(run=later(f"{HERE}.dataset:print_dataset"))
    back = actions.add_parser("corrections", help="a dataset that persons have corrected, as such a file")
    back.add_argument("--langsmith", metavar="NAME", required=True, help="of the dataset")
    back.add_argument("--to", type=Path, required=True, help="file to write, .jsonl, for `candlegraph scenarios`")
    back.add_argument("--force", action="store_true", help="replace a file that is there already")
    back.set_defaults(run=later(f"{HERE}.dataset:print_corrections"))


def _add_place(action: ArgumentParser, file: str, dataset: str) -> None:
    where = action.add_mutually_exclusive_group(required=True)
    where.add_argument("--to", type=Path, help=file)
    where.add_argument("--langsmith", metavar="NAME", help=f"{dataset} at LANGSMITH_ENDPOINT, with LANGSMITH_API_KEY")
    action.add_argument("--force", action="store_true", help="replace a file that is there already")
    add_userdir(action)
