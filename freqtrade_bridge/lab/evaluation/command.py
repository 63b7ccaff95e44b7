"""`candlegraph evaluate`: a plan (PLAN.toml), a backtest that is there (RUN), or all that was ever tried (--trials)."""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path

from candlegraph.freqtrade_bridge.host.trials import TrialBook, count_of
from candlegraph.freqtrade_bridge.report.listing import Entry, console, print_entries, print_json
from candlegraph.graph.schema.errors import ConfigError

ENDING = ".toml"
HEAD = ("when", "what", "window", "trades", "net result")


def print_evaluation(arguments: Namespace) -> None:
    """Do what the argument means: a file that ends in .toml is a plan, any other word a run."""
    word: str | None = arguments.run_name
    if arguments.trials:
        print_trials(arguments)
    elif word is not None and word.endswith(ENDING):
        print_plan(arguments)
    elif arguments.jobs is not None or arguments.ray:
        raise ConfigError("evaluate: --jobs and --ray run the windows of a plan; expected a file that ends in .toml")
    else:
        from candlegraph.freqtrade_bridge.commands.reporting import evaluate

        evaluate.print_evaluation(arguments)


def print_plan(arguments: Namespace) -> None:
    """Evaluate a plan, say how far it is on stderr, and print what it says."""
    from candlegraph.freqtrade_bridge.lab.evaluation import evaluating
    from candlegraph.freqtrade_bridge.lab.evaluation.verdict import told

    plan = evaluating.opened(arguments.run_name, arguments.userdir)
    for line in evaluating.estimate_of_plan(plan, arguments.userdir):
        sys.stderr.write(f"{line}\n")
    found = evaluating.evaluate(
        plan, userdir=arguments.userdir, jobs=arguments.jobs or 1, on_ray=arguments.ray, tell=_say
    )
    if arguments.json:
        print_json(found.evaluation.model_dump(mode="json"))
        return
    console().print("\n".join(told(found.evaluation)), soft_wrap=True)
    console().print(f"Page: {found.page}", soft_wrap=True)


def _say(done: int, total: int, key: str) -> None:
    sys.stderr.write(f"{done}/{total} {key}\n")


def print_trials(arguments: Namespace) -> None:
    """Print every backtest that was ever begun in the user data folder."""
    userdir: Path = arguments.userdir
    trials = TrialBook(userdir).trials()
    if arguments.json:
        print_json([trial.row for trial in trials])
        return
    entries = [
        Entry(
            (
                f"{one.begun.at:%Y-%m-%d %H:%M}",
                one.begun.model or one.begun.strategy,
                one.begun.timerange or "open",
                "" if one.ended is None else f"{one.ended.trades}",
                "never ended" if one.ended is None else f"{one.ended.net:+.2%}",
            ),
            (one.begun.run,),
        )
        for one in trials
    ]
    title = f"{userdir}: {len(trials)} backtests begun, {count_of(trials)} of them different"
    print_entries(title, HEAD, entries, wide=False, empty=f"{userdir}: no backtest was begun here yet")
