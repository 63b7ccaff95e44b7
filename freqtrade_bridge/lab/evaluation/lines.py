"""One strategy or baseline over all windows: its account day by day, and its random agents.

cells of one strategy and repetition -> one account (several: in equal parts) -> equity, trades, agents
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import inf
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from candlegraph.freqtrade_bridge.commands.reporting.market import RunSpan, candles_in
from candlegraph.freqtrade_bridge.lab.evaluation.cells import CellResult, KeptEntry
from candlegraph.freqtrade_bridge.report.entries import SEED, circle_of
from candlegraph.freqtrade_bridge.truth.circle import Exits
from candlegraph.freqtrade_bridge.truth.cone import CircleDays, Paths, joined, paths_of
from candlegraph.freqtrade_bridge.truth.matched import DRAWS, MatchedEntry, agents_of
from candlegraph.graph.schema.errors import BridgeError
from candlegraph.graph.settings.context import minutes_of

MINUTES = 1440


class AgentsOfLine(NamedTuple):
    """What the random agents made of all windows."""

    mean_r: NDArray[np.float64]
    paths: Paths
    """Their accounts by day, of the first balance."""


def equity_of(cells: Sequence[CellResult]) -> pd.Series:
    """Return the account at the ends of days, 1 at the beginning: each window goes on with what the one before left.

    Of several accounts the mean, in equal parts at the beginning of each window.
    """
    values, times, level = [1.0], [_midnight(cells[0].begin)], 1.0
    for window in by_window(cells):
        begin = _midnight(window[0].begin)
        shares = np.mean([np.asarray(one.equity) / one.start for one in window], axis=0)
        values += (level * shares[1:]).tolist()
        times += [begin + pd.Timedelta(days=day) for day in range(1, len(shares))]
        level = values[-1]
    return pd.Series(values, index=pd.DatetimeIndex(times))


def window_returns(cells: Sequence[CellResult]) -> list[float]:
    """Return what each window made, as a share of its balance at the beginning."""
    return [float(np.mean([one.equity[-1] / one.start - 1 for one in window])) for window in by_window(cells)]


def by_window(cells: Sequence[CellResult]) -> list[list[CellResult]]:
    """Return the cells of each window, in their order."""
    found: dict[int, list[CellResult]] = {}
    for one in cells:
        found.setdefault(one.window, []).append(one)
    return [found[number] for number in sorted(found)]


def r_of(cells: Sequence[CellResult]) -> NDArray[np.float64]:
    """Return the net R of all trades with a stop, by their ends."""
    pairs = sorted((ended, r) for one in cells for ended, r in zip(one.ended, one.r, strict=True))
    return np.array([r for _, r in pairs])


def agents_of_line(cells: Sequence[CellResult], datadir: Path) -> AgentsOfLine:
    """Return the random agents of all windows; each window has others, since it has other candles."""
    total, count, windows = np.zeros(DRAWS), 0, []
    for window in by_window(cells):
        paths = []
        for one in window:
            mean_r, path = _agents_of_cell(one, datadir)
            total, count = total + mean_r * len(one.r), count + len(one.r)
            paths.append(path)
        windows.append(np.mean(paths, axis=0))
    return AgentsOfLine(total / max(count, 1), joined(windows))


def _agents_of_cell(cell: CellResult, datadir: Path) -> tuple[NDArray[np.float64], Paths]:
    candles_a_day = MINUTES // (minutes_of(cell.timeframe) or MINUTES) or 1
    span = CircleDays(len(cell.equity) - 1, candles_a_day)
    entries = {pair: [_entry(one) for one in given] for pair, given in cell.entries.items()}
    candles = candles_of(cell, datadir)
    circles = {pair: circle_of(candles[pair]) for pair in entries}
    seed = SEED + cell.window
    mean_r = agents_of(circles, entries, fee=cell.fee, seed=seed).mean_r if entries else np.zeros(DRAWS)
    return mean_r, paths_of(circles, entries, cell.fee, seed, span)


def candles_of(cell: CellResult, datadir: Path) -> Mapping[str, pd.DataFrame]:
    """Return the candles that a cell traded on; raise BridgeError where they are gone."""
    begin, end = _midnight(cell.begin), _midnight(cell.end)
    span = RunSpan(cell.pairs, cell.timeframe, begin.to_pydatetime(), end.to_pydatetime())
    found = candles_in(datadir, span)
    if without := [pair for pair in cell.pairs if pair not in found]:
        raise BridgeError(f"evaluate: {cell.key}: no candles of {', '.join(without)} in {datadir} any more")
    return found


def _entry(one: KeptEntry) -> MatchedEntry:
    target = inf if one.target is None else one.target
    return MatchedEntry(one.gap, one.sign, Exits(one.stop, target, one.horizon), one.notional)


def _midnight(day: str) -> pd.Timestamp:
    return pd.Timestamp(day, tz="UTC")
