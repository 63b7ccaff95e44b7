"""Arguments of the commands that look into the bot's books; what they do is loaded when one runs."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from importlib.util import find_spec
from pathlib import Path

from candlegraph.freqtrade_bridge.commands.arguments import (
    NEWEST,
    NEWEST_BOT,
    add_config,
    add_json,
    add_output,
    add_userdir,
    at_least_one,
    later,
    utc,
)
from candlegraph.graph.schema.errors import ConfigError

HERE = __package__
NAMED = "a run: its namespace, or any part that no other has, like the last digits of a backtest's name"


def add_status(command: ArgumentParser) -> None:
    """Let the command be told which bot."""
    _add_bot(command, "status")


def add_health(command: ArgumentParser) -> None:
    """Let the command be told which bot."""
    _add_bot(command, "health")


def add_mcp(command: ArgumentParser) -> None:
    """Let the command be told whose books."""
    add_userdir(command)
    command.set_defaults(run=_serve_books)


def _serve_books(arguments: Namespace) -> None:
    if find_spec("mcp") is None:
        raise ConfigError("mcp: its package is not installed: pip install 'candlegraph[mcp]'")
    later(f"{HERE}.mcp_server:print_mcp")(arguments)


def add_drift(command: ArgumentParser) -> None:
    """Let the command be told whose decisions."""
    add_userdir(command)
    command.add_argument("--namespace", help=NEWEST_BOT)
    add_json(command, "every measure")
    command.set_defaults(run=later(f"{HERE}.drift:print_drift"))


def _add_bot(command: ArgumentParser, name: str) -> None:
    add_userdir(command)
    command.add_argument("--namespace", help="live or dry_run; default: the bot that was last heard of")
    add_json(command, "all that is known")
    command.set_defaults(run=later(f"{HERE}.{name}:print_{name}"))


def add_why(command: ArgumentParser) -> None:
    """Let the command be told which pair, and when."""
    add_userdir(command)
    command.add_argument("pair", metavar="PAIR")
    command.add_argument("--at", type=utc, help="close time of the candle, UTC; default: all since the last trade")
    command.add_argument("--namespace", help=NEWEST)
    add_json(command, "the decisions that it tells of")
    command.set_defaults(run=later(f"{HERE}.why:print_why"))


def add_report(command: ArgumentParser) -> None:
    """Let the command be told which run, or which two, and where its candles are."""
    add_userdir(command)
    command.add_argument(
        "run_names",
        nargs="*",
        metavar="RUN",
        help=f"{NAMED}; or an archive of freqtrade's (.zip); two: side by side; {NEWEST}",
    )
    command.add_argument("--datadir", type=Path, help="candle folder; default: the one of USERDIR/data that fits")
    command.add_argument(
        "--full", action="store_true", help="the briefings of all decisions, not only of those that act"
    )
    add_config(command, "of a running bot: says where freqtrade keeps its trades (db_url)")
    command.set_defaults(run=later("candlegraph.freqtrade_bridge.commands.reporting.report:print_report"))


def add_evaluate(command: ArgumentParser) -> None:
    """Let the command be told which backtest, or which plan, and where a backtest's candles are."""
    add_userdir(command)
    command.add_argument(
        "run_name", nargs="?", metavar="RUN|PLAN.toml", help=f"a plan, {NAMED}; or an archive (.zip); {NEWEST}"
    )
    command.add_argument("--datadir", type=Path, help="candle folder; default: the one of USERDIR/data that fits")
    command.add_argument("--jobs", type=at_least_one, help="of a plan: windows that run at once; default: 1")
    command.add_argument("--ray", action="store_true", help="of a plan: on the Ray cluster of RAY_ADDRESS, or one here")
    command.add_argument("--trials", action="store_true", help="list all backtests that were ever begun here")
    add_json(command, "every number")
    command.set_defaults(run=later("candlegraph.freqtrade_bridge.lab.evaluation.command:print_evaluation"))


def add_ledger(command: ArgumentParser) -> None:
    """Add the actions to `candlegraph ledger`."""
    actions = command.add_subparsers(required=True, metavar="ACTION")
    _add_show(actions.add_parser("show", help="decisions with what they took, and totals"))
    _add_diff(actions.add_parser("diff", help="two runs, decision by decision; status 1 where they differ"))
    _add_export(actions.add_parser("export", help="write the decisions to a .jsonl, .csv or .parquet file"))


def _add_show(action: ArgumentParser) -> None:
    action.add_argument("--namespace", help=NEWEST)
    action.add_argument("--pair")
    action.add_argument("--from", dest="begin", type=utc, help="first candle (open time, UTC)")
    action.add_argument("--to", dest="end", type=utc, help="candles before this one")
    action.add_argument("--faulty", action="store_true", help="only where an answer was faulty or none came")
    action.add_argument("--limit", type=int, default=50)
    action.add_argument("--decision", metavar="ID", help="one decision whole; the first digits of its id will do")
    add_output(action)
    add_userdir(action)
    action.set_defaults(run=later(f"{HERE}.ledger:print_show"))


def _add_diff(action: ArgumentParser) -> None:
    action.add_argument("first", help=NAMED)
    action.add_argument("second", help="the same")
    action.add_argument("--other-userdir", type=Path, help="where the second one is, if elsewhere")
    add_output(action)
    add_userdir(action)
    action.set_defaults(run=later(f"{HERE}.ledger:print_diff"))


def _add_export(action: ArgumentParser) -> None:
    action.add_argument("--namespace", help=NEWEST)
    action.add_argument("--to", type=Path, required=True)
    action.add_argument("--force", action="store_true", help="replace the file")
    add_userdir(action)
    action.set_defaults(run=later(f"{HERE}.ledger:print_export"))


def add_compare(command: ArgumentParser) -> None:
    """Let the command be told which two runs."""
    command.add_argument("first", metavar="RUN_A", help=NAMED)
    command.add_argument("second", metavar="RUN_B", help="the same")
    command.add_argument("--other-userdir", type=Path, help="where B is, if elsewhere")
    command.add_argument("--pair", help="only this pair")
    add_output(command)
    add_userdir(command)
    command.set_defaults(run=later(f"{HERE}.compare:print_compare"))


def add_parity(command: ArgumentParser) -> None:
    """Let the command be told which two runs."""
    command.add_argument("--live", type=Path, required=True, metavar="DIR", help="user_data of the live or dry-run bot")
    command.add_argument(
        "--backtest", type=Path, required=True, metavar="DIR", help="user_data that holds the backtest"
    )
    command.add_argument("--live-namespace", default="live", metavar="NAME", help="default: live; or dry_run")
    command.add_argument("--backtest-namespace", metavar="NAME", help="default: the newest backtest")
    command.add_argument("--pair", help="only this pair")
    add_output(command)
    command.set_defaults(run=later(f"{HERE}.parity:print_parity"))


def add_account(command: ArgumentParser) -> None:
    """Add the actions to `candlegraph account`."""
    actions = command.add_subparsers(required=True, metavar="ACTION")
    show = actions.add_parser("show", help="peak, day and halt of every namespace")
    reset = actions.add_parser("reset", help="forget them: entries may go on after an emergency stop")
    add_output(show)
    reset.add_argument("--namespace", required=True, help="live, dry_run, or that of a run offline")
    for name, action in (("show", show), ("reset", reset)):
        add_userdir(action)
        action.set_defaults(run=later(f"{HERE}.account:print_{name}"))


def add_audit(command: ArgumentParser) -> None:
    """Let the command be told how much of it."""
    add_output(command)
    command.add_argument("--limit", type=int, default=20, help="newest findings; default: 20")
    _add_live(command, "audit")


def add_adopt(command: ArgumentParser) -> None:
    """Let the command be told whose position."""
    command.add_argument("pair", metavar="PAIR")
    _add_live(command, "adopt")


def add_flatten(command: ArgumentParser) -> None:
    """Let the command be told whose position."""
    command.add_argument("pair", metavar="PAIR")
    _add_live(command, "flatten")


def _add_live(command: ArgumentParser, name: str) -> None:
    add_userdir(command)
    command.add_argument("--namespace", default="live", help="default: live")
    command.set_defaults(run=later(f"{HERE}.audit:print_{name}"))


def add_approvals(command: ArgumentParser) -> None:
    """Let the command be told whose proposals."""
    _add_proposals(command, "approvals")
    add_output(command)


def add_approve(command: ArgumentParser) -> None:
    """Let the command be told which proposal."""
    _add_id(command)
    _add_proposals(command, "approve")


def add_reject(command: ArgumentParser) -> None:
    """Let the command be told which proposal, and why."""
    _add_id(command)
    _add_proposals(command, "reject")
    command.add_argument("--reason", default="", help="kept with the decision")


def _add_id(command: ArgumentParser) -> None:
    command.add_argument("id", help="the first digits of the proposal's id, six or more")


def _add_proposals(command: ArgumentParser, name: str) -> None:
    add_userdir(command)
    command.add_argument("--namespace", help="live or dry_run; default: all")
    command.set_defaults(run=later(f"{HERE}.approvals:print_{name}"))
