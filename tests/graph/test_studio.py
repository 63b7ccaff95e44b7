"""What LangGraph's server runs stays in the namespace `studio`, whatever a person writes into context or state."""

import asyncio
import importlib
import json
from datetime import timedelta
from pathlib import Path

import pytest
from langgraph.checkpoint.memory import MemorySaver

import candlegraph.graph.schema.errors
from candlegraph.graph.reflection import ReflectionInput, builder
from candlegraph.graph.schema.errors import MemoryStoreError
from candlegraph.graph.settings.context import ContextConfig
from candlegraph.graph.state import CandleInput
from candlegraph.graph.studio import candle_graph, reflection_graph
from candlegraph.tools.market.facts import facts_of
from candlegraph.tools.market.situation import situation_of, space_of

ROOT = Path(candlegraph.graph.schema.errors.__file__).parents[2]


def test_every_graph_that_the_server_knows_is_one_that_stays():
    graphs = json.loads((ROOT / "langgraph.json").read_text())["graphs"]
    found = {}
    for name, one in graphs.items():
        path, _, attribute = one["path"].partition(":")
        module = importlib.import_module("candlegraph." + ".".join(Path(path).with_suffix("").parts))
        found[name] = getattr(module, attribute)
    assert set(found) == {"candlegraph", "reflection"}
    for name, one in found.items():
        assert one.name == name
        assert one.context_schema(namespace="live").namespace == "studio"
        assert one.get_context_jsonschema()["properties"]["namespace"]["default"] == "studio"


def told(make_context, **changes):
    """Return a context as a client of the server sends it."""
    return make_context(namespace="live", **changes).model_dump()


def test_what_a_live_context_learns_is_learnt_in_studio(make_context, make_trade, as_of, caplog):
    trade = make_trade("k", (1.0, 0.5), "test", as_of).source
    given = told(make_context)
    asyncio.run(reflection_graph.ainvoke(ReflectionInput(trade=trade), context=given))
    assert make_context().memory.namespaces() == ("studio",)
    assert "expected namespace 'studio', was 'live'" in caplog.text
    with pytest.raises(MemoryStoreError, match="expected a trade of namespace studio, was live"):
        live = trade.model_copy(update={"namespace": "live"})
        asyncio.run(reflection_graph.ainvoke(ReflectionInput(trade=live), context=given))


def learn(context, **given):
    return asyncio.run(reflection_graph.ainvoke(ReflectionInput(**given), context=context))


def test_a_bots_trade_is_learnt_in_studio_by_the_decision_that_opened_it_and_stays_as_it_is(
    make_context, make_trade, as_of
):
    memory, given = make_context().memory, told(make_context)
    opened = "48042f5d-0d43-583f-8c40-267dc8742d43"
    live = make_trade("k", (1.0, 0.5), "test", as_of, namespace="live", decision_id=opened).source
    memory.enqueue(live)
    assert learn(given, trade_key=opened[:8])["experience"].source == live.model_copy(update={"namespace": "studio"})
    assert memory.take("live", "k") is not None and memory.namespaces() == ("studio",)
    with pytest.raises(MemoryStoreError, match="no closed trade k waits in namespace studio"):
        learn(given, trade_key="k")
    read = make_context(experience_config={"rag_config": {"read_namespaces": ["live"]}}).model_dump()
    assert learn(read, trade_key="k")["experience_id"] is None, "it is learnt there already"
    other = make_trade("other", (1.0, 0.5), "test", as_of, namespace="dry_run", decision_id="5" * 36)
    memory.add(other)
    assert learn(given, trade_key="5" * 12)["experience"].source.trade_key == "other"


def test_a_server_that_allows_it_learns_where_the_bot_learns(make_context, make_trade, as_of, monkeypatch, caplog):
    monkeypatch.setenv("CANDLEGRAPH_STUDIO_NAMESPACES", "live dry_run")
    memory = make_context().memory
    memory.enqueue(make_trade("k", (1.0, 0.5), "test", as_of, namespace="live").source)
    assert learn(told(make_context), trade_key="k")["experience_id"] == 1
    assert memory.take("live", "k") is None and memory.namespaces() == ("live",) and caplog.text == ""
    other = make_trade("k", (1.0, 0.5), "test", as_of, namespace="backtest:a").source
    with pytest.raises(MemoryStoreError, match="expected a trade of namespace studio, was backtest:a"):
        learn(make_context(namespace="backtest:a").model_dump(), trade=other)
    assert "expected namespace 'studio' or 'live' or 'dry_run', was 'backtest:a'" in caplog.text


@pytest.mark.parametrize("node", ["evaluate", "review"])
def test_a_trade_that_a_person_moves_to_another_namespace_is_not_learnt(make_context, make_trade, as_of, node):
    saved, thread = builder.compile(checkpointer=MemorySaver()), {"configurable": {"thread_id": "1"}}
    learnt = make_trade("k", (1.0, 0.5), "test", as_of)
    live = learnt.source.model_copy(update={"namespace": "live"})
    changed = {"trade": live} if node == "evaluate" else {"experience": learnt.model_copy(update={"source": live})}
    context = make_context()

    async def moved():
        await saved.ainvoke(ReflectionInput(trade=learnt.source), thread, context=context, interrupt_after=[node])
        await saved.aupdate_state(thread, changed, as_node=node)
        await saved.ainvoke(None, thread, context=context)

    with pytest.raises(MemoryStoreError, match="expected a trade of namespace studio, was live"):
        asyncio.run(moved())
    assert context.memory.namespaces() == ()


@pytest.mark.parametrize("readable, pairs", [([], ["S/USDT:USDT"]), (["live"], ["L/USDT:USDT", "S/USDT:USDT"])])
def test_another_namespace_is_read_only_where_the_configuration_says_so(
    make_context, make_snapshot, make_trade, as_of, readable, pairs
):
    facts = facts_of(make_snapshot(), ContextConfig().timeframes, ())
    given = situation_of(facts), space_of(facts), as_of - timedelta(hours=1)
    given_context = told(make_context, experience_config={"rag_config": {"read_namespaces": readable}})
    memory = make_context().memory
    memory.add(make_trade(1, *given, pair="S/USDT:USDT"))
    memory.add(make_trade(2, *given, pair="L/USDT:USDT", namespace="live"))
    ended = asyncio.run(candle_graph.ainvoke(CandleInput(snapshot=make_snapshot()), context=given_context))
    assert sorted(case.pair for case in ended["lessons"].cases) == pairs


@pytest.mark.parametrize("graph", [candle_graph, reflection_graph], ids=lambda one: one.name)
def test_every_field_of_a_form_says_what_it_is_with_an_example_and_a_default(graph):
    for schema in (graph.get_input_jsonschema(), graph.get_context_jsonschema()):
        assert schema["properties"]
        for name, field in schema["properties"].items():
            assert {"description", "examples", "default"} <= set(field), (name, field)
