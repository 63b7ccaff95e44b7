"""Shared by all tests: loopback only, a market, a scripted chat model and a scripted endpoint."""

import os

os.environ["LANGSMITH_TRACING"] = "false"  # before LangChain is imported, as is the next
os.environ["LANGGRAPH_STRICT_MSGPACK"] = "true"
os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"
# No model of these tests is asked over TLS, and each client reads 150 authorities in 25 ms, twice: here it finds none.
os.environ.pop("SSL_CERT_FILE", None)
os.environ["SSL_CERT_DIR"] = os.path.dirname(__file__)

import gc
import json
import shutil
import signal
import socket
import tempfile
import threading
import time
import uuid
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import examples  # noqa: F401  # registers the profile that pytest's option names
import numpy as np
import pandas as pd
import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.utils.function_calling import convert_to_openai_tool
from postgres import programs, served, served_somewhere
from pydantic import PrivateAttr
from sqlalchemy import NullPool, create_engine, make_url

from candlegraph.agents.models import ladder
from candlegraph.agents.models.profiles import forget_profiles
from candlegraph.graph.context import Context
from candlegraph.graph.schema.market import Account, Position
from candlegraph.graph.settings.settings import settings_of
from candlegraph.memory.storage.database import close_engine
from candlegraph.memory.store import close_memory
from candlegraph.tools.market.frames import Candles, snapshot_of

PAIR = "BTC/USDT:USDT"
START = datetime(2024, 1, 1, tzinfo=UTC)
DAYS = 475
AS_OF = START + timedelta(days=460, hours=13)
FRAMES = {"30m": "30min", "1h": "1h", "4h": "4h", "1d": "1D"}
RAM, ROOM = Path("/dev/shm"), 2 * 2**30

# A commit waits for the disk, a hundred times a backtest; in RAM it does not. Docker's default of 64 MB is too small.
if "TMPDIR" not in os.environ and RAM.is_dir() and os.access(RAM, os.W_OK) and shutil.disk_usage(RAM).free > ROOM:
    os.environ.setdefault("TIKTOKEN_CACHE_DIR", f"{tempfile.gettempdir()}/data-gym-cache")
    os.environ["TMPDIR"] = tempfile.tempdir = str(RAM)


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """Keep the garbage collector from what is imported, which lives to the end; of what the tests make it heeds all."""
    gc.disable()
    yield
    gc.freeze()
    gc.enable()


def interrupted(number, frame):
    """End the session at Ctrl-C."""
    raise KeyboardInterrupt


# Where Python's own handler is in place `asyncio.run` asks for it once more at its end, which writes out all that was
# returned (3 ms of a decision's 9), only to throw it away.
signal.signal(signal.SIGINT, interrupted)


@pytest.fixture(scope="session", autouse=True)
def no_network():
    """Refuse every connection that leaves this machine."""

    def guarded(real):
        def connect(self, address):
            if self.family != socket.AF_UNIX and address[0] not in ("127.0.0.1", "::1"):
                raise RuntimeError(f"a test tried to reach {address}")
            return real(self, address)

        return connect

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", guarded(socket.socket.connect))
        patch.setattr(socket.socket, "connect_ex", guarded(socket.socket.connect_ex))
        yield


def random_walk(seed=7, days=DAYS, start_price=100.0):
    """Return candles of 30 minutes that wander by 0.4 % each, with slow trends in them."""
    rows = days * 48
    random = np.random.default_rng(seed)
    drift = 0.0006 * np.sin(np.arange(rows) / 900)
    close = start_price * np.exp(np.cumsum(random.normal(0, 0.004, rows) + drift))
    opened = np.concatenate([[start_price], close[:-1]])
    wick = np.abs(random.normal(0, 0.002, (2, rows)))
    return pd.DataFrame(
        {
            "date": pd.date_range(START, periods=rows, freq="30min"),
            "open": opened,
            "high": np.maximum(opened, close) * (1 + wick[0]),
            "low": np.minimum(opened, close) * (1 - wick[1]),
            "close": close,
            "volume": random.lognormal(3, 0.5, rows),
        }
    )


def resampled(frame, rule):
    """Return longer candles made of shorter ones."""
    how = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}
    return frame.resample(rule, on="date").agg(how).reset_index()


@pytest.fixture(scope="session")
def make_frames():
    """Return a factory of seeded candle frames of all four timeframes."""
    return lambda **options: {tf: resampled(random_walk(**options), rule) for tf, rule in FRAMES.items()}


@pytest.fixture(scope="session")
def frames(make_frames):
    """Return the session's candle frames; not to be changed."""
    return make_frames()


@pytest.fixture(autouse=True)
def variables_stay():
    """Take back what a command has read from a `.env` into the environment of this process."""
    before = dict(os.environ)
    yield
    for name in os.environ.keys() - before.keys() - {"PYTEST_CURRENT_TEST"}:
        del os.environ[name]


@pytest.fixture(autouse=True)
def nothing_is_learnt():
    """Forget what a test before has learnt of an endpoint: ports are used again."""
    forget_profiles()


@pytest.fixture
def impatient(monkeypatch):
    """Let models be tried again at once: how long a pause is, tests/agents/test_ladder.py shows in virtual time."""
    monkeypatch.setattr(ladder, "FIRST_PAUSE", 0.01)


@pytest.fixture(scope="session")
def as_of():
    """Return the moment of decision of `make_snapshot`; later candles exist."""
    return AS_OF


@pytest.fixture(scope="session")
def make_position():
    """Return a factory of open trades at `price`: a small winner with its stop 2 % behind the entry."""

    def make(side="long", price=100.0, **changes):
        sign = 1 if side == "long" else -1
        entry = price * (1 - sign * 0.005)
        known = {
            "trade_id": 3,
            "side": side,
            "leverage": 5,
            "entry_price": entry,
            "stake": 500,
            "stop": entry * (1 - sign * 0.02),
            "take_profit": None,
            "planned_risk_ratio": 0.02,
            "profit_pct": 2.0,
            "mfe_pct": 3.0,
            "mae_pct": -1.0,
            "opened_at": AS_OF - timedelta(hours=5),
            "age_candles": 10,
            "adds": 0,
            "reductions": 0,
            "recorded_decisions": 0,
            "entry_reason": "回调做多 <b>pull-back</b>",
        }
        return Position(**known | changes)

    return make


@pytest.fixture(scope="session")
def make_snapshot(frames, make_position):
    """Return a factory of snapshots: flat, or with a long or short position; everything is available."""
    candles = {timeframe: Candles(frame, timeframe) for timeframe, frame in frames.items()}

    def make(side=None, *, as_of=AS_OF, account=None, **position):
        account = account or Account(
            equity=10_000, free=9_500 if side else 10_000, open_positions=int(side is not None)
        )
        flat = snapshot_of(PAIR, as_of, candles, account)
        if side is None:
            return flat
        return flat.model_copy(update={"position": make_position(side, flat.price, **position)})

    return make


@pytest.fixture
def make_context(tmp_path):
    """Return a factory of contexts on an own folder: `make_context(model, llm_config={...}, namespace=...)`."""
    made = []

    def make(model=None, *, namespace="studio", datadir="data", **blocks):
        context = Context(
            settings=settings_of(blocks), namespace=namespace, user_data_dir=str(tmp_path), datadir=str(datadir)
        )
        made.append(context)
        return context if model is None else context.with_model(model)

    yield make
    for context in made:
        close_memory(context.database)


class ScriptedModel(BaseChatModel):
    """Answers with `answers` in order, the last one for ever; notes what it was offered and what it saw."""

    answers: list[AIMessage]
    _offered: list[list[str]] = PrivateAttr(default_factory=list)
    _seen: list[list] = PrivateAttr(default_factory=list)

    @property
    def _llm_type(self):
        return "scripted"

    @property
    def offered(self):
        """Return the names of the functions that were bound, call by call."""
        return self._offered

    @property
    def seen(self):
        """Return the messages that were sent, call by call."""
        return self._seen

    def bind_tools(self, tools, **kwargs):
        return self.bind(offered=[convert_to_openai_tool(one)["function"]["name"] for one in tools])

    def _generate(self, messages, stop=None, run_manager=None, offered=(), **kwargs):
        self._offered.append(list(offered))
        self._seen.append(list(messages))
        answer = self.answers[min(len(self._seen), len(self.answers)) - 1]
        return ChatResult(generations=[ChatGeneration(message=answer.model_copy(update={"id": None}))])


@pytest.fixture(scope="session")
def scripted():
    """Return a factory of scripted models: `scripted(answer, answer, ...)`."""
    return lambda *answers: ScriptedModel(answers=list(answers))


@pytest.fixture(scope="session")
def calling():
    """Return a factory of answers: `calling((name, arguments), ...)`; arguments as text are malformed JSON."""

    def make(*calls, text="", **kwargs):
        good, bad = [], []
        for number, (name, arguments) in enumerate(calls):
            call = {"name": name, "args": arguments, "id": f"call_{name}_{number}"}
            if isinstance(arguments, str):
                bad.append(call | {"type": "invalid_tool_call", "error": "not JSON"})
            else:
                good.append(call | {"type": "tool_call"})
        return AIMessage(text, tool_calls=good, invalid_tool_calls=bad, **kwargs)

    return make


class ScriptedServer:
    """An OpenAI-compatible endpoint on loopback that plays `script`, its last item for ever.

    Items: {"tools": [(name, arguments or text), ...]}, {"text": ...}, {"status": 429, "headers": {...}}, {"raw": ...};
    {"sleep": seconds} and {"finish": reason} go with any of them; a function of path and body gives the item for them.
    `seen` holds path, headers (lower-case names) and body of each request.
    """

    def __init__(self):
        self.script, self.seen = [], []
        handler = type("Handler", (_Handler,), {"owner": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._lock = threading.Lock()

    @property
    def url(self):
        return f"http://127.0.0.1:{self._server.server_port}/v1"

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *error):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    def next_item(self, request):
        with self._lock:
            self.seen.append(request)
            return self.script[min(len(self.seen), len(self.script)) - 1]


class _Handler(BaseHTTPRequestHandler):
    owner: ScriptedServer

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        item = self.owner.next_item((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
        item = item(self.path, body) if callable(item) else item
        time.sleep(item.get("sleep", 0))
        status, error = item.get("status", 200), {"error": {"message": "scripted", "type": "scripted"}}
        payload = item["raw"] if "raw" in item else error if status != 200 else self._completion(item)
        payload = payload if isinstance(payload, str | bytes) else json.dumps(payload)
        data = payload.encode() if isinstance(payload, str) else payload
        try:
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", **item.get("headers", {})}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)
        except (BrokenPipeError, ConnectionResetError):
            pass  # the client timed out, as the script meant it to

    def _completion(self, item):
        calls = [
            {
                "id": f"call_{len(self.owner.seen)}_{i}",
                "type": "function",
                "function": {"name": name, "arguments": text},
            }
            for i, (name, arguments) in enumerate(item.get("tools", []))
            for text in [arguments if isinstance(arguments, str) else json.dumps(arguments)]
        ]
        message = {"role": "assistant", "content": item.get("text")} | ({"tool_calls": calls} if calls else {})
        finish = item.get("finish") or ("tool_calls" if calls else "stop")
        return {
            "id": "scripted",
            "object": "chat.completion",
            "created": 0,
            "model": "scripted",
            "choices": [{"index": 0, "message": message, "finish_reason": finish}],
            "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
        }

    def log_message(self, format, *args):
        pass


@pytest.fixture(scope="session")
def scripted_server():
    """Return the class of scripted endpoints, for those that outlive a test."""
    return ScriptedServer


@pytest.fixture
def server():
    """Return a scripted endpoint; set its `script` before use."""
    with ScriptedServer() as one:
        yield one


@pytest.fixture(scope="session")
def postgres_server():
    """Yield the URL of a Postgres server that lives as long as the session."""
    if programs() is None:
        pytest.skip("no Postgres is installed")
    with served_somewhere() as url:
        yield url


@pytest.fixture
def database_url(postgres_server):
    """Yield the URL of an empty database."""
    name = f"test_{uuid.uuid4().hex}"
    engine = create_engine(postgres_server, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with engine.connect() as connection:
        connection.exec_driver_sql(f"create database {name}")
    url = make_url(postgres_server).set(database=name)
    yield url.render_as_string(hide_password=False)
    close_engine(url)


@pytest.fixture
def own_server():
    """Yield folder and URL of a Postgres server that may be stopped."""
    if programs() is None:
        pytest.skip("no Postgres is installed")
    with tempfile.TemporaryDirectory(prefix="candlegraph_pg_") as name, served(Path(name)) as url:
        yield Path(name), make_url(url)
        close_engine(make_url(url))
