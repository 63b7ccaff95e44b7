"""`candlegraph mcp`, asked by the official client, in memory and as a process: it reads all, and acts never."""

import asyncio
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client

from candlegraph.freqtrade_bridge.commands.books.mcp_server import server_of
from candlegraph.freqtrade_bridge.decisions.records import Records, decision_row
from candlegraph.freqtrade_bridge.decisions.runner import Runner
from candlegraph.graph.schema.experience import ClosedTrade
from candlegraph.graph.settings.places import DATABASE
from candlegraph.memory.books.ledger import Ledger
from candlegraph.memory.learning.report import experience_of
from candlegraph.tools.market.situation import space_of

PAIR = "BTC/USDT:USDT"
NAMES = ["status", "find_decisions", "show_decision", "why", "what_if", "memory_search"]


@pytest.fixture
def row(make_context, make_snapshot, scripted, calling):
    """Return the row of an entry that became a trade which has been closed and learnt from."""
    snapshot = make_snapshot()
    said = {"pair": PAIR, "confidence_score": 60, "reason": "calm", "leverage": 2, "trend_strength": "weak"}
    said |= {"key_support": snapshot.price * 0.9, "key_resistance": snapshot.price * 1.1}
    said |= {"rsi_value": snapshot.main.indicators.rsi}
    context = make_context(scripted(calling(("signal_entry_long", said))), namespace="dry_run")
    outcome = Runner(context).decide({PAIR: snapshot}, None)[PAIR]
    row = decision_row(context, snapshot, outcome, outcome.state.signal, snapshot.as_of)
    Records(context).decisions([row], {row.decision_id: outcome.state})
    ended = snapshot.as_of + timedelta(hours=3)
    trade = {
        "namespace": "dry_run", "trade_key": "1", "pair": PAIR, "side": "long", "leverage": 2, "stake": 100,
        "entry_price": 100, "exit_price": 98, "planned_stop": 97, "opened_at": snapshot.as_of, "closed_at": ended,
        "known_at": ended, "candle_minutes": 30, "profit_pct": -4, "profit_abs": -4, "mfe_pct": 1, "mae_pct": -5,
        "exit_reason": "graph_exit", "liquidated": False, "forced": False, "entry_reason": "calm", "regime": "range",
        "trend_strength": "weak", "entry_rsi": 50, "situation": outcome.state.situation, 
        "space": space_of(outcome.state.facts),
        "model_score": None, "model": "m", "prompt_version": "1", "decision_id": row.decision_id, "events": [],
    }  # fmt: skip
    context.memory.add(experience_of(ClosedTrade.model_validate(trade)))
    return row


def as_a_client_starts_it(userdir):
    """Return the way to the command, which a client starts and speaks to over standard input and output."""
    command = str(Path(sys.executable).parent / "candlegraph")
    return stdio_client(StdioServerParameters(command=command, args=["mcp", "--userdir", str(userdir)]))


async def asked(server, questions):
    """Return the functions and the answers, each as structured content, or the text of an error."""
    async with Client(server) as client:
        tools = (await client.list_tools()).tools
        found = []
        for name, arguments in questions:
            answer = await client.call_tool(name, arguments)
            text = answer.content[0].text if answer.content else ""
            found.append(
                text if answer.is_error else answer.structured_content.get("result", answer.structured_content)
            )
        return tools, found


@pytest.mark.parametrize("way", [server_of, pytest.param(as_a_client_starts_it, marks=pytest.mark.slow)])
def test_every_function_says_what_the_ledger_says_and_nothing_is_written(row, tmp_path, way):
    before = Ledger(tmp_path / DATABASE).rows("dry_run")
    own = {"decision": row.decision_id[:8]}
    questions = [
        ("find_decisions", {"pair": PAIR, "action": "enter_long"}),
        ("show_decision", own),
        ("why", {"pair": PAIR, "moment": row.as_of.isoformat()}),
        ("what_if", own),
        ("memory_search", own),
        ("status", {}),
        ("show_decision", {"decision": "ffff"}),
    ]
    tools, (listed, shown, told, otherwise, alike, status, unknown) = asyncio.run(asked(way(tmp_path), questions))
    assert [one.name for one in tools] == NAMES and all(one.description for one in tools)
    (entry,) = listed
    assert (entry["id"], entry["action"], entry["cost"]) == (row.decision_id, "enter_long", row.cost)
    assert shown["decision_id"] == row.decision_id and shown["signal"]["leverage"] == row.signal.leverage
    assert any(line.startswith("The decision: enter_long.") for line in told)
    assert otherwise["made"]["profit_pct"] == -4 and otherwise["otherwise"] is None
    assert otherwise["made"]["grade"] in "ABCDF" and 0 <= otherwise["made"]["score"] <= 100
    assert [(case["pair"], case["similarity"]) for case in alike] == [(PAIR, 1.0)]
    assert status["namespace"] == "dry_run"
    assert "no decision begins with it" in unknown
    assert Ledger(tmp_path / DATABASE).rows("dry_run") == before
