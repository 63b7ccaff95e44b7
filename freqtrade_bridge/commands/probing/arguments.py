"""What the commands take that try a model or a recorded run; loads no freqtrade."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError
from pathlib import Path

from candlegraph.freqtrade_bridge.commands.arguments import (
    NEWEST,
    add_config,
    add_json,
    add_userdir,
    at_least_one,
    later,
)

HERE = __package__


def share(text: str) -> float:
    """Return a share from 0 to 1."""
    try:
        found = float(text)
    except ValueError:
        found = -1.0
    if not 0 <= found <= 1:
        raise ArgumentTypeError(f"expected a share from 0 to 1, like 0.8, was {text!r}")
    return found


def add_scenarios(command: ArgumentParser) -> None:
    """Let the command be told which models, which situations, and what is good enough."""
    command.add_argument(
        "--model",
        action="append",
        help="policy, local, random, always-long, always-wait, or a name that your endpoint knows; again for another "
        "one beside it; default: the configuration's",
    )
    add_config(command, "freqtrade configuration files, whose llm_config is tried")
    command.add_argument("--runs", type=at_least_one, default=1, help="how often each situation is asked; default: 1")
    command.add_argument(
        "--file",
        type=Path,
        action="append",
        default=[],
        help="other situations: .toml as ours are written, or .jsonl of corrected decisions; default: ours",
    )
    command.add_argument("--group", action="append", default=[], help="situations of this group alone")
    command.add_argument("--every", type=at_least_one, default=1, help="every so many-th situation alone; default: 1")
    command.add_argument(
        "--least", type=share, help="status 1 where a model's share of admissible answers is below, like 0.8"
    )
    command.add_argument("--wide", action="store_true", help="every situation that was missed, not the first ten")
    add_json(command, "every answer")
    command.set_defaults(run=later(f"{HERE}.scenarios:print_scenarios"))


def add_whatif(command: ArgumentParser) -> None:
    """Let the command be told which run, and what is otherwise."""
    _add_recorded(command)
    command.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="another value below risk_management, like max_leverage=3 or checks.cooldown=block; again and again",
    )
    command.add_argument("--leverage", type=float, metavar="X", help="what every entry asks for, before the gate")
    command.add_argument("--stop-atr", type=float, metavar="N", help="the stop of every entry, ATR from the price")
    command.add_argument(
        "--without",
        action="append",
        default=[],
        choices=("memory", "reviewer"),
        help="by the graph again: without past cases, or without the reviewing model",
    )
    add_config(command, "the run's configuration, whose cassette may hold answers to the other prompts")
    command.add_argument("--wide", action="store_true", help="every changed decision, not the first ten")
    add_json(command, "every changed decision and trade")
    command.set_defaults(run=later(f"{HERE}.whatif:print_whatif"))


def _add_recorded(command: ArgumentParser) -> None:
    """Let the command be told which run."""
    command.add_argument("run_name", nargs="?", metavar="RUN", help=f"a run, or a part of its name; {NEWEST}")
    add_userdir(command)


def add_leakage(command: ArgumentParser) -> None:
    """Let the command be told which run, which model, and how many decisions."""
    _add_recorded(command)
    command.add_argument(
        "--model", help="policy, local, or a name that your endpoint knows; default: the configuration's"
    )
    add_config(command, "freqtrade configuration files, whose llm_config is tried")
    command.add_argument(
        "--decisions", type=at_least_one, default=100, help="at most so many, each asked four times; default: 100"
    )
    command.add_argument("--json", action="store_true", help="as JSON")
    command.set_defaults(run=later(f"{HERE}.leakage:print_leakage"))


def add_calibration(command: ArgumentParser) -> None:
    """Let the command be told which run."""
    _add_recorded(command)
    command.add_argument("--json", action="store_true", help="as JSON, with every bin")
    command.set_defaults(run=later(f"{HERE}.calibration:print_calibration"))
