"""Keys planted everywhere they may stand, searched for in everything that a real run leaves behind or sends."""

import json
import os
import subprocess
import sys
import threading
import zipfile
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from embedding_server import EmbeddingServer

from candlegraph.agents.models.policy_server import completion
from candlegraph.freqtrade_bridge.loopback.backtest import STRATEGIES, STRATEGY, BacktestOrder, offline_config
from candlegraph.freqtrade_bridge.loopback.configuration import base_config

KEYS = {
    "first": "sk-planted-first-000111222333",
    "fallback": "sk-planted-fallback-444555666",
    "role": "sk-planted-role-777888999000",
    "embedding": "sk-planted-embedding-123123123",
    "CANDLEGRAPH_API_KEY": "sk-planted-environment-aaabbb",
    "OPENAI_API_KEY": "sk-planted-openai-cccdddeeefff",
    "ping": "https://ping.example/sk-planted-ping-jjjkkklll",
    "MY_KEY": "sk-planted-named-ggghhhiiijjj",
    "analyst": "sk-planted-analyst-100200300",
    "reviewer": "sk-planted-reviewer-400500600",
    "LANGSMITH_API_KEY": "sk-planted-langsmith-mmmnnn",
    "OTEL_EXPORTER_OTLP_HEADERS": "authorization=sk-planted-otlp-ooopppqqq",
    "ANTHROPIC_API_KEY": "sk-planted-anthropic-rrrsss",
    "FREQTRADE__EXCHANGE__KEY": "sk-planted-exchange-key-ttt",
    "FREQTRADE__EXCHANGE__SECRET": "sk-planted-exchange-secret-uuu",
    "FREQTRADE__EXCHANGE__PASSWORD": "sk-planted-exchange-password-vvv",
    "FREQTRADE__TELEGRAM__TOKEN": "sk-planted-telegram-www",
    "FREQTRADE__API_SERVER__PASSWORD": "sk-planted-server-xxx",
    "FREQTRADE__API_SERVER__JWT_SECRET_KEY": "sk-planted-jwt-yyyyyyyyyyyyyyyyyyyyyyyyyyyy",
    "FREQTRADE__API_SERVER__WS_TOKEN": "sk-planted-websocket-zzz",
}
"""Twenty: of models, by their place or their variable; of viewers, exchange, messages and the web server."""


SERVER = {"enabled": False, "listen_ip_address": "127.0.0.1", "listen_port": 8080, "username": "u", "password": ""}


class Quoting(BaseHTTPRequestHandler):
    """An endpoint that quotes the key in its first error of each model, and answers by the policy rule then."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        given = self.headers["Authorization"].removeprefix("Bearer ")
        self.server.keys.append(given)
        is_first = (request["model"], given) not in self.server.known
        self.server.known.add((request["model"], given))
        refused = {"error": {"message": f"Incorrect API key provided: {given}. You sent {dict(self.headers)}"}}
        body = json.dumps(refused if is_first else completion(request)).encode()
        self.send_response(500 if is_first else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format, *args):
        pass


class Traces(BaseHTTPRequestHandler):
    """A viewer of LangSmith's and of OpenTelemetry's protocol that keeps what is sent to it; headers are not kept."""

    def do_GET(self):
        self.answer(b"{}")

    def do_POST(self):
        length = self.headers.get("Content-Length")
        body = self.rfile.read(int(length)) if length else self.chunks()
        self.server.bodies.append((self.path, body))
        self.answer(b"{}", 202)

    do_PATCH = do_POST

    def chunks(self):
        found = b""
        while size := int(self.rfile.readline(), 16):
            found += self.rfile.read(size)
            self.rfile.readline()
        return found

    def answer(self, body, status=200):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format, *args):
        pass


@contextmanager
def served(handler):
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.keys, server.known, server.bodies = [], set(), []
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


def url(server):
    return f"http://127.0.0.1:{server.server_port}"


@pytest.fixture(scope="module")
def run(sample, tmp_path_factory):
    """Return the folder of a traced, recorded backtest with freqtrade's own command, its output, and what was sent."""
    userdir = tmp_path_factory.mktemp("user")
    with served(Quoting) as model, served(Quoting) as other, served(Traces) as traces, EmbeddingServer() as texts:
        llm = {
            "api_base": url(model),
            "model": "m",
            "api_key": KEYS["first"],
            "retry_times": 0,
            "mode": "record",
            "depth": "deep",
            "fallbacks": [
                {"api_base": url(other), "model": "second", "api_key": KEYS["fallback"], "retry_times": 1},
                {"api_base": url(other), "model": "third", "api_key_env": "MY_KEY", "retry_times": 1},
            ],
            "roles": {
                "bull": {"api_base": url(other), "model": "bull", "api_key": KEYS["role"], "retry_times": 1},
                "bear": {"api_base": url(other), "model": "bear", "retry_times": 1},
                "analyst": {"api_base": url(other), "model": "a", "api_key": KEYS["analyst"], "retry_times": 1},
                "reviewer": {"api_base": url(other), "model": "r", "api_key": KEYS["reviewer"], "retry_times": 1},
            },
        }
        embedding = {"provider": "openai", "api_base": texts.url, "model": "e", "api_key": KEYS["embedding"]}
        overrides = {"llm_config": llm, "experience_config": {"rag_config": {"embedding": embedding}}}
        overrides |= {"monitoring": {"ping_url": KEYS["ping"]}, "tracing": {"send": "all"}}
        overrides |= {"telegram": {"enabled": False, "token": "", "chat_id": "1"}, "api_server": SERVER}
        order = BacktestOrder(sample.datadir, userdir, sample.pairs[:1], "20251010-20251011", overrides=overrides)
        env = os.environ | {name: value for name, value in KEYS.items() if name.isupper()}
        env |= {
            "LANGSMITH_TRACING": "true",
            "LANGSMITH_ENDPOINT": url(traces),
            "OTEL_EXPORTER_OTLP_ENDPOINT": url(traces),
        }
        with offline_config(order) as config:
            words = ["backtesting", "--cache", "none", "--strategy", STRATEGY, "--strategy-path", str(STRATEGIES)]
            words += ["--userdir", str(userdir), "--datadir", str(sample.datadir), "--timerange", order.timerange]
            words += ["--config", str(config)]
            done = subprocess.run(
                [sys.executable, "-m", "freqtrade", *words], capture_output=True, env=env, check=False, timeout=280
            )
        assert done.returncode == 0, done.stderr.decode()[-3000:]
        embedded = [headers["authorization"].removeprefix("Bearer ") for _, headers, _ in texts.seen]
        yield userdir, done.stdout + done.stderr, [*model.keys, *other.keys, *embedded], traces.bodies


def found_in(content):
    return [name for name, key in KEYS.items() if key.encode() in content]


def test_the_keys_were_really_used_and_quoted(run):
    _, _, sent, _ = run
    assert {KEYS[name] for name in ("first", "fallback", "role", "analyst", "embedding", "CANDLEGRAPH_API_KEY")} <= set(
        sent
    )


def test_no_file_holds_a_key(run):
    userdir, _, _, _ = run
    files = [path for path in userdir.rglob("*") if path.is_file()]
    names = {path.name for path in files}
    assert {"candlegraph.sqlite", "cassette.sqlite", "llm_decisions.jsonl"} <= names
    assert {str(path): found_in(path.read_bytes()) for path in files if found_in(path.read_bytes())} == {}


def test_no_archive_of_a_backtest_holds_a_key(run):
    userdir, _, _, _ = run
    archives = list(userdir.rglob("*.zip"))
    assert archives
    for archive in archives:
        with zipfile.ZipFile(archive) as opened:
            members = {name: opened.read(name) for name in opened.namelist()}
        assert any("config" in name for name in members)
        assert {name: found_in(content) for name, content in members.items() if found_in(content)} == {}


def test_no_output_shows_a_key_though_the_errors_were_told(run):
    userdir, output, _, _ = run
    assert found_in(output) == []
    first = json.loads((userdir / "logs" / "llm_decisions.jsonl").read_text().splitlines()[0])
    tries = [one["error"] for call in first["model_calls"] for one in call["tries"]]
    assert any("Incorrect API key provided: ***" in one for one in tries)


def test_no_trace_holds_a_key(run):
    _, _, _, traces = run
    assert {path for path, body in traces if b"decide BTC/USDT:USDT" in body} == {"/runs/batch", "/v1/traces"}
    assert [found_in(body) for _, body in traces if found_in(body)] == [] and len(KEYS) == 20


def test_the_base_configuration_of_these_tests_holds_none_either():
    assert found_in(json.dumps(base_config()).encode()) == []
