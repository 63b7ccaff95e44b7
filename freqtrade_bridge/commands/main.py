"""The `candlegraph` command. Each subcommand imports what it needs: `memory stats` loads no freqtrade."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from candlegraph.freqtrade_bridge.commands.arguments import (
    DATADIR,
    add_config,
    add_output,
    add_userdir,
    datadir_of,
    userdir_of,
    utc,
)
from candlegraph.freqtrade_bridge.commands.check import add_check, print_check
from candlegraph.freqtrade_bridge.commands.failures import add_debug, guarded
from candlegraph.freqtrade_bridge.commands.memory_arguments import add_memory
from candlegraph.freqtrade_bridge.commands.migrate import add_migrate
from candlegraph.freqtrade_bridge.commands.run_arguments import add_backtest, order_of, overrides_of
from candlegraph.freqtrade_bridge.commands.trade import add_trade
from candlegraph.freqtrade_bridge.host.configuration_files import passed_on, read_files
from candlegraph.freqtrade_bridge.host.keys import MAIN

DEMO_TIMEFRAMES = ("5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one subcommand; what goes wrong becomes one message and a status that is not 0."""
    arguments = parser().parse_args(argv)
    return guarded(arguments, before=check_first)


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    top = argparse.ArgumentParser(prog="candlegraph", description=__doc__)
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    add_check(commands.add_parser("check", help="whether a configuration is sound, in seconds; --model: and its model"))
    add_migrate(commands.add_parser("migrate", help="the earlier system's configuration in our form, key by key"))
    _add_demo(commands.add_parser("demo", help="backtest the sample market, decided by the graph over loopback HTTP"))
    _add_backtest(commands.add_parser("backtest", help="`freqtrade backtesting` with the graph, a table and a report"))
    add_trade(commands.add_parser("trade", help="`freqtrade trade` with the graph; --offline: a dry-run without a key"))
    _add_decide(commands.add_parser("decide", help="one candle through the graph, printed node by node"))
    _add_brief(commands.add_parser("brief", help="the prompt of one candle, section by section, with its tokens"))
    add_memory(commands.add_parser("memory", help="the experience memory: look, measure, carry, clean up"))
    _add_why(commands.add_parser("why", help="one candle's story, or why there was no trade since the last one"))
    _add_ledger(commands.add_parser("ledger", help="what was decided: show, compare two runs, export"))
    _add_parity(commands.add_parser("parity", help="live against a backtest of the same span: what differs, and why"))
    _add_account(commands.add_parser("account", help="drawdown and emergency stop: look, or reset"))
    _add_audit(commands.add_parser("audit", help="what the auditor of a live account found, did, and leaves to you"))
    _add_wish(commands.add_parser("adopt", help="make a position that no trade knows a trade of the bot"), "adopt")
    _add_wish(commands.add_parser("flatten", help="close a position that no trade knows, at the market"), "flatten")
    _add_approvals(commands.add_parser("approvals", help="the entries that wait for a person"))
    _add_answer(commands.add_parser("approve", help="let a waiting entry trade"), "approve")
    _add_answer(commands.add_parser("reject", help="refuse a waiting entry"), "reject")
    _add_serve(commands.add_parser("serve-policy", help="serve the policy rule as an OpenAI-compatible endpoint"))
    add_debug(top)
    return top


def check_first(arguments: argparse.Namespace) -> None:
    """Refuse a bad configuration before anything heavy is loaded, and find out where the bot's folder is."""
    from candlegraph.freqtrade_bridge.commands.check import check_files

    if hasattr(arguments, "userdir"):
        arguments.userdir = userdir_of(arguments)
    if getattr(arguments, "config", None) is not None and arguments.run is not print_check:
        is_run = hasattr(arguments, "offline")
        given = overrides_of(arguments) | passed_on(arguments.freqtrade) if is_run else {}
        check_files(arguments.config, given, is_run=is_run and bool(arguments.config))


def _add_demo(command: argparse.ArgumentParser) -> None:
    add_userdir(command)
    command.add_argument("--timeframe", choices=DEMO_TIMEFRAMES, default=MAIN, help=f"main candles; default: {MAIN}")
    command.set_defaults(run=_demo)


def _demo(arguments: argparse.Namespace) -> None:
    from candlegraph.freqtrade_bridge.commands.backtest import run_demo

    run_demo(arguments.userdir, arguments.timeframe)


def _add_backtest(command: argparse.ArgumentParser) -> None:
    add_backtest(command)
    command.add_argument(
        "--strict", action="store_true", help="status 3 where more than 20 %% of the asked decisions fell back"
    )
    command.set_defaults(run=_backtest)


def _backtest(arguments: argparse.Namespace) -> None:
    from candlegraph.freqtrade_bridge.commands.backtest import backtest_and_report

    backtest_and_report(order_of(arguments), offline=arguments.offline, is_sample=False, is_strict=arguments.strict)


def _add_decide(command: argparse.ArgumentParser) -> None:
    _add_candle(command)
    command.set_defaults(run=_decide)


def _add_candle(command: argparse.ArgumentParser, *, is_required: bool = True) -> None:
    add_userdir(command)
    command.add_argument("--pair", required=is_required)
    command.add_argument("--at", type=utc, required=is_required, help="close time, UTC: the moment of decision")
    command.add_argument("--namespace", help="whose experiences are read; default: the newest that has any")
    command.add_argument("--datadir", type=Path, help=f"candle folder that holds futures/; {DATADIR}")
    add_config(command)


def _decide(arguments: argparse.Namespace) -> None:
    from candlegraph.freqtrade_bridge.commands.decide import Candle, decide_and_print

    config = read_files(arguments.config).merged
    datadir = datadir_of(arguments, config)
    decide_and_print(Candle(arguments.pair, arguments.at, datadir, arguments.userdir, arguments.namespace), config)


def _add_brief(command: argparse.ArgumentParser) -> None:
    _add_candle(command, is_required=False)
    command.add_argument("--decision", metavar="ID", help="the very prompt of this decision; its first digits will do")
    command.add_argument("--tokens", type=int, help="instead of context_config.max_context_tokens")
    command.add_argument("--language", choices=["en", "zh"], help="instead of context_config.language")
    command.set_defaults(run=_brief)


def _brief(arguments: argparse.Namespace) -> None:
    if arguments.decision:
        _refuse_beside_decision(arguments)
        from candlegraph.freqtrade_bridge.commands.brief_again import print_again

        print_again(arguments.decision, arguments.namespace, arguments.userdir)
        return
    if arguments.pair is None or arguments.at is None:
        from candlegraph.graph.schema.errors import ConfigError

        raise ConfigError("brief: expected --pair and --at, or --decision")
    from candlegraph.freqtrade_bridge.commands.decide import Candle, brief_and_print

    given = {"max_context_tokens": arguments.tokens, "language": arguments.language}
    changed = {key: value for key, value in given.items() if value is not None}
    config = read_files(arguments.config, {"context_config": changed}).merged
    datadir = datadir_of(arguments, config)
    brief_and_print(Candle(arguments.pair, arguments.at, datadir, arguments.userdir, arguments.namespace), config)


def _refuse_beside_decision(arguments: argparse.Namespace) -> None:
    """Raise ConfigError for an option that would have no effect: what a decision was made from is kept with it."""
    from candlegraph.graph.schema.errors import ConfigError

    beside = ("pair", "at", "datadir", "tokens", "language", "config")
    if named := [f"--{name}" for name in beside if getattr(arguments, name)]:
        raise ConfigError(f"brief: {', '.join(named)}: not with --decision, which prints what was kept of it")


def _add_why(command: argparse.ArgumentParser) -> None:
    add_userdir(command)
    command.add_argument("pair", metavar="PAIR")
    command.add_argument("--at", type=utc, help="close time of the candle, UTC; default: all since the last trade")
    command.add_argument("--namespace", help="default: the newest one")
    command.set_defaults(run=_why)


def _why(arguments: argparse.Namespace) -> None:
    from candlegraph.freqtrade_bridge.commands.why import print_why

    print_why(arguments)


def _add_ledger(command: argparse.ArgumentParser) -> None:
    actions = command.add_subparsers(required=True, metavar="ACTION")
    show = actions.add_parser("show", help="decisions with what they took, and totals")
    diff = actions.add_parser("diff", help="two runs, decision by decision; status 1 where they differ")
    export = actions.add_parser("export", help="write the decisions to a .jsonl or .csv file")
    for action in (show, export):
        action.add_argument("--namespace", help="default: the newest one")
    show.add_argument("--pair")
    show.add_argument("--from", dest="begin", type=utc, help="first candle (open time, UTC)")
    show.add_argument("--to", dest="end", type=utc, help="candles before this one")
    show.add_argument("--faulty", action="store_true", help="only where an answer was faulty or none came")
    show.add_argument("--limit", type=int, default=50)
    show.add_argument("--decision", metavar="ID", help="one decision whole; the first digits of its id will do")
    diff.add_argument("first", help="namespace")
    diff.add_argument("second", help="namespace")
    diff.add_argument("--other-userdir", type=Path, help="where the second one is, if elsewhere")
    for action in (show, diff):
        add_output(action)
    export.add_argument("--to", type=Path, required=True)
    export.add_argument("--force", action="store_true", help="replace the file")
    for name, action in (("show", show), ("diff", diff), ("export", export)):
        add_userdir(action)
        action.set_defaults(run=_ledger, action=name)


def _ledger(arguments: argparse.Namespace) -> None:
    from candlegraph.freqtrade_bridge.commands import ledger as ledger_commands

    getattr(ledger_commands, f"print_{arguments.action}")(arguments)


def _add_parity(command: argparse.ArgumentParser) -> None:
    command.add_argument("--live", type=Path, required=True, metavar="DIR", help="user_data of the live or dry-run bot")
    command.add_argument(
        "--backtest", type=Path, required=True, metavar="DIR", help="user_data that holds the backtest"
    )
    command.add_argument("--live-namespace", default="live", metavar="NAME", help="default: live; or dry_run")
    command.add_argument("--backtest-namespace", metavar="NAME", help="default: the newest backtest")
    command.add_argument("--pair", help="only this pair")
    add_output(command)
    command.set_defaults(run=_parity)


def _parity(arguments: argparse.Namespace) -> None:
    from candlegraph.freqtrade_bridge.commands.parity import print_parity

    print_parity(arguments)


def _add_account(command: argparse.ArgumentParser) -> None:
    actions = command.add_subparsers(required=True, metavar="ACTION")
    show = actions.add_parser("show", help="peak, day and halt of every namespace")
    reset = actions.add_parser("reset", help="forget them: entries may go on after an emergency stop")
    add_output(show)
    reset.add_argument("--namespace", required=True, help="live, dry_run, or that of a run offline")
    for name, action in (("show", show), ("reset", reset)):
        add_userdir(action)
        action.set_defaults(run=_account, action=name)


def _account(arguments: argparse.Namespace) -> None:
    from candlegraph.freqtrade_bridge.commands import account as account_commands

    getattr(account_commands, f"print_{arguments.action}")(arguments)


def _add_audit(command: argparse.ArgumentParser) -> None:
    add_userdir(command)
    add_output(command)
    command.add_argument("--namespace", default="live", help="default: live")
    command.add_argument("--limit", type=int, default=20, help="newest findings; default: 20")
    command.set_defaults(run=_audit, action="audit")


def _add_wish(command: argparse.ArgumentParser, action: str) -> None:
    add_userdir(command)
    command.add_argument("pair", metavar="PAIR")
    command.add_argument("--namespace", default="live", help="default: live")
    command.set_defaults(run=_audit, action=action)


def _audit(arguments: argparse.Namespace) -> None:
    from candlegraph.freqtrade_bridge.commands import audit as audit_commands

    getattr(audit_commands, f"print_{arguments.action}")(arguments)


def _add_approvals(command: argparse.ArgumentParser) -> None:
    _add_proposals(command)
    add_output(command)
    command.set_defaults(run=_approval, action="approvals")


def _add_answer(command: argparse.ArgumentParser, action: str) -> None:
    command.add_argument("id", help="the first digits of the proposal's id, six or more")
    _add_proposals(command)
    command.set_defaults(run=_approval, action=action)
    if action == "reject":
        command.add_argument("--reason", default="", help="kept with the decision")


def _add_proposals(command: argparse.ArgumentParser) -> None:
    add_userdir(command)
    command.add_argument("--namespace", help="live or dry_run; default: all")


def _approval(arguments: argparse.Namespace) -> None:
    from candlegraph.freqtrade_bridge.commands import approvals as approval_commands

    getattr(approval_commands, f"print_{arguments.action}")(arguments)


def _add_serve(command: argparse.ArgumentParser) -> None:
    command.add_argument("--port", type=int, default=8085)
    command.set_defaults(run=_serve)


def _serve(arguments: argparse.Namespace) -> None:
    import time

    from candlegraph.agents.models.policy_server import PolicyServer

    with PolicyServer(arguments.port) as server:
        sys.stdout.write(f"the policy rule answers at {server.url} (a rule, not intelligence); Ctrl-C stops it\n")
        sys.stdout.flush()
        try:
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            return


if __name__ == "__main__":
    sys.exit(main())
