"""`candlegraph leakage`: recorded decisions asked again as they were and in disguise: does a model know the market."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from datetime import datetime

from candlegraph.freqtrade_bridge.commands.probing.models import Tried, tried_models
from candlegraph.freqtrade_bridge.commands.probing.recorded import RecordedRun, recorded_run
from candlegraph.freqtrade_bridge.commands.waiting import working
from candlegraph.freqtrade_bridge.decisions.inputs import DecisionInputs
from candlegraph.freqtrade_bridge.host.configuration_files import read_files
from candlegraph.freqtrade_bridge.leakage.asking import MatchedQuestion, ask_matched
from candlegraph.freqtrade_bridge.leakage.judged import Leakage, leakage_of
from candlegraph.freqtrade_bridge.report.listing import console, print_json
from candlegraph.freqtrade_bridge.truth.edge import between
from candlegraph.graph.nodes import loop_thread
from candlegraph.graph.schema.errors import ConfigError
from candlegraph.memory.books.ledger import DecisionRow

HORIZON = 24
"""Main candles after a decision over which it is judged."""
ASKS = 4
"""Of each decision: the call and the guess, as it was and in disguise."""
PAGE = "docs/truth.md"


def print_leakage(arguments: Namespace) -> None:
    """Print what disguise changes."""
    run = recorded_run(arguments.userdir, arguments.run_name)
    asked = questions(run, arguments.decisions)
    config = read_files(arguments.config).merged
    (tried,) = tried_models([arguments.model] if arguments.model else None, config, timeframes=timeframes_of(asked))
    if not arguments.json:
        told = f"{run.name}: {len(asked)} decisions, {tried.name} is asked {ASKS * len(asked)} times or more"
        console().print(told, soft_wrap=True)
    found = answered(tried, asked)
    if arguments.json:
        print_json({"run": run.name, **found.model_dump(mode="json")})
        return
    console().print("\n".join(lines_of(found)), soft_wrap=True)


def questions(run: RecordedRun, most: int) -> list[MatchedQuestion]:
    """Return decisions without a position of which the market's course is known, evenly over the run."""
    prices = {(row.pair, row.as_of): row.price for row, _ in run.given}
    known = [one for row, inputs in run.given if (one := _question(row, inputs, prices)) is not None]
    if not known:
        raise ConfigError(
            f"leakage: {run.name}: no decision without a position is followed by {HORIZON} candles more of its pair"
        )
    step = len(known) / min(most, len(known))
    return [known[int(number * step)] for number in range(min(most, len(known)))]


def timeframes_of(asked: Sequence[MatchedQuestion]) -> list[str]:
    """Return the timeframes of the recorded market, the main one first."""
    return [view.timeframe for view in asked[0].inputs.snapshot.timeframes]


def _question(
    row: DecisionRow, inputs: DecisionInputs, prices: dict[tuple[str, datetime], float]
) -> MatchedQuestion | None:
    snapshot = inputs.snapshot
    later = prices.get((row.pair, row.as_of + HORIZON * (row.as_of - row.candle)))
    atr = snapshot.main.indicators.atr
    if later is None or not atr or snapshot.position is not None or not row.calls:
        return None
    return MatchedQuestion(inputs=inputs, move_atr=(later - snapshot.price) / atr)


def answered(tried: Tried, asked: Sequence[MatchedQuestion]) -> Leakage:
    """Return what the model's answers say; raise ConfigError where it gave none."""
    with working(f"{tried.name}: {len(asked)} decisions"):
        found = loop_thread().submit(ask_matched(asked, tried.context, tried.at_once)).result()
    if not any(one.plain.answer and one.disguised.answer for one in found):
        raise ConfigError(
            f"leakage: {tried.name} gave no valid answer: {found[0].plain.fault or found[0].disguised.fault}"
        )
    return leakage_of(tried.name, found, HORIZON)


def lines_of(found: Leakage) -> list[str]:
    """Return the judgement first, then what it is made of."""
    interval = between(found.interval, "ATR", "none, too few decisions")
    lines = [
        f"{found.judgement.capitalize()}: {found.model}, {found.decisions} decisions, {found.horizon} candles each",
        f"  as it was          {found.plain:+.2f} ATR a decision went the way of its call",
        f"  in disguise        {found.disguised:+.2f} ATR: another name, price 100, no texts in either",
        f"  difference         {found.difference:+.2f} ATR; 90% interval {interval}",
        f"  can be shown       {found.smallest:+.2f} ATR and more, with so many decisions (80% power)",
        f"  same answer        {found.same.told}",
        f"  right only as it was {found.right.only_first} times, only in disguise {found.right.only_second}: "
        f"p = {found.right.p:.2g}",
        f"  coin guessed       {found.named_coin.told} in disguise",
        f"  month guessed      {found.named_month.told} in disguise, {found.named_month_plain.told} as it was",
    ]
    if found.unanswered:
        lines.append(f"  left out           {found.unanswered} decisions without a valid answer to both")
    return [*lines, f"  what this says     {PAGE}, Leakage"]
