"""CPU time per decision without a language model, over consecutive closed candles of one pair.

candles -> snapshot and indicators -> graph (policy rule in process, or over loopback HTTP) -> ledger

The baseline is an empty graph of the same nodes: what LangGraph itself costs, whatever the nodes do.
"""

from __future__ import annotations

import os

os.environ["LANGSMITH_TRACING"] = "false"  # before LangChain is imported
os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))  # the closed trades live there

from langgraph.graph import END, START, StateGraph
from lived import lived
from tables import show

from candlegraph.agents.models.policy_server import MODEL, PolicyServer
from candlegraph.freqtrade_bridge.decisions.records import decision_row
from candlegraph.freqtrade_bridge.decisions.runner import RunOutcome
from candlegraph.freqtrade_bridge.loopback.sample_market import write_sample_market
from candlegraph.graph.builder import graph
from candlegraph.graph.context import Context
from candlegraph.graph.schema.market import Account, MarketSnapshot
from candlegraph.graph.settings.llm import LlmConfig
from candlegraph.graph.settings.places import BACKTEST
from candlegraph.graph.settings.settings import Settings
from candlegraph.graph.state import CandleInput, CandleState
from candlegraph.memory.books.ledger import DecisionRow, Ledger
from candlegraph.memory.store import close_memory
from candlegraph.tools.market.candle_files import read_candles
from candlegraph.tools.market.frames import Candles, duration, snapshot_of

PAIR = "BTC/USDT:USDT"
TIMEFRAMES = Settings().context_config.timeframes
LENGTH = duration(TIMEFRAMES[0])
ACCOUNT = Account(equity=10_000, free=10_000, open_positions=0)
NAMESPACE = f"{BACKTEST}benchmark"
PAIRS = 20
WARM_UP = 20
LIVED = 1_000
NOTES = (
    "flat, in a backtest's namespace, memory empty where nothing else is said; every case in turn at each candle",
    f"the ledger's time is one transaction of {PAIRS} rows on the temporary folder, divided",
)
WITH_MEMORY = f"graph with {LIVED:,} closed trades"
AIMS = {"graph alone": 2.5, WITH_MEMORY: 3.5, "all included": 3.0}
"""Times the baseline."""

LEDGER = f"ledger, per decision of a {PAIRS}-pair candle"
Step = Callable[[int], Awaitable[object]]


@dataclass(frozen=True)
class Case:
    """One line of the table: seconds of each decision."""

    name: str
    seconds: tuple[float, ...]

    @property
    def median_ms(self) -> float:
        """Return the median in milliseconds."""
        return 1e3 * statistics.median(self.seconds)

    @property
    def p95_ms(self) -> float:
        """Return the 95th percentile in milliseconds."""
        return 1e3 * statistics.quantiles(self.seconds, n=20)[-1]


async def timed(steps: Mapping[str, Step], count: int) -> list[Case]:
    """Return the CPU seconds of every step for each candle by its number; the first ones only warm up.

    All steps take their turn at each candle: whatever else the machine does meanwhile is spread over all of them.
    """
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    for number in range(count):
        for name, step in steps.items():
            began = time.process_time()
            await step(number)
            seconds[name].append(time.process_time() - began)
    return [Case(name, tuple(taken[WARM_UP:])) for name, taken in seconds.items()]


async def cases_of(datadir: Path, begin: datetime, count: int, user_data: str) -> list[Case]:
    """Return every case, the baseline first; all in this process and on the same candles."""
    times = [begin + LENGTH * number for number in range(WARM_UP + count)]
    again, whole, snapshots = fresh(datadir), fresh(datadir), snapshots_at(datadir, times)
    context, empty = Context(user_data_dir=user_data, namespace=NAMESPACE), empty_graph()
    grown, batches = experienced(snapshots, f"{user_data}/grown"), await rows_of_all(context, snapshots)
    ledger = Ledger(context.database)
    with PolicyServer() as server:
        remote = over_http(server, user_data)
        steps: dict[str, Step] = {
            "baseline: empty graph of the same nodes": lambda number: empty.ainvoke({}),
            "snapshot and indicators alone": as_step(lambda number: snapshot_of(PAIR, times[number], again, ACCOUNT)),
            "graph alone": lambda number: decide(snapshots[number], context),
            WITH_MEMORY: lambda number: decide(snapshots[number], grown),
            "all included": lambda number: decide(snapshot_of(PAIR, times[number], whole, ACCOUNT), context),
            "graph, policy over loopback HTTP": lambda number: decide(snapshots[number], remote),
            LEDGER: as_step(lambda number: append(ledger, batches[number])),
        }
        *others, written = await timed(steps, len(times))
    for one in (context, grown):
        close_memory(one.database)
    return [*others, replace(written, seconds=tuple(one / PAIRS for one in written.seconds))]


def as_step(work: Callable[[int], object]) -> Step:
    """Return `work`, which waits for nothing, as a step."""

    async def step(number: int) -> None:
        work(number)

    return step


def experienced(snapshots: Sequence[MarketSnapshot], user_data: str) -> Context:
    """Return a context whose memory holds closed trades like the first of these markets."""
    context = Context(user_data_dir=user_data, namespace=NAMESPACE)
    for number in range(LIVED):
        known = {"namespace": NAMESPACE, "trade_key": str(number), "leverage": 3 + number % 9}
        trade = lived(snapshots[number % WARM_UP], number % 700, profit_pct=(37 * number) % 13 - 6.0, **known)
        context.memory.add(trade)
    return context


def empty_graph() -> Any:
    """Return the candle graph's nodes and path, doing nothing on a plain dict."""

    async def idle(state: dict[str, Any]) -> dict[str, Any]:
        return {}

    builder = StateGraph(dict)  # type: ignore[type-var]  # LangGraph takes a plain dict, its types do not say so
    for name in ("analyst", "retriever", "decision", "tools", "repair", "reviewer"):
        builder.add_node(name, idle)  # type: ignore[type-var]
    builder.add_edge(START, "analyst")
    builder.add_edge("analyst", "retriever")
    builder.add_edge("retriever", "decision")
    builder.add_conditional_edges("decision", lambda state: "tools", ["tools", "repair", "reviewer"])
    builder.add_conditional_edges("tools", lambda state: "reviewer", ["decision", "reviewer"])
    builder.add_edge("repair", "decision")
    builder.add_edge("reviewer", END)
    return builder.compile()


def fresh(datadir: Path) -> dict[str, Candles]:
    """Return the candles of all timeframes, with nothing remembered yet."""
    return {timeframe: read_candles(datadir, PAIR, timeframe) for timeframe in TIMEFRAMES}


def snapshots_at(datadir: Path, times: Sequence[datetime]) -> list[MarketSnapshot]:
    """Return the snapshot of each time."""
    candles = fresh(datadir)
    return [snapshot_of(PAIR, as_of, candles, ACCOUNT) for as_of in times]


async def decide(snapshot: MarketSnapshot, context: Context) -> dict[str, Any]:
    """Return the graph's final state on `snapshot`."""
    return await graph.ainvoke(CandleInput(snapshot=snapshot), context=context)


def over_http(server: PolicyServer, user_data: str) -> Context:
    """Return a context with the rule behind the client that a language model is called with."""
    settings = Settings(llm_config=LlmConfig(api_base=server.url, model=MODEL))
    return Context(settings=settings, user_data_dir=user_data, namespace=NAMESPACE)


def append(ledger: Ledger, rows: Sequence[DecisionRow]) -> None:
    """Store the decisions of one candle of PAIRS pairs, in one transaction."""
    if ledger.append(rows) != PAIRS:
        raise RuntimeError("the ledger knew a decision already: the time would be that of a look-up")


async def rows_of_all(context: Context, snapshots: Sequence[MarketSnapshot]) -> list[list[DecisionRow]]:
    """Return the rows of each candle."""
    state = CandleState.model_validate(await decide(snapshots[0], context))
    return [rows_of(context, snapshot, state) for snapshot in snapshots]


def rows_of(context: Context, snapshot: MarketSnapshot, state: CandleState) -> list[DecisionRow]:
    """Return the rows of one candle: the same decision of PAIRS pairs."""
    assert state.signal is not None, "the graph ends with a signal"
    outcome = RunOutcome(state=state)
    pairs = (snapshot.model_copy(update={"pair": f"P{number}/USDT:USDT"}) for number in range(PAIRS))
    return [decision_row(context, one, outcome, state.signal, one.as_of) for one in pairs]


def market(folder: Path) -> tuple[Path, datetime, str]:
    """Return candle folder, first close and name: real candles where CANDLEGRAPH_MARKET names them, else the sample."""
    if real := os.environ.get("CANDLEGRAPH_MARKET"):
        return Path(real) / "binance", datetime(2025, 3, 1, tzinfo=UTC), "real candles"
    return write_sample_market(folder).datadir, datetime(2025, 3, 1, tzinfo=UTC), "sample market"


def aims(cases: Sequence[Case]) -> list[str]:
    """Return one line per aim, and whether this run met it; the baseline is the first case."""
    ratios = [(case.name, case.median_ms / cases[0].median_ms) for case in cases if case.name in AIMS]
    return [
        f"aim: {name} <= {AIMS[name]:g} x baseline: {'met' if ratio <= AIMS[name] else f'missed, {ratio:.2f}'}"
        for name, ratio in ratios
    ]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--candles", type=int, default=400, help="decisions per case")
    parser.add_argument("--markdown", action="store_true", help="a Markdown table on stdout")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        datadir, begin, name = market(Path(folder) / "sample")
        cases = asyncio.run(cases_of(datadir, begin, options.candles, folder))
    last = begin + LENGTH * (WARM_UP + options.candles)
    rows = [[c.name, f"{c.median_ms:.2f}", f"{c.p95_ms:.2f}", f"{c.median_ms / cases[0].median_ms:.2f}"] for c in cases]
    title = f"CPU time per decision, {options.candles} candles of {PAIR} to {last:%Y-%m-%d}, {name}"
    show(title, ["", "median ms", "p95 ms", "x baseline"], rows, [*aims(cases), *NOTES], markdown=options.markdown)


if __name__ == "__main__":
    main()
