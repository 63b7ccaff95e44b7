"""`langgraph dev` starts without network and key, and the official client runs the graph as Studio would."""

import asyncio
import json
import re
import shutil
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
from langgraph_sdk import get_client
from studio_server import free_port, offline, studio

from candlegraph.agents.asking.transcript import prompt_hash
from candlegraph.freqtrade_bridge.commands.main import main
from candlegraph.freqtrade_bridge.commands.studio.server import LOG
from candlegraph.freqtrade_bridge.decisions.records import Records, decision_row
from candlegraph.freqtrade_bridge.decisions.replayed import signal_hash
from candlegraph.freqtrade_bridge.decisions.runner import Runner
from candlegraph.graph.context import Context
from candlegraph.graph.schema.experience import ClosedTrade
from candlegraph.graph.schema.market import Account
from candlegraph.graph.settings.context import ContextConfig
from candlegraph.graph.settings.places import DATABASE
from candlegraph.graph.settings.settings import settings_of
from candlegraph.graph.state import CandleState
from candlegraph.memory.books.ledger import Ledger
from candlegraph.memory.learning.report import experience_of
from candlegraph.memory.store import ExperienceMemory, close_memory
from candlegraph.tools.market.candle_files import read_candles
from candlegraph.tools.market.facts import facts_of
from candlegraph.tools.market.frames import snapshot_of
from candlegraph.tools.market.situation import situation_of, space_of

TIMEFRAMES = ("30m", "1h", "4h", "1d")
NODES = ["analyst", "retriever", "decision", "tools", "reviewer", "story"]


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


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("studio")
    with studio(folder) as url:
        yield url, folder


MODES = ["values", "updates", "messages", "custom", "debug", "tasks"]


class Ran(NamedTuple):
    """What a run told: what each node wrote, in order; the error's data, None without one."""

    found: list
    error: dict | None


async def run_of(url, given, context, graph="candlegraph", modes=("updates",)):
    """Return what a run told; every one of the modes that was asked for, but those of a model's words, arrives."""
    found, arrived, error = [], set(), None
    async for event in get_client(url=url).runs.stream(
        None, graph, input=given, context=context, stream_mode=list(modes)
    ):
        arrived.add(event.event)
        if event.event == "updates":
            found += [(node, written) for node, written in event.data.items()]
        error = event.data if event.event == "error" else error
    assert error or set(modes) - {"messages", "custom"} <= arrived
    return Ran(found, error)


async def updates_of(url, given, context, **more):
    """Return what each node wrote in a run that goes through."""
    found, error = await run_of(url, given, context, **more)
    assert error is None, error
    return found


WRONG = {
    'expected a "snapshot", or "pair" and "candle"': ("candlegraph", {}, {}),
    "nowhere": ("candlegraph", {"pair": "X/Y:Y", "candle": OPENED}, {"datadir": "nowhere"}),
    "12:07 UTC is no open time of 30m": ("candlegraph", {"pair": "X/Y:Y", "candle": "2025-10-10T12:07Z"}, {}),
    "lever": (
        "candlegraph",
        {"pair": "X/Y:Y", "candle": OPENED},
        {"settings": {"risk_management": {"lever": 3}}},
    ),
    "no closed trade none waits in namespace studio": ("reflection", {"trade_key": "none"}, {}),
    "namespace studio, was live": ("reflection", {"trade": TRADE | {"namespace": "live"}}, {"namespace": "live"}),
}


@pytest.fixture(scope="module")
def ran(server, sample):
    """Return what came of the runs that need nothing of each other; begun at once, since each waits for its turn."""
    url, folder = server
    ours = {"user_data_dir": str(folder / "user")}
    chosen = {"pair": sample.pairs[0], "candle": OPENED}
    known = {
        "chosen": run_of(url, chosen, ours | {"datadir": str(sample.datadir)}),
        "whole": run_of(url, {"snapshot": snapshot_in(sample)}, ours, modes=MODES),
        "trade": run_of(url, {"trade": TRADE}, ours, "reflection", MODES),
        "pinned": run_of(
            url,
            {"trade": TRADE | {"trade_key": "2"}},
            {"user_data_dir": str(folder / "pinned"), "namespace": "live"},
            "reflection",
        ),
    }
    known |= {told: run_of(url, given, ours | context, graph) for told, (graph, given, context) in WRONG.items()}

    async def at_once():
        return await asyncio.gather(*known.values())

    return dict(zip(known, asyncio.run(at_once()), strict=True))


def snapshot_in(sample):
    pair = sample.pairs[0]
    candles = {timeframe: read_candles(sample.datadir, pair, timeframe) for timeframe in TIMEFRAMES}
    snapshot = snapshot_of(
        pair, candles["30m"]._candle(-499), candles, Account(equity=1000, free=1000, open_positions=0)
    )
    return json.loads(snapshot.model_dump_json())


def test_studio_runs_the_graph_from_pair_and_candle(ran, sample):
    found, error = ran["chosen"]
    assert error is None and [node for node, _ in found] == NODES
    assert found[0][1]["facts"]["pair"] == sample.pairs[0]
    assert dict(found)["reviewer"]["signal"]["action"] in ("wait", "enter_long", "enter_short")


def test_studio_runs_the_graph_from_a_full_snapshot(ran):
    found, error = ran["whole"]
    assert error is None and [node for node, _ in found] == NODES
    assert dict(found)["reviewer"]["signal"]["source"] == "model"
    assert dict(found)["story"]["story"].splitlines()[-1].startswith("Decided: ")


@pytest.mark.parametrize(
    "graph, given, nodes",
    [
        ("candlegraph", {"pair", "candle", "snapshot"}, set(NODES)),
        ("reflection", {"trade", "trade_key"}, {"evaluate", "review", "remember", "reward"}),
    ],
)
def test_the_drawing_and_the_schemas_that_studio_shows_name_nodes_input_and_context(server, graph, given, nodes):
    url, _ = server

    async def shown():
        client = get_client(url=url)
        assistant, *_ = await client.assistants.search(graph_id=graph)
        own = assistant["assistant_id"]
        return await client.assistants.get_graph(own), await client.assistants.get_schemas(own)

    drawn, schemas = asyncio.run(shown())
    assert nodes <= {one["id"] for one in drawn["nodes"]} and len(drawn["edges"]) > len(nodes)
    assert given <= set(schemas["input_schema"]["properties"])
    assert {"settings", "namespace", "datadir"} <= set(schemas["context_schema"]["properties"])


def test_the_assistants_that_come_along_are_there_with_a_description(server, sample):
    url, folder = server

    async def found_and_run():
        client = get_client(url=url)
        found = {one["name"]: one for one in await client.assistants.search(limit=50)}
        given = {"pair": sample.pairs[0], "candle": OPENED}
        chinese = found["Chinese"]["context"] | {"datadir": str(sample.datadir)}
        ran = await client.runs.wait(None, found["Chinese"]["assistant_id"], input=given, context=chinese)
        return found, ran

    found, ran = asyncio.run(found_and_run())
    told = {name: (found[name]["graph_id"], found[name]["description"]) for name in ("fast", "ask me", "learn")}
    assert told == {
        "fast": ("candlegraph", "one model decides"),
        "ask me": ("candlegraph", "an entry waits for your yes or no"),
        "learn": ("reflection", "a closed trade becomes an experience of the namespace studio"),
    }
    assert found["fast"]["context"]["user_data_dir"] == str(folder / "user")
    assert "决定：" in ran["story"] and "所见：" in ran["story"]


def test_studio_runs_the_reflection_of_a_closed_trade(ran):
    found, error = ran["trade"]
    assert error is None and [node for node, _ in found] == ["evaluate", "review", "remember", "reward"]
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


@pytest.mark.parametrize("nodes", [["decision"], pytest.param(NODES, marks=pytest.mark.slow)], ids=["one", "all"])
def test_a_paused_run_is_changed_after_any_node_and_goes_on(server, sample, nodes):
    """All of them in process, and at each one: tests/graph/test_update_state.py."""
    url, folder = server
    context = {"datadir": str(sample.datadir), "user_data_dir": str(folder / "user")}
    given = {"pair": sample.pairs[0], "candle": "2025-10-10T12:00:00Z"}

    async def both_ways():
        return await asyncio.gather(updates_of(url, given, context), changed_and_resumed(url, given, context, nodes))

    straight, resumed = asyncio.run(both_ways())
    assert resumed["signal"] == dict(straight)["reviewer"]["signal"]


def test_studio_stays_in_its_namespace_whatever_the_context_says(ran, server):
    found, error = ran["pinned"]
    assert error is None and dict(found)["remember"]["experience_id"] == 1
    memory = ExperienceMemory(server[1] / "pinned" / DATABASE)
    assert memory.namespaces() == ("studio",)


@pytest.mark.parametrize("told", WRONG)
def test_an_error_of_ours_arrives_with_its_text(ran, told):
    assert told in ran[told].error["message"]


RUNS = {"dry_run": ("long", "signal_hold", "fast"), "backtest:a": (None, "signal_entry_long", "deep")}
VIEW = {"bias": "bullish", "regime": "trend", "conflicts": "none", "would_change_mind": "a close below"}
CASE = {"strength": 60, "points": ["RSI rises"], "risk": "a close below"}


@pytest.fixture(params=RUNS)
def bots_decision(request, server, make_snapshot, scripted, calling):
    """Return the row of a decision that a bot took in the server's folder: in position, or an entry at depth deep."""
    (side, action, depth), folder = RUNS[request.param], server[1] / "user"
    snapshot = make_snapshot(side)
    said = {"pair": snapshot.pair, "confidence_score": 60, "reason": "calm"}
    if side is None:
        said |= {"leverage": 2, "rsi_value": snapshot.main.indicators.rsi, "trend_strength": "weak"}
        said |= {"key_support": snapshot.price * 0.9, "key_resistance": snapshot.price * 1.1}
    opinions = [calling(("StateView", VIEW)), *[calling(("MakeCase", CASE))] * 2] if depth == "deep" else []
    approve = calling(("ReviewEntry", {"verdict": "approve", "reason": "sound"}))
    model = scripted(*opinions, calling((action, said)), approve)
    context = Context(
        settings=settings_of({"llm_config": {"depth": depth}}), namespace=request.param, user_data_dir=str(folder)
    ).with_model(model)
    facts = facts_of(snapshot, ContextConfig().timeframes, ())
    alike = {"situation": situation_of(facts), "space": space_of(facts), "namespace": request.param}
    times = {name: snapshot.as_of - timedelta(hours=1) for name in ("closed_at", "known_at")}
    opened = {"opened_at": snapshot.as_of - timedelta(hours=7)}
    context.memory.add(experience_of(ClosedTrade.model_validate(TRADE | alike | times | opened)))
    outcome = Runner(context).decide({snapshot.pair: snapshot}, None)[snapshot.pair]
    row = decision_row(context, snapshot, outcome, outcome.state.signal, snapshot.as_of)
    Records(context).decisions([row], {row.decision_id: outcome.state})
    yield row
    close_memory(folder / DATABASE)


def test_a_decision_of_a_bot_is_opened_with_its_history_and_forked(server, bots_decision, capsys):
    (url, folder), row = server, bots_decision
    assert main(["open", row.decision_id[:8], "--userdir", str(folder / "user"), "--server", url]) == 0
    said = capsys.readouterr().out
    assert f"Prompt: the same, hash {row.prompt_hash}." in said
    assert f"{row.signal.action}, hash {signal_hash(row.signal)}." in said or row.depth == "deep"
    assistant = re.search(r'assistant = .*"(.*)"', said)[1]
    asyncio.run(forked(get_client(url=url), row, assistant))
    assert Ledger(folder / "user" / DATABASE).rows(row.namespace) == (row,)


async def forked(client, row, assistant):
    thread = row.decision_id
    history = (await client.threads.get_history(thread, limit=50))[::-1]
    nodes = [node for one in history for node in one["next"]]
    assert nodes[1] == "analyst" and nodes[-1] == "story" and {"retriever", "decision", "reviewer"} <= set(nodes)
    state = CandleState.model_validate({k: v for k, v in history[-1]["values"].items() if k != "story"})
    assert prompt_hash(state.messages) == row.prompt_hash and state.signal.action == row.signal.action
    assert [case.pair for case in state.lessons.cases] and state.snapshot.account.equity == 10_000
    assert (state.snapshot.position is None) == (row.state == "flat")
    after = next(one for one in history if "retriever" in one["next"])
    for facts in (after["values"]["facts"], after["values"]["facts"] | {"regime": "trend_down"}):
        fork = await client.threads.update_state(thread, {"facts": facts}, checkpoint=after["checkpoint"])
        ended = await client.runs.wait(thread, assistant, checkpoint=fork["checkpoint"])
        is_edited = facts != after["values"]["facts"]
        assert ("edited: facts" in ended["signal"]["warnings"]) == is_edited
        assert ("Edited by a person: facts." in ended["story"]) == is_edited
        assert ("regime: trend_down" in ended["messages"][1]["content"]) == is_edited


UNWANTED = re.compile(
    r"changes? detected|Reloading|[Bb]locking (?:call|operation)|BlockingError|ProxyError|ConnectError|Max retries"
    r"|smith\.langchain\.com(?!/studio)|Failed to submit"
)
"""What a log would say of a loop of reloads, of a node that blocks the server, and of a way into the network."""


def test_the_log_of_all_these_runs_tells_of_no_reload_no_blocking_call_and_no_network(server, sample):
    url, folder = server
    given = {"pair": sample.pairs[0], "candle": OPENED}
    asyncio.run(updates_of(url, given, {"datadir": str(sample.datadir), "user_data_dir": str(folder / "user")}))
    log = (folder / "user" / LOG).read_text()
    assert "Background run succeeded" in log and UNWANTED.findall(log) == []


@pytest.mark.slow
def test_langgraph_dev_in_a_checkout_is_quiet_while_and_after_it_runs(tmp_path, sample):
    """With reload, as a developer starts it; its database lies in the folder that is watched."""
    root, checkout, port = Path(__file__).parents[2], tmp_path / "checkout", free_port()
    for name in ("graph", "agents", "tools", "memory", "freqtrade_bridge"):
        shutil.copytree(root / name, checkout / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("langgraph.json", "pyproject.toml"):
        shutil.copy(root / name, checkout / name)
    program = str(Path(sys.executable).parent / "langgraph")
    words = [program, "dev", "--no-browser", "--host", "127.0.0.1", "--port", str(port)]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(words, cwd=checkout, env=offline(), stdout=log, stderr=log)
        try:
            url = f"http://127.0.0.1:{port}"
            asyncio.run(answered(url))
            given = {"pair": sample.pairs[0], "candle": OPENED}
            found = asyncio.run(updates_of(url, given, {"datadir": str(sample.datadir)}))
            assert [node for node, _ in found] == NODES
            time.sleep(3)
            ran = (tmp_path / "log").read_text()
            time.sleep(6)
            later = (tmp_path / "log").read_text()[len(ran) :]
        finally:
            process.terminate()
            process.wait(30)
    assert (checkout / "user_data" / DATABASE).exists() and "Background run succeeded" in ran
    assert len(UNWANTED.findall(later)) <= 3, "files that were written are told of once, not three times a second"
    assert {one for one in UNWANTED.findall(ran + later) if "detected" not in one} == set()


async def answered(url):
    """Return as soon as the server answers."""
    for _ in range(600):
        try:
            await get_client(url=url).assistants.search(limit=1)
        except httpx.TransportError:
            await asyncio.sleep(0.2)
        else:
            return
    raise AssertionError(f"no server at {url}")
