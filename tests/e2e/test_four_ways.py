"""The same decisions of a dry-run read back by LangSmith's protocol, by OTLP, over MCP and from Studio: they agree.

Freqtrade's own API is asked for those that have a trade. Slow: each decision is run once more in LangGraph's server.
"""

import asyncio
import json
import threading
import uuid
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import script
from api import asked
from collectors import collecting, shown_to
from langgraph_sdk import get_client
from mcp import Client
from studio_server import studio
from virtual_dry_run import VirtualDryRun

from candlegraph.freqtrade_bridge.commands.books.brief_again import kept
from candlegraph.freqtrade_bridge.commands.books.mcp_server import server_of
from candlegraph.freqtrade_bridge.commands.studio.assistants import base_of
from candlegraph.freqtrade_bridge.commands.studio.opened import opened
from candlegraph.freqtrade_bridge.loopback.backtest import STRATEGIES, STRATEGY
from candlegraph.freqtrade_bridge.loopback.markets import market_of
from candlegraph.freqtrade_bridge.loopback.sample_market import sample_series
from candlegraph.graph.schema.facts import parse_facts
from candlegraph.graph.settings.places import DATABASE
from candlegraph.memory.books.ledger import Ledger

COUNT = 50
START = datetime(2025, 11, 15, 0, 30, 2, tzinfo=UTC)
PRICES = {"scripted": {"input": 1, "output": 4}}


class Playing(BaseHTTPRequestHandler):
    """An endpoint that enters every eighth candle, leaves five later, and says what it used."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["content-length"])))
        facts = parse_facts(next(one["content"] for one in request["messages"] if one["role"] == "user"))
        number, self.server.asked = self.server.asked, self.server.asked + 1
        if facts.position is None:
            name, arguments = script.enter(facts) if number % 8 == 0 else script.stay(facts)
        else:
            name, arguments = script.leave(facts) if number % 8 == 5 else script.stay(facts)
        call = {"id": "1", "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}
        message = {"role": "assistant", "content": None, "tool_calls": [call]}
        usage = {"prompt_tokens": 1000 + number, "completion_tokens": 50, "total_tokens": 1050 + number}
        choice = {"index": 0, "message": message, "finish_reason": "tool_calls"}
        told = {"id": "c", "object": "chat.completion", "created": 0, "model": "scripted", "choices": [choice]}
        body = json.dumps(told | {"usage": usage}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


@contextmanager
def playing():
    with ThreadingHTTPServer(("127.0.0.1", 0), Playing) as server:
        server.asked = 0
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/v1"
        server.shutdown()


@pytest.mark.slow
def test_fifty_decisions_agree_on_id_action_fate_and_cost_whoever_is_asked(sample, tmp_path, monkeypatch):
    userdir, pair = tmp_path / "user", sample.pairs[0]
    with playing() as model, collecting() as found, shown_to(monkeypatch, found.url):
        llm = {"api_base": model, "model": "scripted", "api_key": "k", "prices": PRICES}
        config = {"strategy": STRATEGY, "strategy_path": str(STRATEGIES), "llm_config": llm}
        config |= {"tracing": {"send": "all"}}
        with VirtualDryRun(config, [market_of(pair, sample_series(pair))], START, userdir=userdir) as run:
            run.run_until(START + timedelta(minutes=30) * (COUNT - 1))
            trades = [one | asked(run, f"/trades/{one['trade_id']}/custom-data")[0] for one in traded(run)]
            run.bot.strategy.session.records._shown.close()
    rows = Ledger(userdir / DATABASE).rows("dry_run")
    books = {row.decision_id: (row.signal.name, row.fate_line if row.acts else None, row.cost) for row in rows}
    assert len(books) == COUNT and len({cost for *_, cost in books.values()}) == COUNT
    fates = [fate for _, fate, _ in books.values() if fate]
    assert len(fates) >= 8 and sum(fate.startswith("filled") for fate in fates) >= 6
    assert by_langsmith(found) == books
    assert by_otlp(found) == books
    assert asyncio.run(by_mcp(userdir)) == books
    with studio(tmp_path) as url:
        assert asyncio.run(by_studio(url, userdir, books)) == books
    entered = {key: told for key, told in books.items() if told[0].startswith("enter") and "filled" in told[1]}
    assert by_freqtrade(trades) == {key: (fate, f"{cost:.4f}") for key, (_, fate, cost) in entered.items()}


def traded(run):
    return [*asked(run, "/trades")["trades"], *asked(run, "/status")]


def by_langsmith(found):
    """Return what the runs say, as the last update left them."""
    told = {run["id"]: run["extra"]["metadata"] for (run, *_) in [*found.runs(), *found.runs("patch")]}
    signals = {run["id"]: run["outputs"]["signal"] for (run, *_) in found.runs()}
    return {key: (named(signals[key]), one["fate"], one["cost"]) for key, one in told.items()}


def by_otlp(found):
    """Return what the spans say: the decision's own, and the one of its fate."""
    told = {}
    for span, one in found.spans():
        key = str(uuid.UUID(bytes=span.trace_id))
        if not span.parent_span_id:
            signal = json.loads(one["candlegraph.signal"])
            told[key] = [named(signal), one.get("candlegraph.fate"), one["candlegraph.cost"]]
        elif span.name == "fate":
            told[key][1] = one["candlegraph.fate"]
    return {key: tuple(one) for key, one in told.items()}


def named(signal):
    pct = signal.get("adjustment_pct")
    return signal["action"] if pct is None else f"{signal['action']} {pct:+.6g} %"


async def by_mcp(userdir):
    async with Client(server_of(userdir)) as client:
        answer = await client.call_tool("find_decisions", {"namespace": "dry_run", "limit": 200})
    told = answer.structured_content["result"]
    return {one["id"]: (one["action"], one["fate"], one["cost"]) for one in told}


async def by_studio(url, userdir, ids):
    """Return what the SDK says of each decision that is opened: its thread, and the signal that came out again."""
    client, base, found = get_client(url=url), base_of([], userdir), {}
    for key in ids:
        row, inputs = kept(key, None, userdir)
        await opened(url, row, inputs, base, userdir)
        thread = await client.threads.get(key)
        signal = (await client.threads.get_state(key))["values"]["signal"]
        known = thread["metadata"]
        assert named(signal) == known["action"], key
        found[thread["thread_id"]] = (known["action"], known["fate"], known["cost"])
    return found


def by_freqtrade(trades):
    """Return fate and cost of the decision that opened each trade, as its notes say it."""
    notes = [{one["key"]: one["value"] for one in trade["custom_data"]} for trade in trades]
    return {one["decision"]: (one["fate"], one["cost"]) for one in notes}
