"""`candlegraph whatif`: a recorded run under other rules; which decisions change, what it costs, how far it holds."""

from __future__ import annotations

from argparse import Namespace

from candlegraph.freqtrade_bridge.commands.probing.recorded import (
    RecordedRun,
    closed_trades,
    net_results,
    recorded_run,
)
from candlegraph.freqtrade_bridge.commands.waiting import working
from candlegraph.freqtrade_bridge.host.configuration_files import read_files
from candlegraph.freqtrade_bridge.report.listing import LONGEST, Entry, console, one_line, print_entries, print_json
from candlegraph.freqtrade_bridge.whatif.changes import Changes, changes_of
from candlegraph.freqtrade_bridge.whatif.course import ChangedDecision, Holds, WhatIf, whatif_of
from candlegraph.freqtrade_bridge.whatif.regraphed import graphed_again
from candlegraph.freqtrade_bridge.whatif.remade import Remade, Standing, gated_again
from candlegraph.graph.settings.settings import settings_of

SHOWN = 10
PAGE = "docs/whatif.md"
STANDINGS: dict[Standing, str] = {
    "same": "come out the same",
    "changed": "come out otherwise",
    "asked_anew": "would have asked the model something else: its answer is not known",
    "not_again": "cannot be made again: a person, a clock, a failure or an older version had the last word",
}
HOLDS: dict[Holds, str] = {
    "exact": "as a full run would have them: nothing had changed before",
    "other_account": "answered to another account: the prompt would have had other numbers",
    "other_position": "answered in a trade of another size or stop",
    "no_position": "answered in a trade that would not be there, or beside one whose end nobody knows",
}


def print_whatif(arguments: Namespace) -> None:
    """Print what comes out."""
    changes = changes_of(arguments.set, arguments.leverage, arguments.stop_atr, arguments.without)
    run = recorded_run(arguments.userdir, arguments.run_name)
    with working(f"{len(run.given)} decisions"):
        remade = again(run, changes, arguments)
        made = net_results(closed_trades(arguments.userdir, run.name))
        found = whatif_of(remade, made, run.missing)
    if arguments.json:
        print_json({"run": run.name, **found.model_dump(mode="json")})
        return
    print_found(run.name, found, wide=arguments.wide)


def again(run: RecordedRun, changes: Changes, arguments: Namespace) -> list[Remade]:
    """Return the decisions as they would have been: by the gate alone, or by the graph where that is needed."""
    if changes.needs_graph:
        models = settings_of(read_files(arguments.config).merged).llm_config if arguments.config else None
        return graphed_again(run.given, changes, str(arguments.userdir), models)
    return [gated_again(row, inputs, changes) for row, inputs in run.given]


def print_found(name: str, found: WhatIf, *, wide: bool) -> None:
    """Print the numbers, then the decisions."""
    screen = console()
    screen.print(
        "\n".join([f"{name}: {found.decisions:,} decisions under other rules", *lines_of(found)]), soft_wrap=True
    )
    shown = found.changed if wide else found.changed[:SHOWN]
    print_entries(
        "Which change",
        ("candle's close", "pair", "was", "would be"),
        [_entry(one, None if wide else LONGEST) for one in shown],
        wide=wide,
        empty="No decision changes.",
    )
    if len(found.changed) > len(shown):
        screen.print(f"and {len(found.changed) - len(shown):,} more; --wide shows all")
    screen.print(f"What this says: {PAGE}")


def lines_of(found: WhatIf) -> list[str]:
    """Return what is counted, in words."""
    lines = [f"  {count:>6,}  {STANDINGS[name]}" for name in STANDINGS if (count := found.standings.get(name))]
    if found.without_inputs:
        lines.append(f"  {found.without_inputs:>6,}  left out: what they were made from was not kept, or is gone")
    lines.append("How far the answers of then hold")
    lines += [f"  {count:>6,}  {HOLDS[name]}" for name in HOLDS if (count := found.holds.get(name))]
    if found.first_effect is not None:
        lines.append(f"The first order that differs: {found.first_effect:%Y-%m-%d %H:%M} UTC")
    return [*lines, *_money(found)]


def _money(found: WhatIf) -> list[str]:
    if not found.trades:
        return ["What it would have cost: nothing, no trade's entry changes"]
    known = [one for one in found.trades if one.share is not None]
    told = f"What it would have made more: {found.difference:+,.2f}, over {len(known)} trades (nothing reinvested)"
    unknown = len(found.trades) - len(known)
    return [told, *([f"  {unknown:>6,}  trades with another stop: where they end is not known"] if unknown else [])]


def _entry(one: ChangedDecision, length: int | None) -> Entry:
    cells = (f"{one.as_of:%Y-%m-%d %H:%M}", one.pair, one.was, one.now)
    return Entry(cells, (one_line(one.why, length), f"decision {one.decision_id[:8]}, {one.holds.replace('_', ' ')}"))
