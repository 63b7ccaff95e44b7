"""`candlegraph scenarios`: what models do in written situations, each with its admissible answers; a gate for CI."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

from rich.table import Table

from candlegraph.freqtrade_bridge.commands.probing.models import Tried, tried_models
from candlegraph.freqtrade_bridge.commands.waiting import working
from candlegraph.freqtrade_bridge.host.configuration_files import read_files
from candlegraph.freqtrade_bridge.report.listing import Entry, console, print_entries, print_json
from candlegraph.freqtrade_bridge.scenarios.asking import Replies, ask_all
from candlegraph.freqtrade_bridge.scenarios.corrected import corrected_in
from candlegraph.freqtrade_bridge.scenarios.judged import Miss, ScenarioReport, compared, report_of
from candlegraph.freqtrade_bridge.scenarios.scenario import Scenario, scenario_of
from candlegraph.freqtrade_bridge.scenarios.written import packaged, written_in
from candlegraph.graph.nodes import loop_thread
from candlegraph.graph.schema.errors import ConfigError

SHOWN = 10
LINES = ".jsonl"
PAGE = "docs/scenarios.md"
SHARES = (
    ("valid at once", "valid"),
    ("admissible", "admissible"),
    ("same, asked again", "repeated"),
    ("same, reworded", "reworded"),
    ("same, reordered", "reordered"),
)


def print_scenarios(arguments: Namespace) -> None:
    """Print what the models' answers are worth; status 1 where one is below `--least`."""
    scenarios = chosen(arguments)
    found = {tried.name: answered(tried, scenarios, arguments.runs) for tried in models_of(arguments)}
    reports = [report_of(name, replies) for name, replies in found.items()]
    if arguments.json:
        print_json({"reports": [one.model_dump(mode="json") for one in reports], "compared": comparisons(found)})
    else:
        print_reports(reports, found, is_wide=arguments.wide)
    if arguments.least is not None and any(one.admissible.ratio < arguments.least for one in reports):
        sys.exit(1)


def models_of(arguments: Namespace) -> list[Tried]:
    """Return the models that are tried."""
    return tried_models(arguments.model, read_files(arguments.config).merged)


def answered(tried: Tried, scenarios: Sequence[Scenario], runs: int) -> tuple[Replies, ...]:
    """Return a model's answers; raise ConfigError, with the reason, where none came at all."""
    with working(f"{tried.name}: {len(scenarios)} situations"):
        asking = ask_all(scenarios, tried.context, runs=runs, at_once=tried.at_once)
        found = loop_thread().submit(asking).result()
    replies = [reply for one in found for reply in one.all if reply.is_asked]
    if replies and not any(reply.calls for reply in replies):
        raise ConfigError(f"scenarios: {tried.name} never answered: {replies[0].fault}")
    return found


def chosen(arguments: Namespace) -> list[Scenario]:
    """Return the situations that are asked; raise ConfigError where there are none."""
    given = [one for path in arguments.file for one in read_in(path)] or [scenario_of(one) for one in packaged()]
    groups = list(dict.fromkeys(one.group for one in given))
    if unknown := [name for name in arguments.group if name not in groups]:
        raise ConfigError(f"scenarios: no group {', '.join(unknown)}; expected of {', '.join(groups)}")
    return [one for one in given if not arguments.group or one.group in arguments.group][:: arguments.every]


def read_in(path: Path) -> Sequence[Scenario]:
    """Return the situations of a file; raise ConfigError where it has none that can be asked."""
    if path.suffix != LINES:
        return [scenario_of(one) for one in written_in(path)]
    found = corrected_in(path)
    if not found.scenarios:
        raise ConfigError(f'scenarios: {path}: none of {found.open_lines} lines has "admissible" filled in by a person')
    if found.open_lines:
        sys.stderr.write(f"{path}: {found.open_lines} lines without an admissible answer are left out\n")
    return found.scenarios


def comparisons(found: dict[str, tuple[Replies, ...]]) -> list[dict[str, Any]]:
    """Return every two models over the same situations."""
    return [
        {"first": one, "second": other, **compared(found[one], found[other]).model_dump()}
        for one, other in combinations(found, 2)
    ]


def print_reports(reports: Sequence[ScenarioReport], found: dict[str, tuple[Replies, ...]], *, is_wide: bool) -> None:
    """Print the models side by side, then the groups, then what each of them missed."""
    screen = console()
    first = reports[0]
    screen.print(f"{first.scenarios} situations; in brackets the 95 % interval, each situation counted once")
    if first.unasked:
        screen.print(f"{first.unasked} left out: every door is closed there, which is answered without a model")
    screen.print(_table(reports))
    for one in comparisons(found):
        told = f"{one['first']} alone right {one['only_first']} times, {one['second']} alone {one['only_second']} times"
        screen.print(f"{told}: p = {one['p']:.2g}", soft_wrap=True)
    screen.print(_groups(reports))
    for report in reports if is_wide or len(reports) == 1 else ():
        _print_misses(report, is_wide=is_wide)
    screen.print(f"What this says: {PAGE}")


def _table(reports: Sequence[ScenarioReport]) -> Table:
    table = Table("", *(one.model for one in reports), box=None, pad_edge=False)
    for name, field in SHARES:
        table.add_row(name, *(getattr(one, field).told for one in reports))
    table.add_row("answers", *(f"{one.answers:,}" for one in reports))
    table.add_row("tokens in an answer", *(_tokens(one) for one in reports))
    table.add_row("money", *("unknown, no price" if one.cost is None else f"{one.cost:,.4f}" for one in reports))
    return table


def _tokens(one: ScenarioReport) -> str:
    if not one.tokens_in:
        return "not counted"
    return f"{one.tokens_in / one.answers:,.0f} read, {one.tokens_out / one.answers:,.0f} written"


def _groups(reports: Sequence[ScenarioReport]) -> Table:
    table = Table("admissible, by group", "of", *(one.model for one in reports), box=None, pad_edge=False)
    for name, share in reports[0].groups.items():
        table.add_row(name, str(share.of), *(f"{one.groups[name].count:g}" for one in reports))
    return table


def _print_misses(report: ScenarioReport, *, is_wide: bool) -> None:
    shown = report.misses if is_wide else report.misses[:SHOWN]
    print_entries(
        f"{report.model}: not admissible",
        ("group", "situation", "answered"),
        [Entry((one.group, one.name, _counted(one.answered)), _why(one)) for one in shown],
        wide=False,
        empty=f"{report.model}: every answer was admissible",
    )
    if len(report.misses) > len(shown):
        console().print(f"and {len(report.misses) - len(shown)} more; --wide shows all")


def _why(one: Miss) -> tuple[str, ...]:
    told = f"admissible: {', '.join(one.admissible)}. {one.why}"
    return (told, one.fault) if one.fault else (told,)


def _counted(answered: dict[str, int]) -> str:
    if sum(answered.values()) == 1:
        return next(iter(answered))
    return ", ".join(f"{name} {count}" for name, count in answered.items())
