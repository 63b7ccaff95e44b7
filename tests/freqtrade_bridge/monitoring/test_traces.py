"""Decisions are shown to LangSmith on purpose: few, small, named, without a secret, and never waited for."""

import json
import logging
import threading
import uuid
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from candlegraph.freqtrade_bridge.decisions.records import decision_row
from candlegraph.freqtrade_bridge.decisions.runner import Runner
from candlegraph.freqtrade_bridge.monitoring import traces
from candlegraph.freqtrade_bridge.monitoring.trace_runs import runs_of, size_of, thread_of
from candlegraph.freqtrade_bridge.monitoring.traces import Traces, is_chosen, traces_of
from candlegraph.graph.settings.settings import settings_of
from candlegraph.graph.settings.tracing import Tracing

PAIR = "BTC/USDT:USDT"
SECRET = "sk-planted"


@pytest.fixture
def decided(make_context, make_snapshot, scripted, calling):
    """Return rows and states of decisions: waits, an entry, and one in position."""

    def go(count, **blocks):
        rows, states = [], {}
        for number in range(count):
            side = "long" if number == 2 else None
            snapshot = make_snapshot(side, as_of=make_snapshot().as_of - timedelta(hours=number))
            said = {"pair": PAIR, "confidence_score": 60, "reason": "calm"}
            entry = {"leverage": 2, "rsi_value": snapshot.main.indicators.rsi, "trend_strength": "weak"}
            entry |= {"key_support": snapshot.price * 0.9, "key_resistance": snapshot.price * 1.1}
            call = ("signal_entry_long", said | entry) if number == 1 else ("signal_wait", said)
            call = ("signal_hold", said) if side else call
            context = make_context(scripted(calling(call)), namespace="dry_run", **blocks)
            outcome = Runner(context).decide({PAIR: snapshot}, None)[PAIR]
            row = decision_row(context, snapshot, outcome, outcome.state.signal, snapshot.as_of)
            rows.append(row)
            states[row.decision_id] = outcome.state
        return rows, states

    return go


@contextmanager
def collector(monkeypatch, status=202, waits=None):
    """Serve LangSmith's protocol on loopback; `waits`: no answer comes before it is set."""
    bodies = []

    class Batch(BaseHTTPRequestHandler):
        def do_POST(self):
            bodies.append((self.path, self.rfile.read(int(self.headers["content-length"])), dict(self.headers)))
            if waits is not None:
                waits.wait(20)
            self.send_response(status)
            self.send_header("content-length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Batch)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("LANGSMITH_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("LANGSMITH_API_KEY", "of-the-tracer")
    langsmith_forgets()
    try:
        yield bodies
    finally:
        server.shutdown()
        server.server_close()
        langsmith_forgets()


def langsmith_forgets():
    """Let LangSmith read its variables anew: it keeps what it has read."""
    from langsmith import utils

    utils.get_env_var.cache_clear()


def posted(bodies):
    """Return the runs that arrived, by request."""
    assert {path for path, _, _ in bodies} <= {"/runs/batch"}
    return [json.loads(body)["post"] for _, body, _ in bodies]


def test_a_decision_arrives_with_its_id_name_thread_model_tokens_and_cost(decided, monkeypatch):
    prices = {"policy": {"input": 1, "output": 2}}
    settings = settings_of({"tracing": {"send": "all"}, "llm_config": {"api_key": SECRET, "prices": prices}})
    rows, states = decided(3, llm_config={"api_key": SECRET})
    with collector(monkeypatch) as bodies:
        sent = Traces(settings)
        sent.decided(rows, states)
        sent.close()
    found = posted(bodies)
    assert (sent.sent, sent.dropped, len(found)) == (3, 0, 3)
    for row, (root, *below) in zip(rows, found, strict=True):
        assert root["id"] == row.decision_id and root["name"].startswith(f"decide {PAIR} 20")
        told = root["extra"]["metadata"]
        assert (told["action"], told["source"], told["run"]) == (row.signal.action, row.signal.source, "dry_run")
        assert told["cost"] == row.cost and told["prompt_hash"] == row.prompt_hash
        assert "Decided: " in root["outputs"]["story"] and "<facts>" in root["inputs"]["facts"]
        model = next(one for one in below if one["run_type"] == "llm")
        assert model["parent_run_id"] == row.decision_id and uuid.UUID(model["id"])
        assert model["dotted_order"].startswith(root["dotted_order"] + ".")
        assert model["outputs"]["tool_calls"][0]["name"].startswith("signal_")
        assert {"ls_provider", "ls_model_name", "usage_metadata"} <= set(model["extra"]["metadata"])
    assert all(len(body) <= 30_000 for _, body, _ in bodies)
    assert not any(SECRET.encode() in body for _, body, _ in bodies)


def test_what_is_sent_follows_the_setting(decided):
    rows, states = decided(3)

    def chosen(**rules):
        return [row.signal.action for row in rows if is_chosen(row, Tracing(**rules))]

    assert chosen(send="all") == ["wait", "enter_long", "hold"]
    assert chosen(send="trades", sampled=0) == ["enter_long"] and chosen(send="none", sampled=1) == []
    assert chosen(send="trades", sampled=1) == ["wait", "enter_long", "hold"]
    for given in ({"max_kb": 5}, {"prompts": False}):
        settings = settings_of({"tracing": given})
        runs = runs_of(rows[1], states[rows[1].decision_id], settings, "p")
        assert size_of(runs) <= (5_500 if "max_kb" in given else 12_000), given
        assert ("calm" in json.dumps(runs)) == ("prompts" not in given)


def test_a_trade_is_one_thread_from_the_decision_that_opens_it(decided, make_snapshot):
    rows, states = decided(3)
    opened = states[rows[2].decision_id].snapshot.position.opened_at
    assert thread_of(rows[1], states[rows[1].decision_id]) == f"dry_run {PAIR} {rows[1].as_of:%Y-%m-%dT%H:%MZ}"
    assert thread_of(rows[2], states[rows[2].decision_id]) == f"dry_run {PAIR} {opened:%Y-%m-%dT%H:%MZ}"


@pytest.mark.parametrize("trouble", ["429", "500", "dead", "silent", "full"])
def test_a_collector_in_trouble_delays_nothing_and_is_told_of_once(decided, monkeypatch, caplog, trouble):
    """A silent one never answers: were it waited for, this test would not end."""
    rows, states = decided(3)
    monkeypatch.setattr(traces, "ENDS_WITHIN", 0.5)
    caplog.set_level(logging.INFO)
    ever = threading.Event()
    status = int(trouble) if trouble.isdecimal() else 202
    settings = settings_of({"tracing": {"send": "all"} | ({"queue": 1} if trouble == "full" else {})})
    with collector(monkeypatch, status, ever if trouble in ("silent", "full") else None):
        if trouble == "dead":
            monkeypatch.setenv("LANGSMITH_ENDPOINT", "http://127.0.0.1:9")
            langsmith_forgets()
        sent = Traces(settings)
        sent.decided(rows, states)
        sent.decided(rows, states)
        sent.close()
        told = f"traces: {sent.sent} sent, {sent.dropped} dropped"
        assert (sent.sent, sent.dropped) == (0, 6)
        ever.set()
    warnings = [one for one in caplog.records if one.name == traces.__name__ and one.levelno == logging.WARNING]
    assert len(warnings) == 1
    assert told in caplog.text


@pytest.mark.parametrize(
    "variable, send, is_on", [("true", "all", True), ("false", "all", False), ("true", "none", False)]
)
def test_nothing_is_sent_unless_langsmith_s_own_variable_says_so(monkeypatch, variable, send, is_on):
    with collector(monkeypatch):
        monkeypatch.setenv("LANGSMITH_TRACING", variable)
        langsmith_forgets()
        found = traces_of(settings_of({"tracing": {"send": send}}))
        assert (found is not None) == is_on
        if found is not None:
            found.close()
