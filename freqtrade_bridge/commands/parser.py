"""The command line of `candlegraph`: which commands there are. What one takes and does is loaded when it is named."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import NamedTuple

from candlegraph.freqtrade_bridge.commands.failures import add_debug

HERE = __package__
NAME = "candlegraph"
STANDS_ON = ("freqtrade", "ccxt", "langgraph")


class Command(NamedTuple):
    """One command: its name, one line about it, and `module:function` below this package that adds what it takes."""

    name: str
    what: str
    adds: str

    def add_to(self, command: argparse.ArgumentParser) -> None:
        """Add what the command takes, and what it does."""
        module, _, function = self.adds.partition(":")
        getattr(import_module(f"{HERE}.{module}"), function)(command)


COMMANDS = {
    "a new bot": (
        Command(
            "init", "a new bot: configuration, passwords, folders, from four answers", "operations.arguments:add_init"
        ),
        Command("check", "whether a configuration is sound; --model: and its model", "check:add_check"),
        Command(
            "doctor",
            "whether all is there that a bot needs, in 20 s; one model call",
            "operations.arguments:add_doctor",
        ),
        Command("migrate", "the earlier system's configuration in our form, key by key", "migrate:add_migrate"),
        Command("demo", "a backtest of a real month, decided over loopback HTTP", "run_arguments:add_demo"),
    ),
    "a running bot": (
        Command("start", "the bot in the background, with log and process file", "operations.arguments:add_start"),
        Command("stop", "end it gently; positions stay open", "operations.arguments:add_stop"),
        Command("restart", "end it and start it as it was started", "operations.arguments:add_restart"),
        Command("trade", "the bot here; --offline: a dry-run without a key or a network", "run_arguments:add_trade"),
        Command(
            "status", "how the bot is: last decision, models, cost, halt, open trades", "books.arguments:add_status"
        ),
        Command(
            "health", "one line and status 0 or 1, for a container, a monitor, a cron", "books.arguments:add_health"
        ),
        Command("logs", "the end of its log; -f: and what follows", "operations.arguments:add_logs"),
        Command(
            "pause", "open and add nothing until `resume`; exits and stops go on", "operations.arguments:add_pause"
        ),
        Command("resume", "end a pause", "operations.arguments:add_resume"),
    ),
    "what it decided and why": (
        Command("report", "a run, or two side by side, as one HTML file to look at", "books.arguments:add_report"),
        Command("why", "one candle's story, or why there was no trade since the last one", "books.arguments:add_why"),
        Command("ledger", "what was decided: show, compare two runs, export", "books.arguments:add_ledger"),
        Command("decide", "one candle through the graph, printed node by node", "candle_arguments:add_decide"),
        Command("brief", "the prompt of one candle, section by section, with its tokens", "candle_arguments:add_brief"),
        Command("open", "a decision in LangGraph's Studio: its history, to edit", "studio.arguments:add_open"),
        Command("traces", "decisions worth a second look, to be corrected by a person", "traces.arguments:add_traces"),
        Command("mcp", "its books as functions for another model; reads, never acts", "books.arguments:add_mcp"),
        Command("studio", "LangGraph's server with our graphs and assistants", "studio.arguments:add_studio"),
        Command(
            "prompts", "your own prompts: as files, what they change, what is wrong", "operations.prompts:add_prompts"
        ),
        Command("drift", "whether the model decides otherwise than in the weeks before", "books.arguments:add_drift"),
    ),
    "what waits for you": (
        Command("approvals", "the entries that wait for a person", "books.arguments:add_approvals"),
        Command("approve", "let a waiting entry trade", "books.arguments:add_approve"),
        Command("reject", "refuse a waiting entry", "books.arguments:add_reject"),
        Command("account", "drawdown and emergency stop: look, or reset", "books.arguments:add_account"),
        Command(
            "audit", "what the auditor of a live account found, did, and leaves to you", "books.arguments:add_audit"
        ),
        Command("adopt", "make a position that no trade knows a trade of the bot", "books.arguments:add_adopt"),
        Command("flatten", "close a position that no trade knows, at the market", "books.arguments:add_flatten"),
    ),
    "backtests and memory": (
        Command(
            "backtest", "`freqtrade backtesting` with the graph, a table and a report", "run_arguments:add_backtest"
        ),
        Command("compare", "two runs: which decisions differ and why, money and fates", "books.arguments:add_compare"),
        Command("evaluate", "whether a backtest, or a plan of them, shows an edge", "books.arguments:add_evaluate"),
        Command("scenarios", "what models do in written situations; a gate for CI", "probing.arguments:add_scenarios"),
        Command(
            "leakage", "whether a model knows the market of a run: asked in disguise", "probing.arguments:add_leakage"
        ),
        Command(
            "calibration",
            "its confidence, scores, stops against what came of them",
            "probing.arguments:add_calibration",
        ),
        Command("whatif", "a run under other limits, stops, leverage; no model asked", "probing.arguments:add_whatif"),
        Command(
            "parity", "live against a backtest of the same span: what differs, and why", "books.arguments:add_parity"
        ),
        Command("memory", "the experience memory: look, measure, carry, clean up", "memory.arguments:add_memory"),
    ),
    "upkeep": (
        Command(
            "prune", "old backtests leave the database; --days: and what is older", "operations.arguments:add_prune"
        ),
        Command("clean", "remove what can be made again, after a backup", "operations.arguments:add_clean"),
        Command("upgrade", "--check: which live decisions this version changes", "operations.arguments:add_upgrade"),
        Command("deploy", "build and start the containers, follow their log", "operations.arguments:add_deploy"),
        Command("serve-policy", "serve the policy rule as an OpenAI-compatible endpoint", "serve:add_serve"),
    ),
}
NAMES = tuple(one.name for group in COMMANDS.values() for one in group)


def parser(named: Sequence[str] = NAMES) -> argparse.ArgumentParser:
    """Return the command line; of the commands that are not among `named` only the name and its line."""
    top = argparse.ArgumentParser(
        prog=NAME,
        usage=f"{NAME} [-h] [--version] [--debug] COMMAND ...",
        description="A language model trades through Freqtrade; COMMAND --help says what it takes.",
        epilog="\n\n".join(_listed(*group) for group in COMMANDS.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = top.add_subparsers(required=True, metavar="COMMAND", help=argparse.SUPPRESS, prog=NAME)
    for one in (one for group in COMMANDS.values() for one in group):
        command = commands.add_parser(one.name, description=f"{one.what[:1].upper()}{one.what[1:]}.")
        if one.name in named:
            one.add_to(command)
    top.add_argument("--version", action=Version, nargs=0, help="show the versions of it and of what it stands on")
    add_debug(top)
    return top


class Version(argparse.Action):
    """Prints the installed versions, read when they are asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *given: object) -> None:
        """Print them in one line and end."""
        from importlib import metadata

        told = ", ".join(f"{name} {metadata.version(name)}" for name in (NAME, *STANDS_ON))
        sys.stdout.write(f"{told}\n")
        parser.exit()


def _listed(title: str, group: Sequence[Command]) -> str:
    """Return the commands of a group for the help text, each in a line of 80 columns at most."""
    return "\n".join([f"{title}:", *(f"  {one.name:12}  {one.what}" for one in group)])
