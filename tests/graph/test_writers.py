"""Which node writes which key of the state, seen in real runs and told in docs/architecture.md."""

import asyncio
import re
from pathlib import Path

import pytest
from langgraph.checkpoint.memory import MemorySaver
from langgraph.types import Command

import candlegraph.graph.schema.errors
from candlegraph.graph.builder import builder
from candlegraph.graph.state import CandleInput, CandleState

PAGE = Path(candlegraph.graph.schema.errors.__file__).parents[2] / "docs" / "architecture.md"
ROW = re.compile(r"^\| (`[a-z_`, ]+`) \| (.*?) \|", re.MULTILINE)
THREAD = {"configurable": {"thread_id": "1"}}
VIEW = {"bias": "bullish", "regime": "trend", "conflicts": "none", "would_change_mind": "a close below"}
CASE = {"strength": 60, "points": ["RSI rises"], "risk": "a close below"}
SHRINK = {"verdict": "shrink", "shrink_to_pct": 50, "reason": "thin"}
SEND_BACK, VETO = ({"verdict": verdict, "reason": "because"} for verdict in ("send_back", "veto"))


def told():
    """Return the writers of each key as the page names them; a caller is no node."""
    table = PAGE.read_text(encoding="utf-8").partition("## The state")[2].partition("\n\n`source`")[0]
    found = {
        key: set(re.findall(r"`(\w+)`", writers))
        for keys, writers in ROW.findall(table)
        for key in re.findall(r"`(\w+)`", keys)
        if key != "key"
    }
    assert set(found) == set(CandleState.model_fields)
    return found


@pytest.fixture
def entry(make_snapshot):
    main = make_snapshot().main
    levels = {"key_support": main.close * 0.9, "key_resistance": main.close * 1.1, "trend_strength": "weak"}
    said = {"pair": "BTC/USDT:USDT", "confidence_score": 60, "rsi_value": main.indicators.rsi, "reason": "up"}
    return "signal_entry_long", said | levels | {"leverage": 2}


@pytest.fixture
def runs(make_context, make_snapshot, scripted, calling, entry, frames, tmp_path):
    """Return contexts and inputs of runs in which every node of every depth does all that it can do."""
    for name, frame in frames.items():
        frame.to_feather(tmp_path / f"BTC_USDT_USDT-{name}.feather")
    snapshot = make_snapshot()
    given, loaded = {"snapshot": snapshot}, {"pair": snapshot.pair, "candle": snapshot.candle}
    required = {"approval": {"required": True}}
    opinions = [calling(("StateView", VIEW)), *[calling(("MakeCase", CASE))] * 2]
    looped = [calling(text="hm"), calling(("query_rag_stats", {})), calling(entry)]
    back, shrink, veto = (calling(("ReviewEntry", one)) for one in (SEND_BACK, SHRINK, VETO))

    def context(*answers, depth, **blocks):
        return make_context(scripted(*answers), llm_config={"depth": depth}, datadir=tmp_path, **blocks)

    return [
        (context(*looped, depth="fast"), loaded),
        (context(calling(entry), depth="fast", risk_management=required), given),
        (context(calling(entry), shrink, depth="balanced", risk_management=required), given),
        (context(*opinions, *looped, back, calling(entry), veto, depth="deep"), given),
        (context(depth="deep").for_candle(spent="all spent"), given),
    ]


async def writes_of(context, given):
    """Run one candle in a new thread, with a person who refuses every entry; yield what each node wrote."""
    saved = builder.compile(checkpointer=MemorySaver())
    refusal = Command(resume={"verdict": "no answer that counts"})
    for step in (CandleInput(**given), refusal):
        if step is refusal and not (await saved.aget_state(THREAD)).next:
            return
        async for part in saved.astream(step, THREAD, context=context, stream_mode="updates"):
            for node, wrote in part.items():
                if node != "__interrupt__":
                    yield node, wrote or {}


def test_the_page_names_exactly_the_nodes_that_write_a_key(runs):
    async def seen():
        found, nodes = {key: set() for key in CandleState.model_fields}, set()
        for context, given in runs:
            async for node, wrote in writes_of(context, given):
                nodes.add(node)
                for key in wrote:
                    found[key].add(node)
        return found, nodes

    found, nodes = asyncio.run(seen())
    assert nodes == set(builder.nodes)
    assert found == told()
    assert [key for key, writers in found.items() if len(writers) > 1] == ["messages", "signal"]


def test_after_the_reviewer_an_entry_only_becomes_safer(runs):
    async def signals():
        return [
            [wrote["signal"] for node, wrote in [one async for one in writes_of(*run)] if wrote.get("signal")]
            for run in runs
        ]

    for first, *later in asyncio.run(signals()):
        for signal in later:
            assert signal.action in (first.action, "wait")
            assert (signal.stake or 0, signal.stake_ratio) <= (first.stake or 0, first.stake_ratio)
