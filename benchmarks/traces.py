"""What traces cost: bytes of a decision, time of a decision while viewers are well or not, and the end of the process.

candles -> snapshot -> graph (policy rule) -> ledger and snapshot book -> traces, against the same without traces

The cases take their turn in blocks of consecutive decisions, so that whatever else the machine does is spread over all
of them; a block is compared with the block of `off` beside it. Viewers are processes of their own.
"""

from __future__ import annotations

import os

os.environ["LANGSMITH_TRACING"] = "false"  # before LangChain is imported
os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage
from langsmith import utils
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from tables import show

from candlegraph.agents.models.policy import PolicyModel
from candlegraph.freqtrade_bridge.decisions.records import Records, decision_row
from candlegraph.freqtrade_bridge.decisions.runner import Runner
from candlegraph.freqtrade_bridge.loopback.month import PAIRS, write_month
from candlegraph.freqtrade_bridge.tracing.description import trace_of
from candlegraph.freqtrade_bridge.tracing.langsmith_viewer import runs_of
from candlegraph.freqtrade_bridge.tracing.notes import Decided
from candlegraph.freqtrade_bridge.tracing.otlp_viewer import OtlpViewer
from candlegraph.freqtrade_bridge.tracing.traces import Traces, is_chosen, traces_of
from candlegraph.graph.context import Context
from candlegraph.graph.schema.market import Account, MarketSnapshot
from candlegraph.graph.settings.settings import Settings, settings_of
from candlegraph.tools.market.candle_files import read_candles
from candlegraph.tools.market.frames import duration, snapshot_of

PAIR = PAIRS[0]
TIMEFRAMES = Settings().context_config.timeframes
LENGTH = duration(TIMEFRAMES[0])
BEGIN = datetime(2025, 6, 24, tzinfo=UTC)
ACCOUNT = Account(equity=10_000, free=10_000, open_positions=0)
HANDED = 1_000
"""Decisions handed over one after the other: more than the queue holds."""
BLOCK = 5
"""Decisions of one case in a row."""
VIEWERS = {"fine": (202, 0.0), "slow": (202, 2.0), "429": (429, 0.0), "silent": (202, 60.0)}
"""Status and seconds until the answer."""
DEAD = "http://127.0.0.1:9"
ALL: dict[str, Any] = {"tracing": {"send": "all"}}
SIZES: dict[str, dict[str, Any]] = {
    "send all": {"send": "all"},
    "send all, prompts false": {"send": "all", "prompts": False},
    "send all, max_kb 5": {"send": "all", "max_kb": 5},
    "send trades (default)": {},
    "send trades, sampled 0": {"sampled": 0},
    "send none": {"send": "none"},
}
AIM, ENDS_WITHIN = 1.02, 5.0
"""Times off; seconds."""


class Thinking(PolicyModel):
    """The rule, after some seconds, as a language model takes them."""

    seconds: float = 0.0

    def answered(self, messages: Sequence[BaseMessage]) -> AIMessage:
        """Return the rule's answer."""
        time.sleep(self.seconds)
        return super().answered(messages)


class Bot:
    """What decides and writes down, with traces or without."""

    def __init__(self, folder: Path, traces: Traces | None, seconds: float) -> None:
        self.traces = traces
        self._context = Context(user_data_dir=str(folder), namespace="dry_run").with_model(Thinking(seconds=seconds))
        self._runner, self._records = Runner(self._context), Records(self._context, traces)

    def decide(self, snapshot: MarketSnapshot) -> Decided:
        """Decide one candle and write it down."""
        outcome = self._runner.decide({PAIR: snapshot}, None)[PAIR]
        assert outcome.state is not None and outcome.state.signal is not None, "the rule answers"
        row = decision_row(self._context, snapshot, outcome, outcome.state.signal, snapshot.as_of)
        self._records.decisions([row], {row.decision_id: outcome.state})
        return Decided(row, outcome.state)

    def rest(self) -> None:
        """Wait until nothing is on its way, if it moves at all."""
        for way in () if self.traces is None else self.traces.ways:
            until = time.monotonic() + 0.3
            while way.waits and not way.dropped and time.monotonic() < until:
                time.sleep(0.005)


@dataclass
class Taken:
    """Seconds of each decision of a case, and of each block."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    def blocks(self, seconds: Sequence[float]) -> list[float]:
        """Return the seconds of each block."""
        return [sum(seconds[at : at + BLOCK]) for at in range(0, len(seconds), BLOCK)]


def measured(bots: dict[str, Bot], snapshots: Sequence[MarketSnapshot]) -> dict[str, Taken]:
    """Return what each bot's decisions took, block by block in turn; the first block warms up."""
    found = {name: Taken() for name in bots}
    for at in range(0, len(snapshots) - BLOCK + 1, BLOCK):
        first = at // BLOCK % len(bots)  # another one each time: who comes after a rest finds caches cold
        for name, bot in [*list(bots.items())[first:], *list(bots.items())[:first]]:
            for snapshot in snapshots[at : at + BLOCK]:
                wall, cpu = time.perf_counter(), time.process_time()
                bot.decide(snapshot)
                if at:
                    found[name].wall.append(time.perf_counter() - wall)
                    found[name].cpu.append(time.process_time() - cpu)
            bot.rest()
    return found


def times(snapshots: Sequence[MarketSnapshot], folder: Path, seconds: float) -> list[list[str]]:
    """Return the rows of the table: each protocol with each viewer, against off."""
    with collectors() as urls:
        bots = {"off": Bot(folder / "off", None, seconds)}
        for protocol in ("LangSmith", "OTLP"):
            for name, url in (urls | {"dead": DEAD}).items():
                own = f"{protocol}, {name}"
                bots[own] = Bot(folder / own.replace(" ", ""), traces_to(url, protocol, ALL), seconds)
            usual = f"{protocol}, fine, send trades"
            bots[usual] = Bot(folder / usual.replace(" ", ""), traces_to(urls["fine"], protocol, {}), seconds)
        taken = measured(bots, snapshots)
        for bot in bots.values():
            if bot.traces is not None:
                bot.traces.close()
    off = taken["off"]
    return [_row(name, one, off) for name, one in taken.items()]


def _row(name: str, one: Taken, off: Taken) -> list[str]:
    def paired(of: Callable[[Taken], list[float]]) -> float:
        pairs = zip(one.blocks(of(one)), off.blocks(of(off)), strict=True)
        return statistics.median(own / other for own, other in pairs)

    p95 = statistics.quantiles(one.wall, n=20)[-1]
    ratio, cpu = paired(lambda taken: taken.wall), paired(lambda taken: taken.cpu)
    wall = statistics.median(one.wall)
    cells = [f"{wall * 1e3:.2f}", f"{p95 * 1e3:.2f}", f"{ratio:.3f}", f"{statistics.median(one.cpu) * 1e3:.2f}"]
    return [name, *cells, f"{cpu:.3f}", "" if name == "off" else "met" if ratio <= AIM else "missed"]


def waits(one: Decided, off_ms: float) -> list[list[str]]:
    """Return the rows of the table: what handing a decision over takes, which is all that the decision waits for."""
    rows = []
    with collectors() as urls:
        for protocol in ("LangSmith", "OTLP"):
            for name, url in (urls | {"dead": DEAD}).items():
                traces, taken = traces_to(url, protocol, ALL), []
                for _ in range(HANDED):
                    began = time.perf_counter()
                    traces.decided([one.row], {one.row.decision_id: one.state} if one.state else {})
                    taken.append(time.perf_counter() - began)
                traces.close()
                median, p95 = statistics.median(taken) * 1e3, statistics.quantiles(taken, n=20)[-1] * 1e3
                share = median / off_ms
                aim = "met" if share <= AIM - 1 else "missed"
                rows.append([f"{protocol}, {name}", f"{median:.4f}", f"{p95:.4f}", f"{share:.2%}", aim])
    return rows


def traces_to(url: str, protocol: str, config: dict[str, Any]) -> Traces:
    """Return traces that go there, as the environment would say it."""
    own = {"LANGSMITH_TRACING": "true", "LANGSMITH_ENDPOINT": url, "LANGSMITH_API_KEY": "k"}
    own = own if protocol == "LangSmith" else {"OTEL_EXPORTER_OTLP_ENDPOINT": url}
    before = dict(os.environ)
    os.environ.update(own)
    forget()
    found = traces_of(settings_of(config))
    os.environ.clear()
    os.environ.update(before)
    forget()
    assert found is not None, "the environment names a viewer"
    return found


def forget() -> None:
    """Let LangSmith read its variables anew."""
    utils.get_env_var.cache_clear()  # type: ignore[attr-defined]  # it is an lru_cache, its overloads do not say so


def sizes(told: Sequence[Decided]) -> list[list[str]]:
    """Return the rows of the table: bytes of a decision by each protocol with each setting."""
    rows = []
    for name, rules in SIZES.items():
        settings = settings_of({"tracing": rules})
        sent = [one for one in told if is_chosen(one.row, settings.tracing)]
        cells = [f"{len(sent)} of {len(told)}"]
        for size in (langsmith_bytes, otlp_bytes):
            found = [size(one, settings) for one in sent]
            cells += [f"{statistics.mean(found):,.0f}", f"{max(found):,}"] if found else ["0", "0"]
        rows.append([name, *cells])
    return rows


def langsmith_bytes(one: Decided, settings: Settings) -> int:
    """Return the bytes of the body by LangSmith's protocol."""
    batch = {"post": runs_of(trace_of(*one, settings), "project"), "patch": []}
    return len(json.dumps(batch, ensure_ascii=False, default=str).encode())


def otlp_bytes(one: Decided, settings: Settings) -> int:
    """Return the bytes of the body by OpenTelemetry's protocol."""
    viewer = OtlpViewer(settings)
    spans = viewer.spans(one)
    viewer.close()
    return int(encode_spans(spans).ByteSize())


@contextmanager
def collectors() -> Iterator[dict[str, str]]:
    """Serve each viewer in a process of its own; yield the addresses."""
    words = [sys.executable, __file__, "--view"]
    processes = {name: subprocess.Popen([*words, name], stdout=subprocess.PIPE, text=True) for name in VIEWERS}
    try:
        yield {name: one.stdout.readline().strip() for name, one in processes.items() if one.stdout is not None}
    finally:
        for one in processes.values():
            one.kill()


def view(name: str) -> None:
    """Serve one viewer until killed."""
    status, seconds = VIEWERS[name]

    class Answering(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            time.sleep(seconds)
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *given: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()


def ends(snapshots: Sequence[MarketSnapshot], folder: Path) -> list[list[str]]:
    """Return the rows of the table: how long a process with 20 waiting decisions takes to end."""
    kept = folder / "snapshot.json"
    kept.write_text(snapshots[0].model_dump_json())
    rows = []
    with collectors() as urls:
        for protocol in ("off", "LangSmith", "OTLP"):
            for name, url in ({"": ""} if protocol == "off" else urls | {"dead": DEAD}).items():
                words = [sys.executable, __file__, "--end", protocol, url, str(kept)]
                waited, took = ended_after(words)
                aim = "met" if waited <= ENDS_WITHIN else "missed"
                rows.append([f"{protocol} {name}".strip(), f"{waited:.2f}", f"{took:.2f}", aim])
    return rows


def ended_after(words: Sequence[str]) -> tuple[float, float]:
    """Return the seconds that traces keep a process that has nothing left to do, and those until it is gone."""
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None, "it is a pipe"
        process.stdout.readline()
        began = time.perf_counter()
        waited = float(process.stdout.readline())
        process.wait(60)
        return waited, time.perf_counter() - began


def end(protocol: str, url: str, kept: str) -> None:
    """Queue 20 decisions, say so, let traces end, say how long that took, and end."""
    with tempfile.TemporaryDirectory() as folder:
        bot = Bot(Path(folder), None, 0)
        one = bot.decide(MarketSnapshot.model_validate_json(Path(kept).read_text()))
        traces = None if protocol == "off" else traces_to(url, protocol, ALL)
        for _ in range(20 if traces is not None else 0):
            assert traces is not None, "it is not off"
            traces.decided([one.row], {one.row.decision_id: one.state} if one.state else {})
    print("ends", flush=True)
    began = time.perf_counter()
    if traces is not None:
        traces.close()
    print(time.perf_counter() - began, flush=True)


def snapshots_of(folder: Path, count: int) -> list[MarketSnapshot]:
    """Return the real candles that the package brings as snapshots, flat."""
    write_month(folder)
    candles = {timeframe: read_candles(folder, PAIR, timeframe) for timeframe in TIMEFRAMES}
    return [snapshot_of(PAIR, BEGIN + LENGTH * number, candles, ACCOUNT) for number in range(count)]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--candles", type=int, default=200, help="decisions per case; with a thinking model a fifth")
    parser.add_argument("--markdown", action="store_true", help="Markdown tables on stdout")
    parser.add_argument("--view", help=argparse.SUPPRESS)
    parser.add_argument("--end", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.view:
        view(options.view)
    elif options.end:
        end(*options.end)
    else:
        with tempfile.TemporaryDirectory() as folder:
            report(Path(folder), options.candles, markdown=options.markdown)


def report(folder: Path, candles: int, *, markdown: bool) -> None:
    """Measure and print all tables."""
    snapshots = snapshots_of(folder / "data", candles + BLOCK)
    bot = Bot(folder / "sizes", None, 0)
    told = [bot.decide(snapshot) for snapshot in snapshots[:50]]
    head = ["tracing", "sent", "LangSmith mean", "most", "OTLP mean", "most"]
    show("Bytes of a decision that is sent, 50 candles, policy rule", head, sizes(told), [], markdown=markdown)
    bot, began = Bot(folder / "alone", None, 0), time.process_time()
    for snapshot in snapshots[:50]:
        bot.decide(snapshot)
    alone = (time.process_time() - began) / min(50, len(snapshots)) * 1e3
    head = ["viewer", "median ms", "p95 ms", "of a decision", f"aim: <= {AIM - 1:.0%}"]
    notes = [f"{HANDED:,} at once, where the queue holds 500; a decision by the rule takes {alone:.1f} ms of CPU time"]
    show("What a decision waits for: handing itself over", head, waits(told[0], alone), notes, markdown=markdown)
    head = ["viewer", "wall median ms", "p95 ms", "x off", "CPU median ms", "x off", f"aim: wall <= {AIM} x"]
    notes = [f"x off: median of blocks of {BLOCK} decisions, each against the block of off beside it"]
    for seconds, count in ((0.0, candles), (0.2, candles // 5)):
        who = "the rule, one decision after the other" if not seconds else f"a model that takes {seconds} s"
        rows = times(snapshots[: count + BLOCK], folder / str(seconds), seconds)
        show(f"Time of a decision, {count} a case, {who}, send all", head, rows, notes, markdown=markdown)
    head = ["viewer", "traces, s", "process, s", f"aim: traces <= {ENDS_WITHIN:g} s"]
    notes = ["process: with what Python itself takes to end, which depends on what else the machine does"]
    show("End of a process with 20 decisions to send", head, ends(snapshots, folder), notes, markdown=markdown)


if __name__ == "__main__":
    main()
