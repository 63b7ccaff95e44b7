"""Time per decision without a language model, over consecutive closed candles of one pair.

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
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from langgraph.graph import END, START, StateGraph
from tables import show

from candlegraph.agents.models.policy_server import MODEL, PolicyServer
from candlegraph.freqtrade_bridge.decisions.records import decision_row
from candlegraph.freqtrade_bridge.decisions.runner import Outcome
from candlegraph.freqtrade_bridge.loopback.sample_market import write_sample_market
from candlegraph.graph.builder import graph
from candlegraph.graph.context import Context
from candlegraph.graph.schema.market import Account, MarketSnapshot
from candlegraph.graph.settings.llm import LlmConfig
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
PAIRS = 20
WARM_UP = 20
NOTE = (
    f"flat, with an empty memory; the ledger's time is one transaction of {PAIRS} rows on the temporary folder, divided"
)
AIMS_MS = {"graph alone": 5.0, "all included": 15.0}

T = TypeVar("T")


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


async def timed(name: str, step: Callable[[T], Awaitable[object]], items: Sequence[T]) -> Case:
    """Return the seconds of `step` on each item; the first ones only warm up."""
    seconds = []
    for item in items:
        began = time.perf_counter()
        await step(item)
        seconds.append(time.perf_counter() - began)
    return Case(name, tuple(seconds[WARM_UP:]))


async def cases_of(datadir: Path, begin: datetime, count: int, user_data: str) -> list[Case]:
    """Return every case, the baseline first; all in this process and on the same candles."""
    times = [begin + LENGTH * number for number in range(WARM_UP + count)]
    context = Context(user_data_dir=user_data, namespace="benchmark")
    views, snapshots = await timed_snapshots(fresh(datadir), times)
    made = [
        await timed("baseline: empty graph of the same nodes", empty_graph().ainvoke, [{} for _ in times]),
        views,
        await timed("graph alone", lambda one: decide(one, context), snapshots),
        await timed("all included", all_included(fresh(datadir), context), times),
    ]
    with PolicyServer() as server:
        made.append(await timed("graph, policy over loopback HTTP", over_http(server, user_data), snapshots))
    made.append(await timed_ledger(context, snapshots))
    close_memory(context.database)
    return made


def empty_graph() -> Any:
    """Return the candle graph's nodes and path, doing nothing on a plain dict."""

    async def idle(state: dict[str, Any]) -> dict[str, Any]:
        return {}

    builder = StateGraph(dict)  # type: ignore[type-var]  # LangGraph takes a plain dict, its types do not say so
    for name in ("analyst", "retriever", "decision", "tools", "repair", "reviewer"):
        builder.add_node(name, idle)
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


async def timed_snapshots(candles: dict[str, Candles], times: Sequence[datetime]) -> tuple[Case, list[MarketSnapshot]]:
    """Return the cost of snapshot and indicators, and the snapshots."""
    snapshots = []

    async def step(as_of: datetime) -> None:
        snapshots.append(snapshot_of(PAIR, as_of, candles, ACCOUNT))

    return await timed("snapshot and indicators alone", step, times), snapshots


async def decide(snapshot: MarketSnapshot, context: Context) -> dict[str, Any]:
    """Return the graph's final state on `snapshot`."""
    return await graph.ainvoke(CandleInput(snapshot=snapshot), context=context)


def all_included(candles: dict[str, Candles], context: Context) -> Callable[[datetime], Awaitable[object]]:
    """Return the step from candles to signal."""
    return lambda as_of: decide(snapshot_of(PAIR, as_of, candles, ACCOUNT), context)


def over_http(server: PolicyServer, user_data: str) -> Callable[[MarketSnapshot], Awaitable[object]]:
    """Return the step with the rule behind the client that a language model is called with."""
    settings = Settings(llm_config=LlmConfig(api_base=server.url, model=MODEL))
    context = Context(settings=settings, user_data_dir=user_data, namespace="benchmark")
    return lambda snapshot: decide(snapshot, context)


async def timed_ledger(context: Context, snapshots: Sequence[MarketSnapshot]) -> Case:
    """Return the cost per decision of storing candles of PAIRS decisions, one transaction a candle."""
    ledger = Ledger(context.database)
    state = CandleState.model_validate(await decide(snapshots[0], context))
    batches = [rows_of(context, snapshot, state) for snapshot in snapshots]

    async def step(rows: Sequence[DecisionRow]) -> None:
        if ledger.append(rows) != PAIRS:
            raise RuntimeError("the ledger knew a decision already: the time would be that of a look-up")

    case = await timed(f"ledger, per decision of a {PAIRS}-pair candle", step, batches)
    return Case(case.name, tuple(one / PAIRS for one in case.seconds))


def rows_of(context: Context, snapshot: MarketSnapshot, state: CandleState) -> list[DecisionRow]:
    """Return the rows of one candle: the same decision of PAIRS pairs."""
    assert state.signal is not None, "the graph ends with a signal"
    outcome = Outcome(state=state)
    pairs = (snapshot.model_copy(update={"pair": f"P{number}/USDT:USDT"}) for number in range(PAIRS))
    return [decision_row(context, one, outcome, state.signal) for one in pairs]


def market(folder: Path) -> tuple[Path, datetime, str]:
    """Return candle folder, first close and name: real candles where CANDLEGRAPH_MARKET names them, else the sample."""
    if real := os.environ.get("CANDLEGRAPH_MARKET"):
        return Path(real) / "binance", datetime(2025, 3, 1, tzinfo=UTC), "real candles"
    return write_sample_market(folder).datadir, datetime(2025, 3, 1, tzinfo=UTC), "sample market"


def aims(cases: Iterable[Case]) -> list[str]:
    """Return one line per aim (2 cores), and whether this run met it."""
    known = [(case, AIMS_MS[case.name]) for case in cases if case.name in AIMS_MS]
    return [
        f"aim: {case.name} < {aim:g} ms median on 2 cores: {'met' if case.median_ms < aim else 'missed'}"
        for case, aim in known
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
    title = f"Time per decision, {options.candles} candles of {PAIR} to {last:%Y-%m-%d}, {name}"
    show(title, ["", "median ms", "p95 ms", "x baseline"], rows, [*aims(cases), NOTE], markdown=options.markdown)


if __name__ == "__main__":
    main()
