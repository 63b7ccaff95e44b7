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
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from decision import LENGTH, PAIR, WARM_UP, Case, decide, market, snapshots_at, timed
from langchain_core.messages import AIMessage
from langchain_core.utils.function_calling import convert_to_openai_tool
from tables import show

from candlegraph.agents.asking.transcript import allowed_tools
from candlegraph.agents.models.engine import params_of
from candlegraph.agents.models.policy_server import completion
from candlegraph.agents.models.recorder import Answered, Recorder, Request
from candlegraph.graph.context import Context
from candlegraph.graph.schema.market import MarketSnapshot
from candlegraph.graph.settings.llm import LlmConfig, Mode
from candlegraph.graph.settings.settings import Settings
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
    with thinking() as url:
        asked = {
            f"live, model of {THINKS_SECONDS:g} s": context_of(folder, "live", url),
            f"recorded, model of {THINKS_SECONDS:g} s": context_of(folder, "record", url),
        }
        live = await in_turn(asked, snapshots)
    replay = context_of(folder, "replay", url)
    known = {"no model: the policy rule in process": baseline, "replayed, server stopped": replay}
    none, replayed = await in_turn(known, snapshots)
    alone = await timed_lookup(snapshots, baseline, Path(folder))
    close_memory(baseline.database)
    return [none, *live, replayed, alone]


def context_of(folder: str, mode: Mode, url: str) -> Context:
    """Return the context of one case."""
    settings = Settings(llm_config=LlmConfig(api_base=url, model="m", mode=mode))
    return Context(settings=settings, user_data_dir=folder, namespace="benchmark")


async def in_turn(contexts: Mapping[str, Context], snapshots: Sequence[MarketSnapshot]) -> list[Case]:
    """Return the seconds of a decision in each context, one after the other, so that a slow minute slows all."""
    seconds: dict[str, list[float]] = {name: [] for name in contexts}
    for snapshot in snapshots:
        for name, context in contexts.items():
            began = time.perf_counter()
            state = CandleState.model_validate(await decide(snapshot, context))
            seconds[name].append(time.perf_counter() - began)
            if state.signal is None or state.signal.source == "fallback":
                raise RuntimeError(f"{name}: a decision fell back: the time would be that of a failure")
    return [Case(name, tuple(taken[WARM_UP:])) for name, taken in seconds.items()]


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
    alone = {"key and look-up alone": lambda number: replay.answer(requests[number], never)}
    (case,) = await timed(alone, len(requests))
    return case


def request_of(state: CandleState, context: Context) -> Request:
    """Return what the deciding model was asked in its first turn."""
    asked = state.messages[: next(n for n, one in enumerate(state.messages) if isinstance(one, AIMessage))]
    return Request(
        role="decision",
        params=params_of(context.settings.llm_config.models_of("decision")[0]),
        messages=tuple(asked),
        tools=tuple(convert_to_openai_tool(one) for one in allowed_tools(state)),
        prompt_version="benchmark",
    )


async def measured(datadir: Path, begin: datetime, count: int, folder: str) -> list[Case]:
    """Return the cases over `count` candles after the warm-up."""
    times = [begin + LENGTH * number for number in range(WARM_UP + count)]
    snapshots = snapshots_at(datadir, times)
    return await cases_of(snapshots, folder)


def aims(cases: Sequence[Case]) -> list[str]:
    """Return what a replayed call costs above no model at all, and whether that meets the aim."""
    none, live, _, replay, alone = cases
    above, times = replay.median_ms - none.median_ms, live.median_ms / replay.median_ms
    met = "met" if max(above, alone.median_ms) < AIM_MS else "missed"
    return [
        f"aim: a replayed call < {AIM_MS:g} ms: {1e3 * alone.median_ms:.0f} us for key and look-up alone, {met}",
        f"a replayed decision takes {above:+.2f} ms above one by the rule, and 1/{times:.0f} of a live one",
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
