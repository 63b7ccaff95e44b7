"""What the decision engine costs: a decision by depth profile, with and without ledger; and a candle of 20 pairs.

profiles: snapshot -> graph (policy rule in process, every role) -> ledger row, one transaction a candle
candle:   20 pairs at once over HTTP against a model that thinks for a second, then with one pair that never answers
"""

from __future__ import annotations

import os

os.environ["LANGSMITH_TRACING"] = "false"  # before LangChain is imported
os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"

import argparse
import asyncio
import json
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, get_args

from decision import LENGTH, PAIR, PAIRS, WARM_UP, Case, Step, decide, empty_graph, market, snapshots_at, timed
from tables import show

from candlegraph.agents.models.policy_server import completion
from candlegraph.freqtrade_bridge.decisions.records import decision_row
from candlegraph.freqtrade_bridge.decisions.runner import Runner, RunOutcome
from candlegraph.graph.context import Context
from candlegraph.graph.schema.market import MarketSnapshot
from candlegraph.graph.settings.llm import Depth, LlmConfig
from candlegraph.graph.settings.settings import Settings
from candlegraph.graph.state import CandleState
from candlegraph.memory.books.ledger import Ledger
from candlegraph.memory.store import close_memory

THINKS_SECONDS, THINKS_LONG_SECONDS = 1.0, 3.0
DEADLINE_SECONDS = 3.0
CANDLES = 5
AIM_MS = {THINKS_SECONDS: 1500, THINKS_LONG_SECONDS: 4500}
"""Of a whole candle, by the seconds of the model."""


async def profiles(datadir: Path, begin: datetime, count: int, folder: str) -> list[Case]:
    """Return a decision's time by profile, without and with its ledger row; the baseline first."""
    times = [begin + LENGTH * number for number in range(WARM_UP + count)]
    snapshots, empty = snapshots_at(datadir, times), empty_graph()
    steps: dict[str, Step] = {"baseline: empty graph of fast's nodes": lambda number: empty.ainvoke({})}
    for depth in get_args(Depth):
        context = context_of(folder, depth, f"{depth}")
        steps[depth] = partial(answered, context, snapshots)
        steps[f"{depth}, with ledger"] = with_ledger(context, snapshots)
    made = await timed(steps, len(times))
    close_memory(context.database)
    return made


async def answered(context: Context, snapshots: Sequence[MarketSnapshot], number: int) -> object:
    """Decide one candle of a case."""
    return await decide(snapshots[number], context)


def context_of(folder: str, depth: Depth, namespace: str, **llm: Any) -> Context:
    """Return the context of one case."""
    settings = Settings(llm_config=LlmConfig(depth=depth, **llm))
    return Context(settings=settings, user_data_dir=folder, namespace=namespace)


def with_ledger(context: Context, snapshots: Sequence[MarketSnapshot]) -> Step:
    """Return the step that also stores what was decided."""
    ledger = Ledger(context.database)

    async def step(number: int) -> None:
        snapshot = snapshots[number]
        state = CandleState.model_validate(await decide(snapshot, context))
        assert state.signal is not None, "the graph ends with a signal"
        outcome = RunOutcome(state=state, depth=context.depth)
        ledger.append([decision_row(context, snapshot, outcome, state.signal, snapshot.as_of)])

    return step


@contextmanager
def thinking(seconds: float, hangs: Callable[[str], bool] = lambda prompt: False) -> Iterator[str]:
    """Serve the policy rule after so much thought; a prompt that `hangs` picks is never answered."""
    stopped = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1

        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            stopped.wait(60 if hangs(json.dumps(request)) else seconds)
            body = json.dumps(completion(request)).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 64  # twenty pairs knock at once

        def handle_error(self, request: Any, client_address: Any) -> None:
            """Say nothing of clients that left at their deadline."""

    with Server(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/v1"
        stopped.set()
        server.shutdown()


def whole_candles(
    name: str, url: str, snapshots: Sequence[MarketSnapshot], folder: str, deadline: float
) -> tuple[Case, list[int]]:
    """Return the seconds of whole candles of PAIRS pairs, and how many pairs of each were decided."""
    context = context_of(folder, "fast", name, api_base=url, model="m", retry_times=0)
    runner, seconds, decided = Runner(context), [], []
    for snapshot in snapshots:
        pairs = [f"P{number}/USDT:USDT" for number in range(PAIRS)]
        candle = {pair: snapshot.model_copy(update={"pair": pair}) for pair in pairs}
        began = time.perf_counter()
        outcomes = runner.decide(candle, deadline)
        seconds.append(time.perf_counter() - began)
        decided.append(sum(outcome.error is None for outcome in outcomes.values()))
    close_memory(context.database)
    return Case(name, tuple(seconds)), decided


def candles(snapshots: Sequence[MarketSnapshot], folder: str) -> tuple[list[Case], list[str]]:
    """Return the candle cases, and what became of their pairs; the first candle opens connections."""
    cases, notes = [], []
    for thinks, aim in AIM_MS.items():
        with thinking(thinks) as url:
            case, decided = whole_candles(f"{PAIRS} pairs, {thinks:g} s model", url, snapshots, folder, thinks + 2)
        cases.append(case)
        slowest = 1e3 * max(case.seconds)
        met = "met" if slowest < aim else "missed"
        notes.append(
            f"aim: every candle of {PAIRS} pairs with a {thinks:g} s model in under {aim / 1e3:g} s: {met} "
            f"(slowest {slowest / 1e3:.2f} s; {min(decided)} pairs decided)"
        )
    with thinking(THINKS_SECONDS, lambda prompt: "P7/USDT" in prompt) as url:
        name = f"{PAIRS} pairs, one hangs, deadline {DEADLINE_SECONDS:g} s"
        hanging, decided = whole_candles(name, url, snapshots, folder, DEADLINE_SECONDS)
    notes.append(f"pairs decided per candle with one hanging: {min(decided)}")
    return [*cases, hanging], notes


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--candles", type=int, default=200, help="decisions per profile")
    parser.add_argument("--markdown", action="store_true", help="a Markdown table on stdout")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        datadir, begin, name = market(Path(folder) / "sample")
        cases = asyncio.run(profiles(datadir, begin, options.candles, folder))
        snapshots = snapshots_at(datadir, [begin + LENGTH * n for n in range(CANDLES)])
        whole, notes = candles(snapshots, folder)
    base = cases[0].median_ms
    rows = [[c.name, f"{c.median_ms:.2f}", f"{c.p95_ms:.2f}", f"{c.median_ms / base:.2f}"] for c in (*cases, *whole)]
    title = f"The engine, {options.candles} candles of {PAIR}, flat, {name}"
    show(title, ["", "median ms", "p95 ms", "x baseline"], rows, notes, markdown=options.markdown)


if __name__ == "__main__":
    main()
