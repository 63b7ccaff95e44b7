"""What replay saves: the same decisions live, recorded and replayed against a model that thinks for 200 ms.

snapshot -> graph -> cassette -> ladder -> HTTP; the baseline is the policy rule in process: no model at all
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
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from decision import LENGTH, PAIR, WARM_UP, Case, decide, fresh, market, timed, timed_snapshots
from langchain_core.messages import AIMessage
from langchain_core.utils.function_calling import convert_to_openai_tool
from tables import show

from candlegraph.agents.decision import allowed_tools
from candlegraph.agents.models.engine import params_of
from candlegraph.agents.models.policy_server import completion
from candlegraph.agents.models.recorder import Answered, Recorder, Request
from candlegraph.graph.context import Context
from candlegraph.graph.llm_settings import Mode
from candlegraph.graph.market import MarketSnapshot
from candlegraph.graph.settings import LlmConfig, Settings
from candlegraph.graph.state import CandleState
from candlegraph.memory.store import close_memory

THINKS_SECONDS = 0.2
AIM_MS = 1.0


@contextmanager
def thinking() -> Iterator[str]:
    """Serve the policy rule after a moment of thought."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1

        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            time.sleep(THINKS_SECONDS)
            body = json.dumps(completion(request)).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/v1"
        server.shutdown()


async def cases_of(snapshots: Sequence[MarketSnapshot], folder: str) -> list[Case]:
    """Return every case, the baseline first; the replay runs when the server is gone."""
    baseline = Context(user_data_dir=folder, namespace="benchmark")
    made = [await timed("no model: the policy rule in process", lambda one: decide(one, baseline), snapshots)]
    with thinking() as url:
        for name, mode in (("live", "live"), ("recorded", "record")):
            made.append(await timed_run(f"{name}, model of {THINKS_SECONDS:g} s", mode, url, snapshots, folder))
    made.append(await timed_run("replayed, server stopped", "replay", url, snapshots, folder))
    made.append(await timed_lookup(snapshots, baseline, Path(folder)))
    close_memory(baseline.database)
    return made


async def timed_run(name: str, mode: Mode, url: str, snapshots: Sequence[MarketSnapshot], folder: str) -> Case:
    """Return the time of whole decisions in `mode`."""
    settings = Settings(llm_config=LlmConfig(api_base=url, model="m", mode=mode))
    context = Context(settings=settings, user_data_dir=folder, namespace="benchmark")

    async def step(snapshot: MarketSnapshot) -> None:
        state = CandleState.model_validate(await decide(snapshot, context))
        if state.signal is None or state.signal.source == "fallback":
            raise RuntimeError("a decision fell back: the time would be that of a failure")

    return await timed(name, step, snapshots)


async def timed_lookup(snapshots: Sequence[MarketSnapshot], context: Context, folder: Path) -> Case:
    """Return the time of key and look-up alone, on the prompts of the baseline."""
    requests = [request_of(CandleState.model_validate(await decide(one, context)), context) for one in snapshots]
    path = folder / "alone.sqlite"

    async def ask() -> Answered:
        return Answered(
            AIMessage("", tool_calls=[{"name": "signal_wait", "args": {"reason": "r" * 200}, "id": "1"}]), "m"
        )

    async def never() -> Answered:
        raise RuntimeError("a replay asked")

    record, replay = Recorder("record", path), Recorder("replay", path)
    for request in requests:
        await record.answer(request, ask)
    return await timed("key and look-up alone", lambda one: replay.answer(one, never), requests)


def request_of(state: CandleState, context: Context) -> Request:
    """Return what the deciding model was asked in its first turn."""
    asked = state.messages[: next(n for n, one in enumerate(state.messages) if isinstance(one, AIMessage))]
    return Request(
        role="decision",
        params=params_of(context.settings.llm_config.models_of("decision")[0]),
        messages=tuple(asked),
        tools=tuple(convert_to_openai_tool(one) for one in allowed_tools(state, context.settings)),
        prompt_version="benchmark",
    )


async def measured(datadir: Path, begin: datetime, count: int, folder: str) -> list[Case]:
    """Return the cases over `count` candles after the warm-up."""
    times = [begin + LENGTH * number for number in range(WARM_UP + count)]
    _, snapshots = await timed_snapshots(fresh(datadir), times)
    return await cases_of(snapshots, folder)


def aims(cases: Sequence[Case]) -> list[str]:
    """Return what a replayed call costs above no model at all, and whether that meets the aim."""
    above, alone = cases[3].median_ms - cases[0].median_ms, cases[-1].median_ms
    return [
        f"aim: a replayed call < {AIM_MS:g} ms above no model at all: {above:.2f} ms, "
        f"{'met' if above < AIM_MS else 'missed'}",
        f"key and look-up alone: {1e3 * alone:.0f} us; a replay is {cases[1].median_ms / cases[3].median_ms:.0f} times "
        "as fast as live",
    ]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--candles", type=int, default=200, help="decisions per case")
    parser.add_argument("--markdown", action="store_true", help="a Markdown table on stdout")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        datadir, begin, name = market(Path(folder) / "sample")
        cases = asyncio.run(measured(datadir, begin, options.candles, folder))
    rows = [[c.name, f"{c.median_ms:.2f}", f"{c.p95_ms:.2f}", f"{c.median_ms / cases[0].median_ms:.2f}"] for c in cases]
    title = f"Record and replay, {options.candles} candles of {PAIR}, flat, {name}"
    show(title, ["", "median ms", "p95 ms", "x baseline"], rows, aims(cases), markdown=options.markdown)


if __name__ == "__main__":
    main()
