"""A viewer that others wrote reads our spans: Arize Phoenix, in a virtual environment of its own, since its pins clash.

CANDLEGRAPH_PHOENIX names the Python of an environment that has it; without it one is made below ours, in minutes.
"""

import os
import socket
import subprocess
import sys
import time
import uuid
from pathlib import Path

import httpx
import pytest
from collectors import shown_to

from candlegraph.freqtrade_bridge.tracing.traces import traces_of
from candlegraph.graph.settings.settings import settings_of

PHOENIX = "arize-phoenix>=20,<21"
STARTS_WITHIN = 120


def installed():
    """Return the Python of an environment with Phoenix; skip with what the installer said where there is none."""
    if (given := os.environ.get("CANDLEGRAPH_PHOENIX")) is not None:
        return given
    folder = Path(sys.prefix) / "phoenix"  # not in a temporary folder: that is RAM here, and this takes a gigabyte
    own = str(folder / "bin" / "python")
    if (folder / "bin" / "phoenix").exists():
        return own
    for words in ([sys.executable, "-m", "venv", str(folder)], [own, "-m", "pip", "install", "--quiet", PHOENIX]):
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=1800)
        if done.returncode:
            pytest.skip(f"Phoenix could not be installed: {done.stderr.strip()[-300:]}")
    return own


@pytest.fixture
def phoenix(tmp_path):
    """Return the address of a Phoenix that keeps its books in a temporary folder."""
    with socket.socket() as one, socket.socket() as two:
        one.bind(("127.0.0.1", 0))
        two.bind(("127.0.0.1", 0))
        port, other = one.getsockname()[1], two.getsockname()[1]
    env = os.environ | {"PHOENIX_WORKING_DIR": str(tmp_path), "PHOENIX_HOST": "127.0.0.1", "PHOENIX_PORT": str(port)}
    env |= {"PHOENIX_GRPC_PORT": str(other), "PHOENIX_TELEMETRY_ENABLED": "false"}
    words = [installed(), "-m", "phoenix.server.main", "serve"]
    url = f"http://127.0.0.1:{port}"
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(words, env=env, cwd=tmp_path, stdout=log, stderr=log)
        try:
            until = time.monotonic() + STARTS_WITHIN
            while not answers(url):
                assert process.poll() is None and time.monotonic() < until, (tmp_path / "log").read_text()[-2000:]
                time.sleep(0.5)
            yield url
        finally:
            process.terminate()
            process.wait(30)


def answers(url):
    try:
        return httpx.get(f"{url}/healthz", trust_env=False).is_success
    except httpx.TransportError:
        return False


def read_back(url, count):
    """Return the spans that Phoenix holds, by id, as soon as there are so many: it stores them in the background."""
    until = time.monotonic() + 30
    while True:
        answer = httpx.get(f"{url}/v1/projects/default/spans", params={"limit": 1000}, trust_env=False)
        found = answer.json()["data"] if answer.is_success else []
        if len(found) >= count or time.monotonic() > until:
            return {one["context"]["span_id"]: one for one in found}
        time.sleep(0.5)


@pytest.mark.slow
def test_phoenix_reads_ids_names_models_tokens_session_and_marks(phoenix, decided, closed, monkeypatch):
    rows, states, context = decided(3)
    with shown_to(monkeypatch, phoenix, langsmith=False):
        traces = traces_of(settings_of({"tracing": {"send": "all"}}))
        traces.decided(rows, states)
        closed(traces, rows[1], states, context)
        traces.close()
    assert [(way.sent, way.dropped) for way in traces.ways] == [(5, 0)]
    found = read_back(phoenix, 11)
    assert len(found) == 11, [one["name"] for one in found.values()]
    for row in rows:
        root = found[uuid.UUID(row.decision_id).hex[:16]]
        own = [one for one in found.values() if one["context"]["trace_id"] == uuid.UUID(row.decision_id).hex]
        call = next(one["attributes"] for one in own if one["span_kind"] == "LLM")
        assert root["name"].startswith("decide BTC/USDT:USDT 20") and root["span_kind"] == "AGENT"
        assert root["attributes"]["candlegraph.action"] == row.signal.action
        assert root["attributes"]["session.id"].startswith("dry_run BTC/USDT:USDT")
        assert (call["llm.model_name"], call["llm.token_count.prompt"]) == ("policy", row.tokens_in)
        assert "<facts>" in call["llm.input_messages.1.message.content"]
        said = "llm.output_messages.0.message.tool_calls.0.tool_call.function.name"
        assert call[said].startswith("signal_")
    outcome = next(one for one in found.values() if one["name"] == "outcome")
    assert outcome["parent_id"] == uuid.UUID(rows[1].decision_id).hex[:16]
    marks = [one["attributes"]["gen_ai.evaluation.name"] for one in outcome["events"]]
    assert marks == ["profit_pct", "score", "reward"]
