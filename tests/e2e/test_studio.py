"""`langgraph dev` starts without network and key, and the official client runs the graph as Studio would."""

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from langgraph_sdk import get_client

from candlegraph.graph.schema.market import Account
from candlegraph.graph.settings.places import DATABASE
from candlegraph.memory.store import ExperienceMemory
from candlegraph.tools.market.candle_files import read_candles
from candlegraph.tools.market.frames import snapshot_of

ROOT = Path(__file__).parents[2]
TIMEFRAMES = ("30m", "1h", "4h", "1d")
NODES = ["analyst", "retriever", "decision", "tools", "reviewer"]


OPENED = "2025-10-10T12:00:00Z"
TRADE = {
    "namespace": "studio",
    "trade_key": "1",
    "pair": "BTC/USDT:USDT",
    "side": "long",
    "leverage": 5,
    "stake": 100,
    "entry_price": 100,
    "exit_price": 98,
    "planned_stop": 97,
    "opened_at": OPENED,
    "closed_at": "2025-10-10T15:00:00Z",
    "known_at": "2025-10-10T15:00:00Z",
    "candle_minutes": 30,
    "profit_pct": -10,
    "profit_abs": -10,
    "mfe_pct": 1,
    "mae_pct": -11,
    "exit_reason": "graph_exit",
    "liquidated": False,
    "forced": False,
    "entry_reason": "r",
    "regime": "range",
    "trend_strength": "weak",
    "entry_rsi": 50,
    "situation": [1, 0.5],
    "space": "t",
    "model_score": None,
    "model": "m",
    "prompt_version": "1",
    "decision_id": "",
    "events": [],
}


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    port, folder = free_port(), tmp_path_factory.mktemp("studio")
    hidden = ("LANGSMITH_API_KEY", "OPENAI_API_KEY", "CANDLEGRAPH_API_KEY")
    env = {name: value for name, value in os.environ.items() if name not in hidden}
    env |= {"LANGGRAPH_CLI_NO_ANALYTICS": "1", "LANGGRAPH_NO_VERSION_CHECK": "1", "LANGSMITH_TRACING": "false"}
    # A proxy that refuses: any request that leaves loopback fails, as it would without a network.
    env |= {"HTTPS_PROXY": "http://127.0.0.1:9", "HTTP_PROXY": "http://127.0.0.1:9", "NO_PROXY": "127.0.0.1,localhost"}
    command = [
        str(Path(sys.executable).parent / "langgraph"),
        "dev",
        "--no-browser",
        "--no-reload",
        "--port",
        str(port),
    ]
    log = (folder / "server.log").open("w")
    process = subprocess.Popen(
        [*command, "--config", str(ROOT / "langgraph.json")], cwd=ROOT, env=env, stdout=log, stderr=subprocess.STDOUT
    )
    try:
        wait_for(port, process, folder / "server.log")
        yield f"http://127.0.0.1:{port}", folder
    finally:
        process.terminate()
        process.wait(20)
        log.close()


def wait_for(port, process, log):
    for _ in range(600):
        assert process.poll() is None, log.read_text()[-3000:]
        with socket.socket() as one:
            if one.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise AssertionError(log.read_text()[-3000:])


async def updates_of(url, given, context, graph="candlegraph"):
    client = get_client(url=url)
    found = []
    async for event in client.runs.stream(None, graph, input=given, context=context, stream_mode=["updates"]):
        assert event.event != "error", event.data
        if event.event == "updates":
            found += [(node, written) for node, written in event.data.items()]
    return found


def test_studio_runs_the_graph_from_pair_and_candle(server, sample):
    url, folder = server
    context = {"datadir": str(sample.datadir), "user_data_dir": str(folder / "user")}
    given = {"pair": sample.pairs[0], "candle": "2025-10-10T12:00:00Z"}
    found = asyncio.run(updates_of(url, given, context))
    assert [node for node, _ in found] == NODES
    assert found[0][1]["facts"]["pair"] == sample.pairs[0]
    assert dict(found)["reviewer"]["signal"]["action"] in ("wait", "enter_long", "enter_short")


def test_studio_runs_the_graph_from_a_full_snapshot(server, sample):
    url, folder = server
    pair = sample.pairs[0]
    candles = {timeframe: read_candles(sample.datadir, pair, timeframe) for timeframe in TIMEFRAMES}
    as_of = candles["30m"]._dates.iloc[-500].to_pydatetime()
    snapshot = snapshot_of(pair, as_of, candles, Account(equity=1000, free=1000, open_positions=0))
    given = {"snapshot": json.loads(snapshot.model_dump_json())}
    found = asyncio.run(updates_of(url, given, {"user_data_dir": str(folder / "user")}))
    assert [node for node, _ in found] == NODES
    assert dict(found)["reviewer"]["signal"]["source"] == "model"


def test_the_schemas_that_studio_shows_name_input_and_context(server):
    url, _ = server

    async def schemas():
        client = get_client(url=url)
        (assistant,) = await client.assistants.search(graph_id="candlegraph")
        return await client.assistants.get_schemas(assistant["assistant_id"])

    found = asyncio.run(schemas())
    assert {"pair", "candle", "snapshot"} <= set(found["input_schema"]["properties"])
    assert {"settings", "namespace", "datadir"} <= set(found["context_schema"]["properties"])


def test_studio_runs_the_reflection_of_a_closed_trade(server):
    url, folder = server
    found = asyncio.run(updates_of(url, {"trade": TRADE}, {"user_data_dir": str(folder / "user")}, "reflection"))
    assert [node for node, _ in found] == ["evaluate", "review", "remember", "reward"]
    assert dict(found)["remember"]["experience_id"] >= 1
    assert dict(found)["reward"]["reward"] < 0


async def changed_and_resumed(url, given, context, nodes):
    """Pause after each of `nodes`, write as it what it wrote, and run on; return the state at the end."""
    client = get_client(url=url)
    thread = (await client.threads.create())["thread_id"]
    for node in nodes:
        wrote = {}
        async for event in client.runs.stream(
            thread, "candlegraph", input=given, context=context, stream_mode=["updates"], interrupt_after=[node]
        ):
            assert event.event != "error", event.data
            wrote |= (event.data.get(node) or {}) if event.event == "updates" else {}
        await client.threads.update_state(thread, wrote, as_node=node)
        given = None
    return await client.runs.wait(thread, "candlegraph", context=context)


def test_a_paused_run_is_changed_after_any_node_and_goes_on(server, sample):
    url, folder = server
    context = {"datadir": str(sample.datadir), "user_data_dir": str(folder / "user")}
    given = {"pair": sample.pairs[0], "candle": "2025-10-10T12:00:00Z"}
    straight = dict(asyncio.run(updates_of(url, given, context)))["reviewer"]["signal"]
    assert asyncio.run(changed_and_resumed(url, given, context, NODES))["signal"] == straight


def test_studio_stays_in_its_namespace_whatever_the_context_says(server):
    url, folder = server
    context = {"user_data_dir": str(folder / "pinned"), "namespace": "live"}
    found = asyncio.run(updates_of(url, {"trade": TRADE | {"trade_key": "2"}}, context, "reflection"))
    assert dict(found)["remember"]["experience_id"] == 1
    memory = ExperienceMemory(folder / "pinned" / DATABASE)
    assert memory.namespaces() == ("studio",)


@pytest.mark.parametrize(
    "graph, given, context, told",
    [
        ("candlegraph", {}, {}, 'expected a "snapshot", or "pair" and "candle"'),
        ("candlegraph", {"pair": "X/Y:Y", "candle": OPENED}, {"datadir": "nowhere"}, "nowhere"),
        ("reflection", {"trade_key": "none"}, {}, "no closed trade none waits in namespace studio"),
        ("reflection", {"trade": TRADE | {"namespace": "live"}}, {"namespace": "live"}, "namespace studio, was live"),
    ],
)
def test_an_error_of_ours_arrives_with_its_text(server, graph, given, context, told):
    url, folder = server

    async def error():
        known = {"user_data_dir": str(folder / "user")} | context
        async for event in get_client(url=url).runs.stream(None, graph, input=given, context=known):
            if event.event == "error":
                return event.data

    assert told in asyncio.run(error())["message"]
