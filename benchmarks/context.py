"""Time per candle and pair of what the model is shown, over consecutive closed candles, position-free.

candles -> snapshot (indicators, levels, patterns) -> facts, situation -> briefing

The baseline computes the snapshot's four timeframes anew for every candle: what is saved by remembering the view of a
timeframe until its next candle closes.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tables import show

from candlegraph.agents.prompt.briefing import briefing
from candlegraph.freqtrade_bridge.loopback.sample_market import write_sample_market
from candlegraph.graph.schema.facts import Facts
from candlegraph.graph.schema.lessons import Case, Lessons
from candlegraph.graph.schema.market import Account, MarketSnapshot
from candlegraph.graph.settings.settings import Settings
from candlegraph.graph.state import CandleState
from candlegraph.tools.market.candle_files import candle_file, read_candles, read_frame
from candlegraph.tools.market.facts import facts_of
from candlegraph.tools.market.frames import COLUMNS, WINDOW, duration, snapshot_of, view_of
from candlegraph.tools.market.situation import situation_of
from candlegraph.tools.memory import MEMORY_TOOLS
from candlegraph.tools.signals import FLAT_TOOLS

PAIR = "BTC/USDT:USDT"
SETTINGS = Settings()
CONFIG = SETTINGS.context_config
LENGTH = duration(CONFIG.timeframes[0])
ACCOUNT = Account(equity=10_000, free=10_000, open_positions=0)
TOOLS = (*FLAT_TOOLS, *MEMORY_TOOLS)
CASES = Lessons(
    cases=tuple(
        Case(
            id=number,
            kind="trade",
            pair=PAIR,
            side="long",
            similarity=0.9,
            profit_pct=1.5,
            score=70,
            grade="B",
            entry_price=100,
            duration_minutes=300,
            lesson="entered late after a long run, the stop stood too near",
        )
        for number in range(1, 6)
    )
)
WARM_UP = 20
AIM_MS = 10.0
BASELINE, SNAPSHOT, FACTS, BRIEFING = (
    "baseline: snapshot, nothing remembered",
    "snapshot: indicators, levels, patterns",
    "facts and situation",
    "briefing",
)
WHOLE = (SNAPSHOT, FACTS, BRIEFING)

T = TypeVar("T")


@dataclass
class Clock:
    """Seconds of each step, candle by candle."""

    seconds: dict[str, list[float]] = field(default_factory=dict)

    def timed(self, name: str, step: Callable[[], T]) -> T:
        """Return what `step` returns, and note its time."""
        began = time.perf_counter()
        result = step()
        self.seconds.setdefault(name, []).append(time.perf_counter() - began)
        return result

    def warmed_up(self, *names: str) -> list[float]:
        """Return the seconds of the steps together, without the first candles."""
        return [sum(parts) for parts in zip(*(self.seconds[name][WARM_UP:] for name in names), strict=True)]


def measured(datadir: Path, times: Sequence[datetime]) -> Clock:
    """Return the times of every step at `times`, all in this process and on the same candles."""
    clock = Clock()
    frames = {timeframe: read_frame(candle_file(datadir, PAIR, timeframe)) for timeframe in CONFIG.timeframes}
    candles = {timeframe: read_candles(datadir, PAIR, timeframe) for timeframe in CONFIG.timeframes}
    for as_of in times:
        windows = [(name, as_of, window_of(frame, name, as_of)) for name, frame in frames.items()]
        clock.timed(BASELINE, lambda: [view_of(*one) for one in windows])  # noqa: B023
        snapshot = clock.timed(SNAPSHOT, lambda: snapshot_of(PAIR, as_of, candles, ACCOUNT))  # noqa: B023
        facts = clock.timed(FACTS, lambda: facts_and_situation(snapshot))  # noqa: B023
        state = CandleState(snapshot=snapshot, facts=facts, lessons=CASES)
        clock.timed(BRIEFING, lambda: briefing(state, SETTINGS, TOOLS))  # noqa: B023
    return clock


def window_of(frame: pd.DataFrame, timeframe: str, as_of: datetime) -> NDArray[np.float64]:
    """Return the numbers of the newest candles of `frame` that are closed at `as_of`."""
    closed = frame[frame["date"] + duration(timeframe) <= as_of].iloc[-WINDOW:]
    return closed[COLUMNS[1:]].to_numpy(float).T.copy()


def facts_and_situation(snapshot: MarketSnapshot) -> Facts:
    """Return the facts; the situation vector is part of the time."""
    facts = facts_of(snapshot, CONFIG.timeframes, CONFIG.required_indicators)
    situation_of(facts)
    return facts


def market(folder: Path) -> tuple[Path, datetime, str]:
    """Return candle folder, first close and name: real candles where CANDLEGRAPH_MARKET names them, else the sample."""
    if real := os.environ.get("CANDLEGRAPH_MARKET"):
        return Path(real) / "binance", datetime(2025, 3, 1, tzinfo=UTC), "real candles"
    return write_sample_market(folder).datadir, datetime(2025, 3, 1, tzinfo=UTC), "sample market"


def row(name: str, seconds: Sequence[float], whole: float | None) -> list[str]:
    """Return one line: median and 95th percentile in milliseconds, and the share of the `whole` seconds."""
    p95 = statistics.quantiles(seconds, n=20)[-1]
    share = "" if whole is None else f"{sum(seconds) / whole:.0%}"
    return [name, f"{1e3 * statistics.median(seconds):.2f}", f"{1e3 * p95:.2f}", share]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--candles", type=int, default=300)
    parser.add_argument("--markdown", action="store_true", help="a Markdown table on stdout")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        datadir, begin, name = market(Path(folder) / "sample")
        clock = measured(datadir, [begin + LENGTH * number for number in range(WARM_UP + options.candles)])
    whole = clock.warmed_up(*WHOLE)
    rows = [row(BASELINE, clock.warmed_up(BASELINE), None)]
    rows += [row(step, clock.warmed_up(step), sum(whole)) for step in WHOLE]
    rows.append(row("whole, without the baseline", whole, sum(whole)))
    met = "met" if 1e3 * statistics.median(whole) < AIM_MS else "missed"
    notes = [f"aim: the whole < {AIM_MS:g} ms median, four timeframes, on 2 cores: {met}", "flat, five similar cases"]
    title = f"What the model is shown, per candle: {options.candles} candles of {PAIR}, {name}"
    show(title, ["", "median ms", "p95 ms", "share"], rows, notes, markdown=options.markdown)


if __name__ == "__main__":
    main()
