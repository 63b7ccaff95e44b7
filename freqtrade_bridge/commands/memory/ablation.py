"""Does memory help? One backtest twice, with `use_experience` on and off, and what differs.

both arms, same candles and settings -> entries, win rate, profit by thirds of the run -> difference with an interval

The same trades are not in both arms, so differences are taken as of independent samples: entries as Poisson counts
(normal interval), win rates by Newcombe's method 10 (Statistics in Medicine 17, 1998), mean profits by Welch's formula
with the smaller sample's degrees of freedom, which is on the safe side, profits in all as compound Poisson sums, whose
variance is the sum of squares. Trades that overlap in time move together, so
true intervals are wider.
"""

from __future__ import annotations

import math
from argparse import Namespace
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from statistics import NormalDist, fmean, variance
from typing import Any, NamedTuple

from rich import box
from rich.table import Table
from rich.text import Text

from candlegraph.freqtrade_bridge.commands.run_arguments import order_of
from candlegraph.freqtrade_bridge.commands.waiting import stages
from candlegraph.freqtrade_bridge.host.tags import FORCED
from candlegraph.freqtrade_bridge.loopback.backtest import BacktestOrder, run_backtest
from candlegraph.freqtrade_bridge.report.listing import console, print_json
from candlegraph.freqtrade_bridge.report.result import RunResult, read_result
from candlegraph.memory.learning.patterns import Interval, t_quantile, win_rate_interval

ARMS = {"a backtest with memory": True, "the same without": False}
PARTS = ("first third", "second third", "last third")
LEVEL = 0.95
CAVEAT = "Trades that overlap in time move together: the true intervals are wider."


class Taken(NamedTuple):
    """One entry of an arm; `profit_pct` is of the stake, None where only the end of the data closed the trade."""

    opened_at: datetime
    profit_pct: float | None


Parts = Sequence[tuple[str, Sequence[Taken], Sequence[Taken]]]
"""Of each part of the run the entries with memory, and those without."""


class Difference(NamedTuple):
    """One measure in both arms; None where an arm has too few trades to say."""

    on: float | None
    off: float | None
    interval: Interval | None


def print_ablation(arguments: Namespace) -> None:
    """Run both arms, and print what differs."""
    parts = run_ablation(order_of(arguments), offline=arguments.offline, is_aside=arguments.json)
    if arguments.json:
        print_json(differences(parts))
        return
    screen = console()
    screen.print(ablation_table(parts))
    screen.print(CAVEAT)


def run_ablation(order: BacktestOrder, *, offline: bool, is_aside: bool) -> Parts:
    """Backtest the order with memory on and off, each in a folder of its own, and return what was entered."""
    on, off = (run_arm(order, use_experience=ARMS[arm], offline=offline, is_aside=is_aside) for arm in stages([*ARMS]))
    begin, end = (datetime.fromtimestamp(ms / 1000, UTC) for ms in (on.begin_ms, on.end_ms))
    return parts_of(taken_of(on), taken_of(off), begin, end)


def run_arm(order: BacktestOrder, *, use_experience: bool, offline: bool, is_aside: bool) -> RunResult:
    """Return the result of one arm."""
    given = order.overrides.get("experience_config", {})
    overrides = order.overrides | {"experience_config": given | {"use_experience": use_experience}}
    userdir = order.userdir / "ablation" / ("on" if use_experience else "off")
    arm = replace(order, userdir=userdir, overrides=overrides)
    return read_result(run_backtest(arm, offline=offline, is_aside=is_aside).archive)


def taken_of(result: RunResult) -> list[Taken]:
    """Return the entries of a backtest."""
    return [
        Taken(one.opened_at, None if one.exit_reason == FORCED else 100 * one.profit_ratio) for one in result.trades
    ]


def parts_of(on: Sequence[Taken], off: Sequence[Taken], begin: datetime, end: datetime) -> Parts:
    """Return the entries of both arms by thirds of begin…end, and all of them."""
    return [*zip(PARTS, thirds(on, begin, end), thirds(off, begin, end), strict=True), ("all", on, off)]


def differences(parts: Parts, level: float = LEVEL) -> list[dict[str, Any]]:
    """Return every measure of every part in plain types."""
    return [
        {"part": name, "measure": measure, **difference(on, off, level)._asdict(), "level": level}
        for name, on, off in parts
        for measure, (difference, _) in MEASURES.items()
    ]


def ablation_table(parts: Parts, level: float = LEVEL) -> Table:
    """Return entries, win rate and profit of the parts, on against off."""
    table = Table("measure", title="Memory on against off", title_justify="left", box=box.SIMPLE_HEAD, padding=0)
    for column in ("on", "off", "on - off", f"{level:.0%} interval"):
        table.add_column(column, justify="right")
    for name, with_memory, without in parts:
        table.add_row(Text(name, style="bold"))
        for measure, (difference, shown) in MEASURES.items():
            table.add_row(f"  {measure}", *_cells(difference(with_memory, without, level), shown))
    return table


def thirds(taken: Sequence[Taken], begin: datetime, end: datetime) -> list[list[Taken]]:
    """Return the entries of each third of the time."""
    found: list[list[Taken]] = [[] for _ in PARTS]
    for one in taken:
        share = (one.opened_at - begin) / (end - begin)
        found[min(len(PARTS) - 1, max(0, int(share * len(PARTS))))].append(one)
    return found


def entries(on: Sequence[Taken], off: Sequence[Taken], level: float) -> Difference:
    """Return the numbers of entries, and their difference."""
    half = NormalDist().inv_cdf((1 + level) / 2) * math.sqrt(len(on) + len(off))
    difference = len(on) - len(off)
    return Difference(len(on), len(off), Interval(difference - half, difference + half))


def win_rate(on: Sequence[Taken], off: Sequence[Taken], level: float) -> Difference:
    """Return the win rates, and their difference, of the trades that an exit closed."""
    one, other = ([float(profit > 0) for profit in _profits(taken)] for taken in (on, off))
    if not (one and other):
        return Difference(_mean(one), _mean(other), None)
    p, q = fmean(one), fmean(other)
    (p_low, p_high), (q_low, q_high) = (win_rate_interval(int(sum(w)), len(w), level) for w in (one, other))
    low, high = math.hypot(p - p_low, q_high - q), math.hypot(p_high - p, q - q_low)
    return Difference(p, q, Interval(p - q - low, p - q + high))


def mean_profit(on: Sequence[Taken], off: Sequence[Taken], level: float) -> Difference:
    """Return the mean profits, and their difference, of the trades that an exit closed."""
    one, other = _profits(on), _profits(off)
    fewest = min(len(one), len(other))
    if fewest < 2:
        return Difference(_mean(one), _mean(other), None)
    error = math.sqrt(variance(one) / len(one) + variance(other) / len(other))
    half = t_quantile((1 + level) / 2, fewest - 1) * error
    difference = fmean(one) - fmean(other)
    return Difference(fmean(one), fmean(other), Interval(difference - half, difference + half))


def profit(on: Sequence[Taken], off: Sequence[Taken], level: float) -> Difference:
    """Return the sums of the profits, and their difference."""
    one, other = _profits(on), _profits(off)
    half = NormalDist().inv_cdf((1 + level) / 2) * math.sqrt(sum(x * x for x in (*one, *other)))
    difference = sum(one) - sum(other)
    return Difference(sum(one), sum(other), Interval(difference - half, difference + half))


MEASURES: dict[str, tuple[Callable[[Sequence[Taken], Sequence[Taken], float], Difference], str]] = {
    "entries": (entries, "{:.0f}"),
    "win rate": (win_rate, "{:.0%}"),
    "mean profit, % of stake": (mean_profit, "{:+.2f}"),
    "profit in all, % of stake": (profit, "{:+.1f}"),
}


def _profits(taken: Sequence[Taken]) -> list[float]:
    return [one.profit_pct for one in taken if one.profit_pct is not None]


def _mean(numbers: Sequence[float]) -> float | None:
    return fmean(numbers) if numbers else None


def _cells(found: Difference, shown: str) -> list[str]:
    numbers = ["-" if one is None else shown.format(one) for one in (found.on, found.off)]
    difference = "-" if found.on is None or found.off is None else shown.format(found.on - found.off)
    interval = "-" if found.interval is None else " to ".join(shown.format(one) for one in found.interval)
    return [*numbers, difference, interval]
