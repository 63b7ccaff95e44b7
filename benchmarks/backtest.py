"""A whole backtest in process: a fixed rule through the graph, against stock freqtrade with that rule as columns.

Both make the same trades (tests/e2e/test_equivalence.py). Timed is freqtrade's `backtest_one_strategy`: indicators,
decisions and trades; loading candles, starting the exchange and the statistics at the end are not.
"""

from __future__ import annotations

import os

os.environ["LANGSMITH_TRACING"] = "false"  # before LangChain is imported
os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"

import argparse
import contextlib
import io
import logging
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))  # the rule and both strategies live there

import backtests
from freqtrade.optimize.backtesting import Backtesting
from tables import show

from candlegraph.freqtrade_bridge.loopback.sample_market import SampleMarket, write_sample_market

TIMERANGE = "20251005-20251026"
VECTOR, RULE = "VectorStrategy", "RuleStrategy"
NAMES = {VECTOR: "baseline: stock freqtrade, vectorised rule", RULE: "the rule through the graph"}


@dataclass(frozen=True)
class Run:
    """One backtest: seconds of CPU of the engine, ledger rows, trades."""

    seconds: float
    decisions: int
    trades: int


@contextlib.contextmanager
def stopwatch() -> Iterator[list[float]]:
    """Yield the CPU seconds of each `backtest_one_strategy` inside the block."""
    original: Callable[..., Any] = Backtesting.backtest_one_strategy
    seconds: list[float] = []

    def timed(*arguments: Any) -> Any:
        began = time.process_time()
        result = original(*arguments)
        seconds.append(time.process_time() - began)
        return result

    Backtesting.backtest_one_strategy = timed
    try:
        yield seconds
    finally:
        Backtesting.backtest_one_strategy = original


def run(market: SampleMarket, userdir: Path, strategy: str) -> Run:
    """Backtest quietly in a folder of its own."""
    quiet = (contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()))
    with quiet[0], quiet[1], stopwatch() as seconds:
        done = backtests.run(market.datadir, userdir, market.pairs[:2], TIMERANGE, strategy)
    decisions = len(done.decisions()) if strategy == RULE else 0
    return Run(sum(seconds), decisions, len(done.trades))


def row_of(strategy: str, runs: dict[str, list[Run]]) -> list[str]:
    """Return one line; both strategies are counted in the candles that the graph decided."""
    candles = runs[RULE][0].decisions
    seconds = [one.seconds for one in runs[strategy]]
    median = statistics.median(seconds)
    ratio = median / statistics.median([one.seconds for one in runs[VECTOR]])
    shown = [f"{median:.2f}", f"{max(seconds):.2f}", f"{candles / median:.0f}", f"{1e3 * median / candles:.2f}"]
    return [NAMES[strategy], *shown, f"{ratio:.1f}"]


def main() -> None:
    """Measure both in turn and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=5, help="backtests per strategy")
    parser.add_argument("--markdown", action="store_true", help="a Markdown table on stdout")
    options = parser.parse_args()
    logging.disable(logging.ERROR)  # a failed decision raises, and needs no log
    warnings.simplefilter("ignore")
    runs: dict[str, list[Run]] = {VECTOR: [], RULE: []}
    with tempfile.TemporaryDirectory() as folder:
        market = write_sample_market(Path(folder) / "sample")
        for number in range(options.repeat):
            for strategy, made in runs.items():
                made.append(run(market, Path(folder) / f"{strategy}-{number}", strategy))
    title = f"Backtest of 2 pairs of the sample market, {TIMERANGE}, {options.repeat} runs each"
    head = ["", "median CPU s", "slowest", "candles/s", "ms/candle", "x baseline"]
    first = {strategy: made[0] for strategy, made in runs.items()}
    notes = [
        f"{first[RULE].decisions} decisions, {first[RULE].trades} trades here, {first[VECTOR].trades} there",
        "seconds of indicators, decisions and trades, without loading candles and without the statistics",
    ]
    show(title, head, [row_of(strategy, runs) for strategy in runs], notes, markdown=options.markdown)


if __name__ == "__main__":
    main()
