"""The compiled graph: one journey, interrupts and resumption, and no way for the future into the prompt."""

import asyncio
import warnings
from datetime import timedelta

import pytest
from langgraph.checkpoint.memory import InMemorySaver

from candlegraph.graph.builder import builder, graph
from candlegraph.graph.schema.facts import parse_facts
from candlegraph.graph.settings.context import ContextConfig
from candlegraph.graph.state import CandleInput, CandleState
from candlegraph.tools.market.facts import facts_of
from candlegraph.tools.market.situation import situation_of, space_of

NODES = ["analyst", "retriever", "decision", "tools", "reviewer"]
TRIAGED = {"llm_config": {"triage": {"enabled": True}}}


@pytest.fixture
def wait(make_snapshot):
    """Return the right arguments of waiting and holding."""
    rsi = make_snapshot().main.indicators.rsi
    return {"pair": "BTC/USDT:USDT", "confidence_score": 60, "rsi_value": rsi, "reason": "calm"}


@pytest.fixture
def situation(make_snapshot):
    """Return situation vector and space of the default snapshot."""
    facts = facts_of(make_snapshot(), ContextConfig().timeframes, ())
    return situation_of(facts), space_of(facts)


def decided(context, snapshot):
    return CandleState.model_validate(asyncio.run(graph.ainvoke(CandleInput(snapshot=snapshot), context=context)))


def test_the_plain_graph_is_invoked_without_a_loop_and_under_a_running_one(
    make_context, make_snapshot, scripted, calling, wait
):
    context = make_context(scripted(calling(("signal_wait", wait))))
    given = CandleInput(snapshot=make_snapshot())
    expected = decided(context, make_snapshot()).signal

    async def cell():
        return graph.invoke(given, context=context)["signal"]

    assert graph.invoke(given, context=context)["signal"] == asyncio.run(cell()) == expected


def test_the_journey_of_one_candle(make_context, make_snapshot, make_trade, scripted, calling, situation, as_of, wait):
    """analyst -> retriever -> decision (a fault, a memory call, an entry) -> reviewer, on a memory of twelve losses."""
    price = make_snapshot().price
    entry = wait | {
        "leverage": 50,
        "key_support": price * 0.9,
        "key_resistance": price * 1.1,
        "trend_strength": "强势",
        "stop_loss": price * 0.95,
        "stake_amount": 900,
    }
    model = scripted(
        calling(("signal_entry_long", entry | {"leverage": 500})),
        calling(("query_rag_stats", {})),
        calling(("signal_entry_long", entry)),
    )
    context = make_context(model, risk_management={"max_leverage": 10, "max_risk_per_trade_pct": 1})
    for number in range(12):
        context.memory.add(make_trade(number, *situation, as_of - timedelta(days=1 + number)))

    state = decided(context, make_snapshot())

    assert len(state.lessons.cases) == 5
    prompt = parse_facts(model.seen[0][1].content)
    assert (prompt.experience.long_cases, prompt.experience.long_success_rate) == (12, 0)
    assert '"total_experiences": 12' in state.messages[-3].content
    assert [message.type for message in state.messages] == ["system", "human", *["ai", "tool"] * 3]
    assert state.signal.action == "enter_long"
    assert state.signal.leverage == 10
    loss = state.signal.stake * state.signal.leverage * (0.05 + 2 * 0.0005)
    assert loss == pytest.approx(100)  # 1 % of 10,000
    assert {clamp.key for clamp in state.signal.clamps} == {"max_leverage", "max_risk_per_trade_pct"}
    assert context.memory.stats("studio")["total_experiences"] == 12


@pytest.mark.parametrize("blocks, nodes", [({}, NODES), (TRIAGED, [NODES[0], "triage", *NODES[1:]])])
def test_nodes_run_in_their_order_and_only_where_they_are_on(
    make_context, make_snapshot, scripted, calling, wait, blocks, nodes
):
    async def steps():
        given = CandleInput(snapshot=make_snapshot())
        context = make_context(scripted(calling(("signal_wait", wait))), **blocks)
        return [name async for part in graph.astream(given, context=context, stream_mode="updates") for name in part]

    assert asyncio.run(steps()) == nodes


@pytest.mark.parametrize("side", [None, "long"])
@pytest.mark.parametrize("stop_before", NODES[1:])
def test_state_survives_strict_msgpack_interrupt_and_resume(
    make_context, make_snapshot, make_trade, scripted, calling, situation, as_of, wait, stop_before, side
):
    name = "signal_hold" if side else "signal_wait"
    snapshot = make_snapshot(side)
    context = make_context(scripted(calling((name, wait))))
    context.memory.add(make_trade(1, *situation, as_of - timedelta(hours=1)))
    straight = decided(context, snapshot)

    async def interrupted():
        saved = builder.compile(checkpointer=InMemorySaver(), interrupt_before=[stop_before])
        thread = {"configurable": {"thread_id": "1"}}
        await saved.ainvoke(CandleInput(snapshot=snapshot), thread, context=context)
        paused = await saved.aget_state(thread)
        assert paused.next == (stop_before,)
        assert paused.values["snapshot"] == snapshot  # a model again, not a dict
        return await saved.ainvoke(None, thread, context=context)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        resumed = CandleState.model_validate(asyncio.run(interrupted()))
    assert straight.lessons.cases
    for field in ("snapshot", "facts", "situation", "lessons", "signal"):
        assert getattr(resumed, field) == getattr(straight, field), field
    assert [m.content for m in resumed.messages] == [m.content for m in straight.messages]
    assert resumed.messages[-1].artifact == straight.messages[-1].artifact


def test_a_thread_keeps_nothing_of_the_candle_before(make_context, make_snapshot, scripted, calling, wait, as_of):
    """In Studio a thread goes on: a skip, an objection or a briefing of the last candle must not decide this one."""
    context = make_context(scripted(calling(("signal_wait", wait))))
    earlier = make_snapshot(as_of=as_of - timedelta(hours=9))
    saved, thread = builder.compile(checkpointer=InMemorySaver()), {"configurable": {"thread_id": "1"}}

    async def one_after_another():
        await saved.ainvoke(CandleInput(snapshot=earlier), thread, context=context.for_candle(spent="all spent"))
        await saved.ainvoke(CandleInput(snapshot=earlier), thread, context=context)
        return await saved.ainvoke(CandleInput(snapshot=make_snapshot()), thread, context=context)

    state = CandleState.model_validate(asyncio.run(one_after_another()))
    alone = decided(context, make_snapshot())
    for name in ("facts", "lessons", "skipped", "critiques", "signal"):
        assert getattr(state, name) == getattr(alone, name), name
    assert [m.content for m in state.messages] == [m.content for m in alone.messages]


def test_a_thread_takes_the_candle_that_is_asked_for_now(make_context, make_snapshot, frames, as_of, tmp_path):
    for name, frame in frames.items():
        frame.to_feather(tmp_path / f"BTC_USDT_USDT-{name}.feather")
    saved, thread = builder.compile(checkpointer=InMemorySaver()), {"configurable": {"thread_id": "1"}}
    context = make_context(datadir=tmp_path)

    async def seen(given):
        return (await saved.ainvoke(given, thread, context=context))["snapshot"].as_of

    async def one_after_another():
        asked = {"pair": "BTC/USDT:USDT", "candle": (as_of - timedelta(hours=5)).isoformat()}
        snapshot = make_snapshot()
        later = asked | {"candle": (as_of - timedelta(hours=2)).isoformat()}
        return [await seen(given) for given in (asked, {"snapshot": snapshot}, later)]

    half = timedelta(minutes=30)
    assert asyncio.run(one_after_another()) == [
        as_of - timedelta(hours=5) + half,
        as_of,
        as_of - timedelta(hours=2) + half,
    ]


def test_state_is_plain_json_there_and_back(make_context, make_snapshot, scripted, calling, wait):
    state = decided(make_context(scripted(calling(("signal_hold", wait)))), make_snapshot("short"))
    back = CandleState.model_validate_json(state.model_dump_json())
    assert (back.snapshot, back.facts, back.signal) == (state.snapshot, state.facts, state.signal)


def test_only_what_was_known_before_the_decision_reaches_the_prompt(
    make_context, make_snapshot, make_trade, scripted, calling, situation, as_of, wait
):
    model = scripted(calling(("signal_wait", wait)))
    context = make_context(model)
    moments = {
        "KNOWN": as_of - timedelta(microseconds=1),
        "NOW": as_of,
        "SOON": as_of + timedelta(microseconds=1),
        "LATER": as_of + timedelta(days=30),
    }
    for name, known_at in moments.items():
        context.memory.add(make_trade(name, *situation, known_at, pair=f"{name}/USDT:USDT"))
    state = decided(context, make_snapshot())
    assert [case.pair for case in state.lessons.cases] == ["KNOWN/USDT:USDT"]
    text = "".join(str(message.content) for message in model.seen[0])
    assert [name for name in moments if f"{name}/USDT" in text] == ["KNOWN"]


def test_what_is_learnt_later_changes_no_earlier_decision(
    make_context, make_snapshot, make_trade, scripted, calling, situation, as_of, wait
):
    model = scripted(calling(("signal_wait", wait)))
    context = make_context(model)
    before = decided(context, make_snapshot())
    for number in range(20):
        context.memory.add(make_trade(number, *situation, as_of + timedelta(minutes=30 * number)))
    after = decided(context, make_snapshot())
    assert after.lessons == before.lessons
    assert [m.content for m in model.seen[1]] == [m.content for m in model.seen[0]]


@pytest.mark.parametrize("readable, found", [([], 0), (["backtest:a"], 1)])
def test_another_namespace_is_read_only_where_configured(
    make_context, make_snapshot, make_trade, scripted, calling, situation, as_of, wait, readable, found
):
    context = make_context(
        scripted(calling(("signal_wait", wait))), experience_config={"rag_config": {"read_namespaces": readable}}
    )
    context.memory.add(make_trade(1, *situation, as_of - timedelta(hours=1), namespace="backtest:a"))
    assert len(decided(context, make_snapshot()).lessons.cases) == found


@pytest.mark.parametrize("trades, guided", [(9, False), (10, True)])
def test_guidance_is_given_from_ten_similar_trades_on(
    make_context, make_snapshot, make_trade, scripted, calling, situation, as_of, wait, trades, guided
):
    context = make_context(scripted(calling(("signal_wait", wait))))
    for number in range(trades):
        context.memory.add(make_trade(number, *situation, as_of - timedelta(hours=1)))
    assert (decided(context, make_snapshot()).lessons.summary is not None) == guided


@pytest.mark.parametrize("settings, found", [({"top_k": 2}, 2), ({"similarity_threshold": 1.0}, 0), ({}, 3)])
def test_number_and_similarity_of_cases_are_limited(
    make_context, make_snapshot, make_trade, scripted, calling, situation, as_of, wait, settings, found
):
    context = make_context(
        scripted(calling(("signal_wait", wait))), experience_config={"rag_config": {"vector_store": settings}}
    )
    vector, space = situation
    turned = (*vector[:-1], vector[-1] + 0.3)
    for number in range(3):
        context.memory.add(make_trade(number, turned, space, as_of - timedelta(days=1 + number)))
    assert len(decided(context, make_snapshot()).lessons.cases) == found
